"""What can be seen and heard of items: thumbnails, aspect ratios, curves of loudness, files."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from isthmus.core.errors import MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE
from isthmus.media import decode
from isthmus.media.image import FORMATS
from isthmus.media.sniff import MEDIA_TYPES, container, read_head
from isthmus.report.kit.assets import webp
from isthmus.store import Entry

THUMBNAIL_SIDES = (160, 320, 640)
_CACHED = 64 * 2**20
_ASPECTS = 200_000
_POINTS = 240


class Previews:
    """Previews of items, the last of them kept."""

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
        return self._preview((key, side), lambda: _small(item(), side))

    def loudness(self, key: str, item: Callable[[], MediaItem]) -> bytes:
        """Peaks of a sound over its length, one byte each; see :func:`_peaks`."""
        return self._preview((key, "loudness"), lambda: _peaks(item()))

    def aspect(self, entry: Entry) -> float | None:
        """Width over height of a picture, from its header; None where it cannot be told."""
        if entry.modality != IMAGE or entry.gone:
            return None
        if entry.id not in self._aspects:
            if len(self._aspects) > _ASPECTS:
                self._aspects.clear()
            self._aspects[entry.id] = _aspect(entry.source)
        return self._aspects[entry.id]

    def _preview(self, key: tuple[str, object], make: Callable[[], bytes]) -> bytes:
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
    kind = container(read_head(path), source=entry.source)
    return path, MEDIA_TYPES.get(kind, "application/octet-stream")


def _small(item: MediaItem, side: int) -> bytes:
    if item.modality != IMAGE:
        raise UnsupportedMediaError(item.source, f"is {item.modality}; only pictures have one")
    return webp(item, side)[0]


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
        with Image.open(source, formats=FORMATS) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError):
        return None
    return round((height / width if turned else width / height), 4)
