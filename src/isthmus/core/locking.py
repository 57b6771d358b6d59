"""Locks for who writes, over threads and processes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.extras import require
from isthmus.core.paths import cache_dir

if TYPE_CHECKING:
    from filelock import BaseFileLock

_POLL = 0.01
"""Seconds between two tries for a lock that another writer holds; a commit takes as long."""


def writers_lock(path: Path) -> BaseFileLock:
    """A lock for one writer at a time, over threads and processes.

    It is held for a ``with`` block, which may nest. If the process dies, the system frees it.

    Args:
        path: Of the file that is locked; made where it is not there.
    """
    # Without flock, filelock would only mark the file, and a killed process leaves its mark behind.
    filelock = require("filelock", extra="store", purpose="writing beside others")
    lock: BaseFileLock = filelock.FileLock(path, poll_interval=_POLL, fallback_to_soft=False)
    return lock


def lock_for(folder: Path) -> BaseFileLock:
    """The same for a folder that cannot hold the file: who reads, changes and writes it."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    place = cache_dir() / "locks"
    place.mkdir(parents=True, exist_ok=True)
    return writers_lock(place / f"{name}.lock")
