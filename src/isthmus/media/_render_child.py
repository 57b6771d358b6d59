"""Runs as a program: reads cleaned SVG from its input, writes PNG to its output.

A request is the length of the markup and the side in pixels, 32 bits each, then the
markup. A reply is one byte, 0 if it was drawn, then 32 bits of length, then the PNG or
the reason why not.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import BinaryIO

_MEMORY = 2 * 2**30


def draw(markup: str, side: int) -> bytes:
    """PNG of a drawing that fits a square, on white."""
    import resvg_py

    png: bytes = resvg_py.svg_to_bytes(
        svg_string=markup,
        width=side,
        height=side,
        dpi=96.0,  # without it, sizes in points count as invalid
        background="#ffffff",
        skip_system_fonts="<text" not in markup and ":text" not in markup,  # loading is slow
        resources_dir=os.devnull,
    )
    return png


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the input ends."""
    while len(header := requests.read(8)) == 8:
        size, side = struct.unpack("<II", header)
        markup = requests.read(size).decode("utf-8", "replace")
        try:
            status, reply = 0, draw(markup, side)
        except Exception as error:  # noqa: BLE001  the boundary of this process; it is reported
            status, reply = 1, str(error).encode("utf-8", "replace")
        replies.write(bytes([status]) + struct.pack("<I", len(reply)) + reply)
        replies.flush()


def _limit() -> None:
    """Cap memory and forbid core dumps and written files, where the system knows such limits."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    _limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
