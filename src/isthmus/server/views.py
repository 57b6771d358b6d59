"""What can be seen and heard of items: thumbnails, aspect ratios, curves of loudness, files."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from isthmus.core.errors import MediaError, UnsupportedMediaError
from isthmus.core.types import AUDIO, IMAGE, TEXT, MediaItem
from isthmus.media import decode
from isthmus.media.sniff import sniff_path
from isthmus.store import Entry

THUMBNAIL_SIDES = (160, 320, 640)
_CACHED = 64 * 2**20
_ASPECTS = 200_000
_POINTS = 240
_TYPES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "",
    b"OggS": "audio/ogg",
    b"fLaC": "audio/flac",
    b"ID3": "audio/mpeg",
    b"BM": "image/bmp",
}
_BY_MODALITY = {TEXT: "text/plain; charset=utf-8", AUDIO: "audio/mpeg"}


class Views:
    """Views of items, the last of them kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, object], bytes] = OrderedDict()
        self._size = 0
        self._aspects: dict[str, float | None] = {}
        self._lock = threading.Lock()

    def thumbnail(self, key: str, side: int, item: Callable[[], MediaItem]) -> bytes:
        """A picture made small, as WebP.

        Args:
            key: Of the content.
            side: Longer side in pixels.
            item: Yields the item where the thumbnail is not at hand.

        Raises:
            MediaError: If it is no picture, or cannot be read any more.
        """
        return self._view((key, side), lambda: _small(item(), side))

    def loudness(self, key: str, item: Callable[[], MediaItem]) -> bytes:
        """Peaks of a sound over its length, one byte each; see :func:`_peaks`."""
        return self._view((key, "loudness"), lambda: _peaks(item()))

    def aspect(self, entry: Entry) -> float | None:
        """Width over height of a picture, from its header; None where it cannot be told."""
        if entry.modality != IMAGE or entry.gone:
            return None
        if entry.id not in self._aspects:
            if len(self._aspects) > _ASPECTS:
                self._aspects.clear()
            self._aspects[entry.id] = _aspect(entry.source)
        return self._aspects[entry.id]

    def _view(self, key: tuple[str, object], make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += len(made)
            while self._size > _CACHED and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return made


def file_of(entry: Entry) -> tuple[Path, str]:
    """The file of an item and its media type, if it is still the one that was indexed.

    Raises:
        MediaError: If it is gone, has changed, or now lies elsewhere.
    """
    path = Path(entry.source)
    try:
        real, size = Path(os.path.realpath(path)), path.stat().st_size
    except OSError as error:
        raise MediaError(entry.source, "is no longer there") from error
    if real != path or not path.is_file():
        raise MediaError(entry.source, "is no longer the file that was indexed")
    if size != entry.size:
        raise MediaError(entry.source, "has changed since it was indexed")
    return path, media_type(path, entry.modality)


def media_type(path: Path, modality: str) -> str:
    """Told from the first bytes, never from the name."""
    with path.open("rb") as file:
        head = file.read(16)
    if modality == IMAGE and head.lstrip()[:1] == b"<":
        return "image/svg+xml"
    if head.startswith(b"RIFF"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    for start, found in _TYPES.items():
        if found and head.startswith(start):
            return found
    return _BY_MODALITY.get(modality, "application/octet-stream")


def _small(item: MediaItem, side: int) -> bytes:
    if item.modality != IMAGE:
        raise UnsupportedMediaError(item.source, f"is {item.modality}; only pictures have one")
    picture = decode(item, image_side=side)
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _peaks(item: MediaItem) -> bytes:
    """The largest deviation in each of 240 stretches, as a share of the largest, 0…255."""
    if item.modality != AUDIO:
        raise UnsupportedMediaError(item.source, f"is {item.modality}; only sounds have one")
    samples = np.abs(decode(item).samples)
    stretches = [part.max() for part in np.array_split(samples, _POINTS) if len(part)]
    peaks = np.array(stretches, dtype=np.float64)
    scaled = np.rint(255 * peaks / max(float(peaks.max(initial=0.0)), 1e-9))
    return scaled.astype(np.uint8).tobytes()


def _aspect(source: str) -> float | None:
    from PIL import Image

    try:
        if sniff_path(Path(source)) != IMAGE:
            return None
        with Image.open(source, formats=("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except (OSError, MediaError, ValueError, SyntaxError):
        return None
    return round((height / width if turned else width / height), 4)
