"""Items with their vectors, in memory or on disk, that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.store.base import (
        Backend,
        Damage,
        Entry,
        FileRecord,
        FileStatus,
        FoundRows,
        HubnessCorrection,
        MatchingRows,
        NearestRows,
        content_id,
        item_id,
    )
    from isthmus.store.memory import MemoryBackend
    from isthmus.store.opening import open_backend

__all__ = [
    "Backend",
    "Damage",
    "Entry",
    "FileRecord",
    "FileStatus",
    "FoundRows",
    "HubnessCorrection",
    "MatchingRows",
    "MemoryBackend",
    "NearestRows",
    "content_id",
    "item_id",
    "open_backend",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Backend": "isthmus.store.base",
        "Damage": "isthmus.store.base",
        "Entry": "isthmus.store.base",
        "FileRecord": "isthmus.store.base",
        "FileStatus": "isthmus.store.base",
        "FoundRows": "isthmus.store.base",
        "HubnessCorrection": "isthmus.store.base",
        "MatchingRows": "isthmus.store.base",
        "MemoryBackend": "isthmus.store.memory",
        "NearestRows": "isthmus.store.base",
        "content_id": "isthmus.store.base",
        "item_id": "isthmus.store.base",
        "open_backend": "isthmus.store.opening",
    },
)
