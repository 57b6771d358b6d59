"""Locks for who writes, over threads and processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other threads and processes out for a moment, while what a folder lists changes.

    The folder itself is locked, so nothing is left in it. It does not nest. Nobody is kept out
    where the folder is not there, or its disk has no locks.

    Args:
        folder: Whose entries change.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)  # closing it frees the lock
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def lock_for(folder: Path) -> BaseFileLock:
    """The same for a folder that cannot hold the file: who reads, changes and writes it."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    place = cache_dir() / "locks"
    place.mkdir(parents=True, exist_ok=True)
    return writers_lock(place / f"{name}.lock")
