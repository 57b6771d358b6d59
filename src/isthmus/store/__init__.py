"""Items with their vectors, in memory or on disk, that can be searched."""

from __future__ import annotations

from isthmus.store.base import Backend, Damage, Entry, FileRecord, HubCorrection, Scored

__all__ = ["Backend", "Damage", "Entry", "FileRecord", "HubCorrection", "Scored"]
