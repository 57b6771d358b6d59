"""The contracts of encoders and heads, and how progress is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from isthmus.core.linalg import F32

Progress = Callable[[str, int, int], None]
"""Called with a phase, what is done and the total: ``progress("encode image", 32, 674)``."""


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
        """Turn a decoded item into what :meth:`encode` takes; runs in worker threads.

        Args:
            decoded: What ``isthmus.media.decode`` yields for this modality: captions as
                ``tuple[str, ...]``, a ``PIL.Image.Image`` in RGB, a :class:`Waveform`, or
                a vector ``(dim,)``.

        Raises:
            InputError: If nothing can be made of it.
        """
        ...

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors of prepared items, ``(len(batch), dim)`` float32, finite and not zero."""
        ...


@runtime_checkable
class Head(Protocol):
    """What an aligner leaves behind for one modality: a small map that needs only numpy."""

    kind: str

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        ...

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        ...

    def __call__(self, x: NDArray[Any]) -> F32:
        """Native vectors ``(n, input_dim)`` to unit vectors ``(n, output_dim)`` float32."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Parameters as JSON-serialisable values and as arrays."""
        ...
