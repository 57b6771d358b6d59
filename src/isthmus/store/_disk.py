"""What a store on disk needs of the file system: a lock, and bytes that survive a power cut."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Lock:
    """One writer at a time, over threads and processes; a dead process lets go by itself.

    Args:
        path: Of the file that is locked; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._descriptor = -1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the others, then hold the lock for the block; it may nest."""
        import fcntl

        with self._threads:
            if not self._depth:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    os.close(self._descriptor)


class Flusher:
    """Makes files durable that LanceDB only wrote; it calls no fsync itself.

    Args:
        root: Of the tables.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._done: set[str] = set()

    def flush(self, *, fresh: bool = True) -> None:
        """Flush files that are new since the last call, and the folders that list them.

        Args:
            fresh: Whether to flush them; else they are only noted as flushed by another.
        """
        for folder, _, names in os.walk(self._root):
            paths = [f"{folder}/{name}" for name in names]
            new = [path for path in paths if path not in self._done]
            if new and fresh:
                for path in new:
                    _fsync(path)
                _fsync(folder)
            self._done.update(new)


def _fsync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # removed by a clean-up meanwhile
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Replace a small file of text so that a reader sees the old or the new one."""
    replace_whole(path, text.encode())


def replace_whole(path: Path, data: bytes) -> None:
    """Replace a file so that a reader sees the old or the new one."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)
    _fsync(str(path.parent))


def short(error: BaseException) -> str:
    """The first line of an error that may span a screen, without the place in a library."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r",? \S+\.rs:\d+(:\d+)?$", "", line)[:300]
