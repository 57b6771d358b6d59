"""Media items: one thing of one modality, decoded only when somebody needs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash, file_content_hash
from isthmus.core.errors import DataError, MediaError
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.validate import check_vectors
from isthmus.core.view import TEXT, VECTOR

Payload = Path | bytes | tuple[str, ...] | NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class MediaItem:
    """One thing in one modality, decoded only when somebody needs it.

    Attributes:
        id: Hash of the content, so the same content has one id wherever it lies.
        modality: How its bytes are read: one of :data:`isthmus.core.view.MODALITIES`.
        source: What the user knows it by: a path, a table row, a caption.
        payload: A path, the bytes, one or several captions of one thing, or a vector.
        span: Where the item is a part of a longer one: its start and end, in seconds of a
            recording or a video, in characters of a text.
    """

    id: str
    modality: str
    source: str
    payload: Payload = field(repr=False)
    span: tuple[float, float] | None = None

    @classmethod
    def from_text(cls, text: str | Iterable[str], *, source: str | None = None) -> MediaItem:
        """An item of text: one caption, or several that describe the same thing.

        Several captions (paraphrases, languages) are one item; text encoders average the
        unit vectors of its parts.
        """
        parts = (text,) if isinstance(text, str) else tuple(text)
        if not parts:
            raise DataError(f"{source or 'text'}: needs at least one caption, got none")
        name = source if source is not None else quoted(parts[0])
        try:
            content = "\0".join(parts).encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{name!r:.80}: holds half of a character; mend the text") from error
        return cls(content_hash(content), TEXT, name, parts)

    @classmethod
    def from_path(cls, path: Path, modality: str) -> MediaItem:
        """An item in a file, identified by a hash of the bytes of that file."""
        try:
            with path.open("rb") as handle:
                return cls(file_content_hash(handle), modality, str(path), path)
        except OSError as error:
            raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error

    @classmethod
    def from_bytes(cls, data: bytes, modality: str, *, source: str) -> MediaItem:
        """An item in memory, such as a member of a tar file."""
        return cls(content_hash(data), modality, source, data)

    @classmethod
    def from_vector(cls, vector: Array, *, source: str) -> MediaItem:
        """An item that is already a native vector, ``(dim,)``."""
        row = check_vectors(vector, name=source)[0]
        return cls(content_hash(row.tobytes()), VECTOR, source, row)

    def read(self) -> bytes:
        """The bytes of the item; originals are only ever opened for reading."""
        match self.payload:
            case Path():
                try:
                    return self.payload.read_bytes()
                except OSError as error:
                    reason = f"cannot be read ({error.strerror or error})"
                    raise MediaError(self.source, reason) from error
            case bytes():
                return self.payload
            case tuple():
                return "\n".join(self.payload).encode()
            case _:
                return np.asarray(self.payload).tobytes()

    @property
    def captions(self) -> tuple[str, ...]:
        """The parts of a text item; empty for every other modality."""
        return self.payload if isinstance(self.payload, tuple) else ()


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Decoded sound: mono ``samples`` ``(n,)`` float32 in −1…1 at ``rate`` Hz."""

    samples: F32
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Decoded video: some of its frames, in order.

    Attributes:
        frames: ``(n, height, width, 3)`` uint8, in RGB.
        times: ``(n,)`` float64, when each is shown, in seconds from the beginning of the video.
        seconds: Duration of the video, or of the span of it that was asked for.
    """

    frames: NDArray[np.uint8]
    times: F64
    seconds: float


def quoted(text: str, *, limit: int = 40) -> str:
    """A caption as it appears in messages: in quotes, cut to ``limit`` characters."""
    flat = " ".join(text.split())
    return f"“{flat[:limit]}…”" if len(flat) > limit else f"“{flat}”"
