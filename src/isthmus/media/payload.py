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
from isthmus.core.view import VIDEO
from isthmus.media.beginning import begin_of
from isthmus.media.limits import Limits
from isthmus.media.sniff import head_of, sniff


@contextmanager
def open_payload(item: MediaItem, limits: Limits) -> Iterator[BinaryIO]:
    """Open the item for reading only, whether it lies in a file or in memory.

    What :func:`isthmus.media.beginning.begin_of` passes over is left out.

    Raises:
        EmptyMediaError: If it has zero bytes.
        MediaTooLargeError: If it has more bytes than ``limits`` allow: those of a video, whose
            sound may be what is asked for, or those of anything else.
        MediaError: If the file cannot be read.
    """
    payload = item.payload
    if isinstance(payload, tuple | np.ndarray):
        raise MediaError(item.source, f"needs a file or bytes to be decoded as {item.modality}")
    if isinstance(payload, bytes):
        check_size(len(payload), item.source, limits)
        whole = io.BytesIO(payload)
        at = begin_of(whole)
        yield io.BytesIO(payload[at:]) if at else whole
        return
    size = check_file(payload, item.source)
    try:
        handle = payload.open("rb")
    except OSError as error:
        raise _unreadable(item.source, error) from error
    with handle:
        large = size > limits.max_file_bytes
        video = large and sniff(head_of(handle), source=item.source) == VIDEO
        check_size(size, item.source, limits, video=video)
        at = begin_of(handle)
        handle.seek(at)
        yield io.BytesIO(handle.read()) if at else handle


def in_memory(item: MediaItem, limits: Limits) -> MediaItem:
    """The same item with its bytes at hand; raises what :func:`open_payload` raises."""
    with open_payload(item, limits) as handle:
        return replace(item, payload=handle.read())


def check_file(path: Path, source: str) -> int:
    """Refuse what is missing, not a regular file or empty, without opening it.

    Returns:
        Its size in bytes.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(source, error) from error
    if not path.is_file():
        what = "is a folder, and no file" if path.is_dir() else "is not a regular file"
        raise MediaError(source, what)
    if size == 0:
        raise EmptyMediaError(source, "has zero bytes")
    return size


def check_size(size: int, source: str, limits: Limits, *, video: bool = False) -> None:
    """Refuse zero bytes, and more than ``limits`` allow: ``max_video_bytes`` of a video."""
    if size == 0:
        raise EmptyMediaError(source, "has zero bytes")
    most = max(limits.max_video_bytes if video else 0, limits.max_file_bytes)
    if size > most:
        raise MediaTooLargeError(
            source,
            f"has {size:,} bytes, the limit is {most:,}; make it smaller, or cut it into parts",
        )


def _unreadable(source: str, error: OSError) -> MediaError:
    return MediaError(source, f"cannot be read ({error.strerror or error})")
