"""From decoded items to the tensors of a graph, as its description says."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import ArtifactError, InputError, MissingDataError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, Array
from isthmus.encoders.base import check_captions, check_image, check_sound
from isthmus.encoders.hf.pixels import PixelSettings
from isthmus.encoders.onnx_file.description import AudioInput, Description, ImageInput, TextInput
from isthmus.encoders.onnx_file.sound import log_mel
from isthmus.encoders.passes import PICTURES, TEXTS
from isthmus.encoders.square import pad_to_square
from isthmus.encoders.windows import A_TOKEN

_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
"""As PIL numbers them."""
_EPSILON = 1e-7
"""Added to a variance, as wav2vec 2's feature extractor does."""

Pixels = NDArray[Any]
Tokens = tuple[tuple[int, ...], tuple[int, ...]]
"""Ids and segments."""


class Pictures:
    """Pictures for a graph."""

    batch_size = 32
    together = PICTURES

    def __init__(self, name: str, settings: ImageInput) -> None:
        self.name, self.settings = name, settings
        size = settings.size[0] if settings.fit == "shorter" else settings.size
        self._pixels = PixelSettings(
            size,
            _FILTERS[settings.interpolation],
            settings.crop,
            settings.scale,
            settings.mean,
            settings.std,
            floats=settings.floats,
        )
        self.image_side = self._pixels.image_side

    @property
    def names(self) -> set[str]:
        """Of the graph's inputs."""
        return {self.settings.input}

    def prepare(self, decoded: object) -> Pixels:
        """Pixels ``(height, width, 3)``."""
        image = check_image(decoded, self.name)
        if self.settings.fit == "pad":
            return pad_to_square(image, self.settings.size[0], fill=self.settings.fill)
        return self._pixels.prepare(image)

    def pieces(self, prepared: Sequence[Pixels]) -> list[list[Pixels]]:
        """One piece a picture."""
        return [[pixels] for pixels in prepared]

    def length(self, piece: Pixels) -> int:
        """All cost the same."""
        return 1

    def alike(self, piece: Pixels) -> tuple[int, ...]:
        """Only pictures of one size share a batch."""
        return piece.shape

    def weight(self, piece: Pixels) -> float:
        """One piece is all."""
        return 1.0

    def arrays(self, pieces: Sequence[Pixels]) -> dict[str, Array]:
        """Pixels in the layout of the graph."""
        settings = self.settings
        made: Array
        if settings.dtype == "uint8":
            made = np.stack(pieces)
            if settings.layout == "nchw":
                made = made.transpose(0, 3, 1, 2)
        else:
            made = self._pixels.normalized(pieces)
            if settings.layout == "nhwc":
                made = made.transpose(0, 2, 3, 1)
        return {settings.input: np.ascontiguousarray(made)}

    def counts(self, pieces: Sequence[Pixels]) -> Array | None:
        """All tokens count."""
        return None


