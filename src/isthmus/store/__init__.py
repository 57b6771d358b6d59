"""Items with their vectors, in memory or on disk, that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names

if TYPE_CHECKING:
    from isthmus.store.base import (
        Backend,
        Damage,
        FoundRows,
        HubnessCorrection,
        MatchingRows,
        NearestRows,
        Reader,
    )
    from isthmus.store.memory import MemoryBackend
    from isthmus.store.opening import open_backend
    from isthmus.store.records import (
        Entry,
        FileRecord,
        FileStatus,
        content_id,
        is_whole,
        item_id,
        part_id,
        whole_id,
    )

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
    "Reader",
    "content_id",
    "is_whole",
    "item_id",
    "open_backend",
    "part_id",
    "whole_id",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Backend": "isthmus.store.base",
        "Damage": "isthmus.store.base",
        "Entry": "isthmus.store.records",
        "FileRecord": "isthmus.store.records",
        "FileStatus": "isthmus.store.records",
        "FoundRows": "isthmus.store.base",
        "HubnessCorrection": "isthmus.store.base",
        "MatchingRows": "isthmus.store.base",
        "MemoryBackend": "isthmus.store.memory",
        "NearestRows": "isthmus.store.base",
        "Reader": "isthmus.store.base",
        "content_id": "isthmus.store.records",
        "is_whole": "isthmus.store.records",
        "item_id": "isthmus.store.records",
        "open_backend": "isthmus.store.opening",
        "part_id": "isthmus.store.records",
        "whole_id": "isthmus.store.records",
    },
)
