"""Items with their vectors, in memory or on disk, that can be searched."""

from __future__ import annotations

from isthmus.store.base import (
    Backend,
    Damage,
    Entry,
    FileRecord,
    HubnessCorrection,
    Scored,
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
    "HubnessCorrection",
    "MemoryBackend",
    "Scored",
    "content_id",
    "item_id",
    "open_backend",
]