class Texts:
    """Texts for a graph, by the library ``tokenizers``."""

    batch_size = 256
    together = TEXTS

    def __init__(self, name: str, settings: TextInput, folder: Path) -> None:
        self.name, self.settings = name, settings
        self.takes = float(A_TOKEN * settings.longest)
        self._path = folder / settings.tokenizer
        self._tokenizer: Any = None
        self._lock = threading.Lock()

    @property
    def names(self) -> set[str]:
        """Of the graph's inputs."""
        return {self.settings.ids, self.settings.mask, self.settings.types} - {""}

    @property
    def files(self) -> list[Path]:
        """What changes tokens.

        Raises:
            MissingDataError: If it is not there.
        """
        if not self._path.is_file():
            raise MissingDataError(f"{self._path} is missing, and {self.name} needs it (tokenizer)")
        return [self._path]

    def prepare(self, decoded: object) -> tuple[str, ...]:
        """The captions without blank ones."""
        return check_captions(decoded, self.name)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of every text."""
        said = [self.settings.prompt + text for text in texts]
        if self.settings.lower:
            said = [text.lower() for text in said]
        made = self._loaded()
        try:
            found = made.encode_batch(said)
        except BaseException as error:
            if not _of_library(error):
                raise
            raise InputError(f"{self._path} cannot cut this text: {error!s:.200}") from error
        return [(tuple(each.ids), tuple(each.type_ids)) for each in found]

    def length(self, piece: Tokens) -> int:
        """Tokens."""
        return len(piece[0])

    def alike(self, piece: Tokens) -> int:
        """The mask hides what fills texts up, and so may all share a batch."""
        return 0 if self.settings.mask or self.settings.full else len(piece[0])

    def arrays(self, pieces: Sequence[Tokens]) -> dict[str, Array]:
        """Tokens, filled up behind."""
        settings = self.settings
        longest = settings.longest if settings.full else max(map(self.length, pieces))
        ids = np.full((len(pieces), longest), settings.pad, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, (own, segments) in enumerate(pieces):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
            types[row, : len(own)] = segments
        named = {settings.ids: ids, settings.mask: mask, settings.types: types}
        return {name: array for name, array in named.items() if name}

    def counts(self, pieces: Sequence[Tokens]) -> Array | None:
        """Tokens of each text; all where there is no mask: the model then sees what fills up."""
        if self.settings.full and not self.settings.mask:
            return np.full(len(pieces), self.settings.longest)
        return np.array([self.length(piece) for piece in pieces])

    def _loaded(self) -> Any:
        with self._lock:
            if self._tokenizer is None:
                library = require("tokenizers", extra="onnx", purpose=f"the encoder {self.name!r}")
                (path,) = self.files
                try:
                    made = library.Tokenizer.from_file(str(path))
                except BaseException as error:
                    if not _of_library(error):
                        raise
                    raise ArtifactError(f"{path} is no tokenizer: {error!s:.200}") from error
                _cut_only(made, self.settings.longest, self._path)
                self._tokenizer = made
        return self._tokenizer


def _of_library(error: BaseException) -> bool:
    """Whether ``tokenizers`` raised it: nothing more precise, and panics of Rust, no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _cut_only(tokenizer: Any, longest: int, path: Path) -> None:
    """Let a tokenizer cut texts, and fill none up."""
    try:
        tokenizer.enable_truncation(longest)
        tokenizer.no_padding()
    except BaseException as error:
        if not _of_library(error):
            raise
        raise ArtifactError(f"{path} cannot cut to {longest} tokens: {error!s:.200}") from error


class Sounds:
    """Sounds for a graph."""

    batch_size = 16
    together = PICTURES

    def __init__(self, name: str, settings: AudioInput) -> None:
        self.name, self.settings = name, settings
        self.takes = settings.window / settings.rate

    @property
    def names(self) -> set[str]:
        """Of the graph's inputs."""
        return {self.settings.input}

    def prepare(self, decoded: object) -> list[F32]:
        """Windows of samples."""
        settings = self.settings
        samples = check_sound(decoded, self.name, settings.rate)
        starts = range(0, min(len(samples), settings.windows * settings.window), settings.window)
        return [samples[start : start + settings.window] for start in starts]

    def pieces(self, prepared: Sequence[list[F32]]) -> list[list[F32]]:
        """One piece a window."""
        return [list(windows) for windows in prepared]

    def length(self, piece: F32) -> int:
        """Samples."""
        return max(len(piece), self.settings.shortest)

    def alike(self, piece: F32) -> int:
        """A model hears what fills a window up, so windows of a batch have one length."""
        return 0 if self.settings.full else self.length(piece)

    def weight(self, piece: F32) -> float:
        """Samples."""
        return float(len(piece))

    def arrays(self, pieces: Sequence[F32]) -> dict[str, Array]:
        """Samples ``(b, n)``, or log-mel spectrograms ``(b, mels, frames)``."""
        settings = self.settings
        length = settings.window if settings.full else max(map(self.length, pieces))
        shortest = [np.pad(each, (0, max(0, settings.shortest - len(each)))) for each in pieces]
        if settings.standardize:
            shortest = [(x - x.mean()) / np.sqrt(x.var() + _EPSILON) for x in shortest]
        rows = np.stack([np.pad(each, (0, length - len(each))) for each in shortest])
        rows = rows.astype(np.float32)
        if settings.mels:
            rows = np.stack([log_mel(row, settings.rate, settings.mels) for row in rows])
        return {settings.input: rows}

    def counts(self, pieces: Sequence[F32]) -> Array | None:
        """Tokens that cover real sound; None where all count."""
        if not self.settings.token:
            return None
        return np.array([math.ceil(len(each) / self.settings.token) for each in pieces])


Inputs = Pictures | Texts | Sounds


def inputs_of(name: str, description: Description, folder: Path) -> Inputs:
    """What prepares the items of a file."""
    if description.modality == "image" and description.image is not None:
        return Pictures(name, description.image)
    if description.modality == "text" and description.text is not None:
        return Texts(name, description.text, folder)
    if description.audio is None:
        raise ArtifactError(f"{name}: the section audio is missing")
    return Sounds(name, description.audio)


def described(feed: Mapping[str, Array]) -> str:
    """Names and shapes of tensors, for messages."""
    return ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feed.items())
