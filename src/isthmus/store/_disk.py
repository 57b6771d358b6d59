"""What a store on disk needs of the file system: a lock, and bytes that survive a power cut."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isthmus.core.artifact import flush


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

    def flush(self) -> None:
        """Flush files that are new since the last call, and the folders that list them."""
        for folder, _, names in os.walk(self._root):
            paths = [f"{folder}/{name}" for name in names]
            new = [path for path in paths if path not in self._done]
            for path in (*new, folder) if new else ():
                with suppress(FileNotFoundError):  # removed by a clean-up meanwhile
                    flush(Path(path))
            self._done.update(new)


def short(error: BaseException) -> str:
    """The first line of an error that may span a screen, without the place in a library."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r",? \S+\.rs:\d+(:\d+)?$", "", line)[:300]
