"""What can be seen and heard of items: thumbnails, strips of frames, shapes, loudness."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from cachetools import LRUCache

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.pipeline import WORKERS
from isthmus.store import Entry

THUMBNAIL_SIDES = (160, 320, 640)
STRIP_FRAMES = (6, 10, 20)
"""How many frames a strip may have."""
_STRIP_SIDE = 112
"""Pixels of the longer side of a frame there."""
_CACHED = 64 * 2**20
"""Bytes of thumbnails and curves of loudness that are kept."""
_ASPECTS = 200_000
"""Items whose aspect ratio, or duration, is kept."""
_POINTS = 240


class Previews:
    """Previews of items, the last of them kept."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[object, ...], bytes] = LRUCache(_CACHED, getsizeof=len)
        self._aspects: LRUCache[str, float | None] = LRUCache(_ASPECTS)
        self._seconds: LRUCache[str, float | None] = LRUCache(_ASPECTS)
        self._lock = threading.Lock()

    def thumbnail(
        self, item: MediaItem, side: int, *, check: Callable[[], None] | None = None
    ) -> bytes:
        """A picture made small, or a frame of a video, as WebP.

        Args:
            item: The picture or video.
            side: Longer side in pixels.
            check: Raises where what was decoded may not have been this item; then it is not kept.

        Raises:
            MediaError: If it is neither, or cannot be read any more.
        """
        key = (item.id, item.modality, item.span, side)
        return self._preview(key, lambda: WORKERS.thumbnail(item, side).webp, check)

    def strip(
        self, item: MediaItem, frames: int, *, check: Callable[[], None] | None = None
    ) -> bytes:
        """Frames of a video side by side, as WebP.

        Args:
            item: The video.
            frames: How many.
            check: As of :meth:`thumbnail`.

        Raises:
            MediaError: If it is no video, or cannot be read any more.
        """
        key = (item.id, item.span, frames, "strip")
        return self._preview(key, lambda: WORKERS.strip(item, frames, _STRIP_SIDE).webp, check)

    def loudness(self, item: MediaItem, *, check: Callable[[], None] | None = None) -> bytes:
        """Peaks of a sound over its length, one byte each, 0…255."""
        key = (item.id, item.span, "loudness")
        return self._preview(key, lambda: WORKERS.loudness(item, _POINTS), check)

    def aspect(self, entry: Entry) -> float | None:
        """Width over height of a picture or a video, by its header; None where that says none."""
        if entry.modality not in (IMAGE, VIDEO) or entry.gone:
            return None
        return self._told(entry, self._aspects, WORKERS.aspect)

    def seconds(self, entry: Entry) -> float | None:
        """Duration of a recording or a video; None of anything else, or where none can be told."""
        if entry.modality not in (AUDIO, VIDEO) or entry.gone:
            return None
        said = dict(entry.fields).get("duration")
        if isinstance(said, int | float):
            return float(said)
        return self._told(entry, self._seconds, WORKERS.seconds)

    def _told(
        self,
        entry: Entry,
        kept: LRUCache[str, float | None],
        ask: Callable[[MediaItem], float],
    ) -> float | None:
        """A number that a header tells of a whole item."""
        with self._lock:
            if entry.id in kept:
                return kept[entry.id]
        try:
            made = ask(MediaItem("", entry.modality, entry.source, Path(entry.source)))
        except MediaError:
            made = None
        with self._lock:
            kept[entry.id] = made
        return made

    def _preview(
        self,
        key: tuple[object, ...],
        make: Callable[[], bytes],
        check: Callable[[], None] | None,
    ) -> bytes:
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        made = make()
        if check is not None:
            check()
        with self._lock:
            self._kept[key] = made
        return made
