"""Opening the bytes of an item under the cap on its size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from isthmus.core.errors import EmptyMediaError, MediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.media.limits import Limits


@contextmanager
def open_payload(item: MediaItem, limits: Limits) -> Iterator[BinaryIO]:
    """Open the item for reading only, whether it lies in a file or in memory.

    Raises:
        EmptyMediaError: If it has zero bytes.
        MediaTooLargeError: If it has more than ``limits.max_file_bytes``.
        MediaError: If the file cannot be read.
    """
    payload = item.payload
    if isinstance(payload, tuple | np.ndarray):
        raise MediaError(item.source, f"needs a file or bytes to be decoded as {item.modality}")
    if isinstance(payload, bytes):
        check_size(len(payload), item.source, limits)
        yield io.BytesIO(payload)
        return
    check_file(payload, item.source, limits)
    try:
        handle = payload.open("rb")
    except OSError as error:
        raise _unreadable(item.source, error) from error
    with handle:
        yield handle


def in_memory(item: MediaItem, limits: Limits) -> MediaItem:
    """The same item with its bytes at hand; raises what :func:`open_payload` raises."""
    with open_payload(item, limits) as handle:
        return replace(item, payload=handle.read())


def check_file(path: Path, source: str, limits: Limits) -> None:
    """Refuse what is missing, not a regular file, empty or too large, without opening it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(source, error) from error
    if not path.is_file():
        what = "is a folder, and no file" if path.is_dir() else "is not a regular file"
        raise MediaError(source, what)
    check_size(size, source, limits)


def check_size(size: int, source: str, limits: Limits) -> None:
    """Refuse zero bytes and more than ``limits.max_file_bytes``."""
    if size == 0:
        raise EmptyMediaError(source, "has zero bytes")
    if size > limits.max_file_bytes:
        raise MediaTooLargeError(
            source,
            f"has {size:,} bytes, the limit is {limits.max_file_bytes:,}; make it smaller, or cut "
            "it into parts",
        )


def _unreadable(source: str, error: OSError) -> MediaError:
    return MediaError(source, f"cannot be read ({error.strerror or error})")
