"""The contracts of encoders and heads, and how progress is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self, runtime_checkable

from isthmus.core.linalg import F32, Array

Progress = Callable[[str, int, int], None]
"""Called with a phase, what is done and the total: ``progress("encode image", 32, 674)``."""


def untold(phase: str, done: int, total: int) -> None:
    """Progress where nobody wants to be told."""


@runtime_checkable
class Encoder(Protocol):
    """A frozen model: decoded items in, native vectors out.

    Attributes:
        id: The name users type.
        modality: What it reads.
        dim: Length of its vectors.
        fingerprint: Names weights and preprocessing exactly; equal fingerprints give
            equal vectors.
        languages: BCP 47 tags that a text encoder was made for; empty where that has no
            meaning.
    """

    id: str
    modality: str
    dim: int
    fingerprint: str
    languages: tuple[str, ...]

    def prepare(self, decoded: Any) -> Any:
        """Turn a decoded item into what :meth:`encode` takes.

        It runs in child processes where :func:`isthmus.encoders.load` made the encoder, else in
        worker threads.

        Args:
            decoded: What ``isthmus.media.decode`` yields for this modality: captions as
                ``tuple[str, ...]``, a ``PIL.Image.Image`` in RGB, a :class:`Waveform`, a
                :class:`Clip`, or a vector ``(dim,)``.

        Raises:
            InputError: If nothing can be made of it.
        """
        ...

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors of prepared items, ``(len(batch), dim)`` float32, finite and not zero."""
        ...


@runtime_checkable
class Batched(Protocol):
    """An encoder that prefers batches of one size.

    Attributes:
        batch_size: Items a batch.
    """

    batch_size: int


@runtime_checkable
class Sized(Protocol):
    """An encoder of images that needs no more than so many pixels.

    Attributes:
        image_side: Shorter side in pixels; None for all there are.
    """

    image_side: int | None


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are decoded.

    Attributes:
        frames: At most how many.
        by: ``"uniform"``: evenly over the video; ``"shots"``: the middle of every shot first.
        rate: Frames a second, where a video is so short that this gives fewer; 0 for all it has.
    """

    frames: int = 16
    by: Literal["uniform", "shots"] = "uniform"
    rate: float = 0.0


@runtime_checkable
class Sampled(Protocol):
    """An encoder of videos that says which frames it looks at.

    Attributes:
        sampling: Which.
    """

    sampling: Sampling


@runtime_checkable
class Windowed(Protocol):
    """An encoder whose vector is of so much of an item, and no more.

    Attributes:
        window: Seconds of a recording or a video, characters of a text; infinite where it takes
            all there is.
    """

    window: float


@runtime_checkable
class Fitted(Protocol):
    """An encoder that learns from the texts of a data set before it encodes."""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from texts.

        Returns:
            Itself.
        """
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was learned, as JSON-serialisable values and as arrays."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, Any], tensors: Mapping[str, Array]) -> Self:
        """The encoder that :meth:`state` described."""
        ...


@runtime_checkable
class Configured(Protocol):
    """An encoder that can say with which options it is made again."""

    def options(self) -> dict[str, Any]:
        """Options for :func:`isthmus.encoders.load`, JSON-serialisable."""
        ...


@runtime_checkable
class Joint(Protocol):
    """An encoder of a model whose vectors of several modalities lie in one space, like CLIP's.

    Attributes:
        joint: Names that space; encoders of equal ``joint`` can be compared by their cosines.
            Empty where the vectors lie in none, as those of a middle layer.
        logit_scale: By what the model multiplies cosines before softmax or sigmoid.
        logit_bias: What it then adds; 0 where it knows none.
    """

    joint: str
    logit_scale: float
    logit_bias: float


@runtime_checkable
class Placed(Protocol):
    """An encoder that runs where and as precisely as its owner chose."""

    @property
    def device(self) -> str:
        """``"cpu"``, ``"cuda"`` or ``"mps"``, never ``"auto"``."""
        ...

    @property
    def dtype(self) -> str:
        """Of its weights: ``"float32"``, ``"float16"`` or ``"bfloat16"``."""
        ...


@runtime_checkable
class Filed(Protocol):
    """An encoder whose model lies in files."""

    @property
    def folder(self) -> Path | None:
        """Where they are, or the one file; None if they are not on this machine yet."""
        ...


@runtime_checkable
class Layered(Protocol):
    """An encoder whose hidden layers can be told apart.

    Attributes:
        depth: How many layers there are behind the embeddings.
        width: Length of the vectors of each.
    """

    depth: int
    width: int

    def encode_layers(self, batch: Sequence[Any]) -> F32:
        """Vectors of prepared items by each layer, ``(depth + 1, len(batch), width)`` float32."""
        ...


@runtime_checkable
class Licensed(Protocol):
    """An encoder that knows the licence of its weights.

    Attributes:
        licence: As an SPDX id or in words; empty where it is not known.
    """

    licence: str


def joint_of(encoder: Encoder) -> str:
    """Names the space in which an encoder's vectors lie with those of others; empty for none."""
    return encoder.joint if isinstance(encoder, Joint) else ""


def batch_size_of(encoder: Encoder, default: int = 32) -> int:
    """Items a batch that an encoder prefers."""
    return encoder.batch_size if isinstance(encoder, Batched) else default


def image_side_of(encoder: Encoder) -> int | None:
    """The shorter side in pixels that an encoder needs; None for all there are."""
    # Asked for every item: to look whether it is ``Sized`` takes as long as to read a short text.
    side: int | None = getattr(encoder, "image_side", None)
    return side


def sampling_of(encoder: Encoder) -> Sampling:
    """Which frames of a video an encoder looks at."""
    return encoder.sampling if isinstance(encoder, Sampled) else Sampling()


def window_of(encoder: Encoder) -> float:
    """How much of an item one vector of an encoder is of; infinite where that is all of it."""
    return encoder.window if isinstance(encoder, Windowed) else float("inf")


@runtime_checkable
class Head(Protocol):
    """What an aligner leaves behind for one view: a small map that needs only numpy."""

    kind: str

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        ...

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        ...

    def __call__(self, x: Array) -> F32:
        """Native vectors ``(n, input_dim)`` to unit vectors ``(n, output_dim)`` float32."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Parameters as JSON-serialisable values and as arrays."""
        ...
