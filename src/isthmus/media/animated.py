"""Whether a picture moves, told by the structure of its file and not by decoding it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from isthmus.media.beginning import HEAD_BYTES

_MOST_CHUNKS = 10_000  # of a PNG
_MOST_BLOCKS = 100_000  # of 255 bytes, of a GIF


def animated(handle: BinaryIO) -> bool:
    """Whether an open picture moves: a GIF, WebP, PNG or AVIF of several frames.

    It is told by its structure; nothing is decoded. The handle is left at its beginning.
    """
    head = handle.read(HEAD_BYTES)
    handle.seek(0)
    if head.startswith(b"GIF8"):
        moves = sum(1 for _ in islice(_gif_frames(handle), 2)) > 1
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        moves = _png_frames(handle) > 1
    elif head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        moves = bool(head[20:21] and head[20] & 2)
    else:
        moves = head[4:12] == b"ftypavis"
    handle.seek(0)
    return moves


def _gif_frames(handle: BinaryIO) -> Iterator[int]:
    """Where each picture of a GIF begins; so many blocks are looked at."""
    handle.seek(10)
    skip = 2 + _colours(handle.read(1))
    for _ in range(_MOST_BLOCKS):
        handle.seek(skip, 1)
        match handle.read(1):
            case b"!":
                handle.seek(1, 1)
            case b",":
                yield handle.tell()
                handle.seek(8, 1)
                handle.seek(_colours(handle.read(1)) + 1, 1)
            case _:
                return
        skip = 0
        for _ in range(_MOST_BLOCKS):
            if not (length := handle.read(1)) or length == b"\0":
                break
            handle.seek(length[0], 1)


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that flags of a GIF announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _png_frames(handle: BinaryIO) -> int:
    """How many frames a PNG says that it has, before its pixels."""
    handle.seek(8)
    for _ in range(_MOST_CHUNKS):
        chunk = handle.read(12)
        if chunk[4:8] == b"acTL":
            return int.from_bytes(chunk[8:12], "big")
        if chunk[4:8] in (b"IDAT", b""):
            return 1
        handle.seek(int.from_bytes(chunk[:4], "big"), 1)
    return 1
