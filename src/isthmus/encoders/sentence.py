"""``st:``: models of sentence-transformers, of a folder or of the Hugging Face hub.

Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP
2019. The library opens texts that look like an address or a path of media; here a text is
always handed to it as a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.item import Clip
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO
from isthmus.encoders.base import (
    check_captions,
    check_image,
    check_sound,
    modality_among,
    pool_captions,
)
from isthmus.encoders.hf.files import Folder, open_folder
from isthmus.encoders.hf.weights import scalar
from isthmus.encoders.parts import Parts
from isthmus.encoders.sentence_folder import SentenceFiles, SentenceFolder
from isthmus.encoders.sentence_model import EXTRA, read_model
from isthmus.encoders.strangers import strange
from isthmus.encoders.torch_model import (
    Module,
    Running,
    Tensor,
    TorchModel,
    check_running,
    transformer_memory,
)
from isthmus.encoders.windows import window_for
from isthmus.encoders.words import text_parts

_TEXTS = 256
"""Texts that it is handed at a time on the CPU; the library then takes 32 of like length."""
_ORGANISATION = "sentence-transformers"
"""Where the hub has models whose names say no other, as in the library itself."""
_RATE = 16_000
_SECONDS = 30.0
"""Of a window of sound, for models that name none: what Whisper takes at once."""
_SHORTEST = 0.1
"""Seconds to which a shorter sound is filled up: convolutions need some samples."""
_WINDOWS = 10
"""Of one clip at most."""
_TOKENS = {IMAGE: 256, AUDIO: 1500, VIDEO: 1568}
"""About how many tokens an item has: 16 × 16 patches, 30 s at 50 Hz, 8 × 14 × 14 of a clip."""
_LETTERS = 3
"""Letters a token, at least in most languages; for memory and for sorting only."""
_SCALE = 20.0
"""By what its ``MultipleNegativesRankingLoss`` multiplies cosines, where a model keeps no scale."""

Task = Literal["none", "query", "document"]


def modalities(
    name: str, *, revision: str = "", trust_remote_code: bool = False, **_: object
) -> tuple[str, ...]:
    """What a model reads; only its configuration is looked at.

    Args:
        name: A folder, or a name on the hub; without an organisation, ``sentence-transformers``.
        revision: Of the hub.
        trust_remote_code: Whether code that comes with the model may run.

    Raises:
        InputError: If it is neither, or needs code of its own.
        MissingDataError: If it is not here and cannot be fetched.
    """
    folder = _open(name, revision, weights=False)
    return SentenceFolder(folder, trust=bool(trust_remote_code)).modalities


def load(
    name: str,
    *,
    modality: str | None = None,
    task: Task = "none",
    prompt: str | None = None,
    dim: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    threads: int | None = None,
    batch_size: int = 0,
    revision: str = "",
    trust_remote_code: bool = False,
) -> SentenceEncoder:
    """The encoder of a model of sentence-transformers.

    Args:
        name: A folder, or a name on the hub; without an organisation, ``sentence-transformers``.
        modality: What it shall read, where the model reads several.
        task: ``"query"`` or ``"document"`` for the library's ``encode_query`` and
            ``encode_document``, with the prompt and the route that the model has for them. By
            default neither, since a view is asked and found alike.
        prompt: Put before every text, in place of the model's own.
        dim: Cut vectors to so many leading numbers, for models that were trained for it.
        device: See :data:`isthmus.encoders.torch_device.DEVICES`.
        dtype: See :data:`isthmus.encoders.torch_model.DTYPES`.
        threads: Of torch; default: as it is.
        batch_size: Items a batch; 0 for as many as the memory has room for.
        revision: A branch, a tag or a commit of the hub; its commit is in the fingerprint.
        trust_remote_code: Run code that comes with the model.

    Raises:
        InputError: If an option fits not, or the model reads several modalities and none is named.
        MissingDataError: If the model is not here and cannot be fetched.
    """
    called = f"st:{name}"
    running = check_running(
        called, device=device, dtype=dtype, threads=threads, batch_size=batch_size, extra=EXTRA
    )
    trust = bool(trust_remote_code)
    described = SentenceFolder(_open(name, revision), trust=trust)
    reads = modality_among(called, described.modalities, modality)
    if dim is not None and dim < 1:
        raise InputError(f"{called}: dim must be 1 or more, got {dim}")
    if prompt is not None and reads != TEXT:
        raise InputError(f"{called}: a prompt stands before texts, and this reads {reads}")
    chosen = {"task": task, "prompt": prompt, "dim": dim}
    return SentenceEncoder(called, described, reads, running, chosen, trust=trust)


class SentenceEncoder:
    """One modality of a model of sentence-transformers; :func:`load` makes it.

    A text becomes a unit vector, and several captions of one thing the unit mean of theirs. Other
    vectors are as the library gives them, and of unit length where the model reads several
    modalities. Sound is heard in windows of what the model takes, at most ten, whose vectors are
    averaged by length.
    """

    languages: tuple[str, ...] = ()

    def __init__(
        self,
        called: str,
        described: SentenceFolder,
        modality: str,
        running: Running,
        chosen: Mapping[str, Any],
        *,
        trust: bool,
    ) -> None:
        folder = described.folder
        self.id = called
        self.modality = modality
        self.folder: Path | None = folder.path
        self.dtype = running.dtype
        self._described, self._running, self._trust = described, running, trust
        self._chosen = {name: value for name, value in chosen.items() if value is not None}
        self._sound = described.sound() if modality == AUDIO else {}
        self.image_side = None
        self.window = window_for(modality)
        whole = {"scheme": "st", "files": folder.identity(), "dtype": running.dtype}
        self._model = _shared(folder, whole["files"], running, trust)
        several = len(described.modalities) > 1
        cut = {"dim": self._chosen.get("dim")}
        self.joint = fingerprint({**whole, **cut}) if several else ""
        self.fingerprint = fingerprint(
            {**whole, **self._chosen, "modality": modality, "by": _back_end(modality), "version": 1}
        )
        width = described.dim(modality, self._chosen.get("dim"))
        self.dim = width or self._measured()

    @cached_property
    def logit_scale(self) -> float:
        """By what the model multiplies cosines; 1 where it reads one modality."""
        return self._scales[0]

    @cached_property
    def logit_bias(self) -> float:
        """What the model then adds."""
        return self._scales[1]

    @property
    def batch_size(self) -> int:
        """Items that it is handed at a time."""
        return self._model.at_a_time(self.modality, _TEXTS if self.modality == TEXT else 32)

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._model.device

    def options(self) -> dict[str, Any]:
        """What :func:`load` needs to make it again."""
        commit = self._described.folder.commit
        return {
            "modality": self.modality,
            **{name: value for name, value in self._chosen.items() if value != "none"},
            **self._running.options(),
            **({"revision": commit} if commit else {}),
            **({"trust_remote_code": True} if self._trust else {}),
        }

    def prepare(self, decoded: object) -> Any:
        """Captions, pixels ``(h, w, 3)`` uint8, windows of samples, or frames ``(t, h, w, 3)``.

        The library's own processors run in :meth:`encode`, not in a child that decodes.
        """
        if self.modality == TEXT:
            return check_captions(decoded, self.id)
        if self.modality == IMAGE:
            return np.asarray(check_image(decoded, self.id), dtype=np.uint8)
        if self.modality == AUDIO:
            return self._windows(check_sound(decoded, self.id, self._rate))
        return _check_frames(decoded, self.id)

    def encode(self, batch: Sequence[Any]) -> F32:
        """Vectors ``(len(batch), dim)`` float32; of texts and joint models of unit length."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        with strange(self.id):
            if self.modality == TEXT:
                return pool_captions(batch, self._texts)
            found = self._run(list(batch)) if self.modality != AUDIO else self._heard(batch)
        return l2_normalize(found) if self.joint else found

    def split(self, decoded: object) -> Parts:
        """Words of a caption; see :func:`isthmus.encoders.words.text_parts`."""
        return text_parts(self, decoded)

    def _heard(self, batch: Sequence[list[F32]]) -> F32:
        """Vectors of sounds: means over their windows, weighted by length."""
        pieces = [piece for item in batch for piece in item]
        found = self._run(pieces)
        lengths = np.array([len(piece) for piece in pieces], dtype=np.float32)
        starts = np.cumsum([0, *(len(item) for item in batch)])[:-1]
        sums = np.add.reduceat(found * lengths[:, None], starts, axis=0)
        return np.asarray(sums / np.add.reduceat(lengths, starts)[:, None], dtype=np.float32)

    def _texts(self, texts: list[str]) -> F32:
        return l2_normalize(self._run(texts))

    def _run(self, items: list[Any]) -> F32:
        """What the library makes of items that it is handed one kind at a time."""
        return self._model.vectors(
            items,
            self._forward,
            dim=self.dim,
            length=lambda item: self._tokens(item),
            memory=self._memory,
            most=_TEXTS if self.modality == TEXT else None,
            alike=lambda item: len(item) if self.modality == AUDIO else 0,
        )

    @cached_property
    def _memory(self) -> Callable[[int], int]:
        config = self._described.config(self.modality)
        inner = config.get("text_config") if self.modality == TEXT else config.get("vision_config")
        sizes = {**config, **(inner if isinstance(inner, dict) else {})}
        width, heads = sizes.get("hidden_size", 768), sizes.get("num_attention_heads", 12)
        return transformer_memory(int(width), int(heads))

    def _tokens(self, item: Any) -> int:
        return len(item) // _LETTERS + 2 if self.modality == TEXT else _TOKENS[self.modality]

    def _forward(self, model: Module, batch: list[Any]) -> Tensor:
        task = self._chosen["task"]
        encode = {"query": model.encode_query, "document": model.encode_document}
        try:
            return encode.get(task, model.encode)(
                [self._handed(item) for item in batch],
                prompt=self._chosen.get("prompt"),
                batch_size=min(len(batch), self._model.in_a_batch),
                convert_to_tensor=True,
                show_progress_bar=False,
                truncate_dim=self._chosen.get("dim"),
            )
        except ValueError as error:
            if "route" not in str(error):
                raise
            raise InputError(
                f"{self.id} encodes queries and documents differently; write ?task=query or "
                "?task=document"
            ) from error

    def _handed(self, item: Any) -> Any:
        """An item as the library takes it, so that it need not guess what it is."""
        if self.modality == TEXT:
            return item if self._described.plain else {"text": item}
        if self.modality == IMAGE:
            from PIL import Image

            return {"image": Image.fromarray(item)}
        if self.modality == AUDIO:
            return {"audio": {"array": item, "sampling_rate": self._rate}}
        return {"video": item}

    @property
    def _rate(self) -> int:
        return int(self._sound.get("sampling_rate", _RATE))

    def _windows(self, samples: F32) -> list[F32]:
        """Parts of a sound that the model takes whole; a short rest is left out."""
        known = self._sound.get("nb_max_samples") or self._sound.get("n_samples")
        size = int(known or _SECONDS * self._rate)
        least = int(_SHORTEST * self._rate)
        if len(samples) < least:
            samples = np.pad(samples, (0, least - len(samples)))
        parts = [samples[i : i + size] for i in range(0, min(len(samples), _WINDOWS * size), size)]
        return [np.ascontiguousarray(part) for part in parts if len(part) >= least]

    @cached_property
    def _scales(self) -> tuple[float, float]:
        return _scales(self._described, self.modality) if self.joint else (1.0, 0.0)

    def _measured(self) -> int:
        """The length of its vectors, asked of the model where its files do not tell."""
        found = self._model.module().get_embedding_dimension()
        if not isinstance(found, int):
            raise InputError(f"{self.id} does not tell how long its vectors are")
        return min(found, int(self._chosen.get("dim", found)))


