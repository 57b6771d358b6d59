"""Runs as a program: reads the side in pixels and cleaned SVG, writes PNG."""

from __future__ import annotations

import os
import struct
import sys

from isthmus.media.child import limit, serve

_MEMORY = 2 * 2**30


def draw(request: bytes) -> bytes:
    """PNG of a drawing that fits a square, on white."""
    import resvg_py

    (side,) = struct.unpack("<I", request[:4])
    markup = request[4:].decode("utf-8", "replace")
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


if __name__ == "__main__":
    limit(_MEMORY)
    serve(draw, sys.stdin.buffer, sys.stdout.buffer)
