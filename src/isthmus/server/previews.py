"""What can be seen and heard of items: thumbnails, aspect ratios, curves of loudness, files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from cachetools import LRUCache

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE
from isthmus.media.formats import MEDIA_TYPES
from isthmus.media.sniff import container, read_head
from isthmus.pipeline import WORKERS
from isthmus.store import Entry

THUMBNAIL_SIDES = (160, 320, 640)
_CACHED = 64 * 2**20
"""Bytes of thumbnails and curves of loudness that are kept."""
_ASPECTS = 200_000
"""Pictures whose aspect ratio is kept."""
_POINTS = 240


class Previews:
    """Previews of items, the last of them kept."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, object], bytes] = LRUCache(_CACHED, getsizeof=len)
        self._aspects: LRUCache[str, float | None] = LRUCache(_ASPECTS)
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
        return self._preview((key, side), lambda: WORKERS.thumbnail(item(), side).webp)

    def loudness(self, key: str, item: Callable[[], MediaItem]) -> bytes:
        """Peaks of a sound over its length, one byte each, 0…255."""
        return self._preview((key, "loudness"), lambda: WORKERS.loudness(item(), _POINTS))

    def aspect(self, entry: Entry) -> float | None:
        """Width over height of a picture, from its header; None where it cannot be told."""
        if entry.modality != IMAGE or entry.gone:
            return None
        with self._lock:
            if entry.id in self._aspects:
                return self._aspects[entry.id]
        made = _aspect(entry.source)
        with self._lock:
            self._aspects[entry.id] = made
        return made

    def _preview(self, key: tuple[str, object], make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
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


def _aspect(source: str) -> float | None:
    try:
        return WORKERS.aspect(MediaItem("", IMAGE, source, Path(source)))
    except MediaError:
        return None