@lru_cache(maxsize=8)
def _shared(folder: Folder, identity: str, running: Running, trust: bool) -> TorchModel:
    """The model of a folder of this content, once for all modalities that it reads."""
    return TorchModel(folder.name, lambda: read_model(folder, trust=trust), running, extra=EXTRA)


def _open(name: str, revision: str, *, weights: bool = True) -> Folder:
    local = Path(name).expanduser().is_dir()
    whole = (
        name if local or "/" in name or name.startswith(("~", ".")) else f"{_ORGANISATION}/{name}"
    )
    return open_folder("st", whole, revision, weights=weights, kind=SentenceFiles)


def _back_end(modality: str) -> str:
    """What makes pixels of pictures: the library takes torchvision where that is installed."""
    if modality not in (IMAGE, VIDEO):
        return ""
    import importlib.util

    from PIL import __version__

    if importlib.util.find_spec("torchvision") is not None:
        return "torchvision"
    return f"pillow {__version__.partition('.')[0]}"


def _scales(described: SentenceFolder, modality: str) -> tuple[float, float]:
    """What the model learned to multiply cosines with and to add, read without the rest."""
    place = described.folder.path / described.weights_beside(modality)
    if not (place / "model.safetensors").is_file():
        return _SCALE, 0.0
    beside = Folder(described.folder.name, place)
    scale, bias = scalar(beside, "logit_scale", "logit_scale_t"), scalar(beside, "logit_bias")
    return _SCALE if scale is None else math.exp(scale), bias or 0.0


def _check_frames(decoded: object, encoder: str) -> NDArray[np.uint8]:
    frames = decoded.frames if isinstance(decoded, Clip) else np.asarray(decoded)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise InputError(
            f"{encoder} needs frames (t, h, w, 3) uint8, got {frames.dtype} {frames.shape}"
        )
    return frames
