"""What a store on disk needs of the file system: a lock, and bytes that survive a power cut."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.artifact import flush, write_atomically
from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.reading import check_own, read_file

if TYPE_CHECKING:
    from filelock import BaseFileLock

_CHECKSUM = 4
"""Bytes of it, before the data of a file."""


@contextmanager
def held(lock: BaseFileLock, folder: Path) -> Iterator[None]:
    """Hold the lock of a store.

    Raises:
        ArtifactError: If the folder cannot be written to.
    """
    try:
        lock.acquire()
    except OSError as error:
        raise ArtifactError(
            f"{folder} cannot be written ({error.strerror or error}). It can still be searched; to "
            "change it, make it writable, or copy it to another disk"
        ) from error
    try:
        yield
    finally:
        lock.release()


def unwritten(folder: Path, error: Exception) -> ArtifactError:
    """The error for a store that could not be written, such as on a full disk."""
    return ArtifactError(
        f"{folder} could not be written: {short(error)}. Everything written before is still there. "
        "Free some space or check the folder, then run the command again"
    )


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


def write_checked(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically, behind a checksum that :func:`read_checked` looks at."""
    write_atomically(path, b"".join([zlib.crc32(data).to_bytes(_CHECKSUM, "little"), data]))


def read_checked(path: Path) -> memoryview:
    """What :func:`write_checked` wrote.

    Raises:
        FileNotFoundError: If there is no file.
        ArtifactError: If it is no regular file, or is damaged.
    """
    data = memoryview(read_file(path))
    if len(data) < _CHECKSUM or zlib.crc32(data[_CHECKSUM:]) != int.from_bytes(
        data[:_CHECKSUM], "little"
    ):
        raise IntegrityError(f"{path} is damaged: its checksum does not match")
    return data[_CHECKSUM:]


def check_links(folder: Path, own: Iterable[str]) -> None:
    """Refuse a store with links in it, which LanceDB would follow.

    Args:
        folder: Of the store; it may be a link itself, since the user named it.
        own: Names of its parts.

    Raises:
        ArtifactError: Naming the first.
    """
    left: list[str | Path] = [folder / name for name in own]
    while left:
        path = left.pop()
        check_own(Path(path))
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as entries:
            left += [e.path for e in entries if e.is_symlink() or e.is_dir(follow_symlinks=False)]


def panicked(error: Exception) -> bool:
    """Whether a library in Rust gave up; the class of such errors cannot be imported."""
    return type(error).__name__ in ("RustPanic", "PanicException")


def short(error: BaseException) -> str:
    """The first line of an error that may span a screen, without the place in a library."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r",? \S+\.rs:\d+(:\d+)?$", "", line)[:300]
