"""Pictures: PNG, JPEG, WebP and GIF by Pillow, SVG by resvg."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import HEAD_BYTES, container

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""The only decoders of Pillow that are ever tried."""

# what Pillow's decoders raise on damaged files, besides OSError
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    zlib.error,
)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(
    item: MediaItem, limits: Limits = DEFAULT, *, target: int | None = None
) -> Picture:
    """Decode a picture, upright, on white, in RGB; of an animation the first frame.

    Args:
        item: A file or bytes.
        limits: ``max_pixels`` is checked against the header, before pixels are decoded.
        target: The shorter side needed, in pixels; JPEG may be decoded at ½, ¼ or ⅛ of its
            size as long as neither side falls below. ``None``: full size.

    Returns:
        An image of mode ``"RGB"``.

    Raises:
        EmptyMediaError: Zero bytes, or a single pixel, which shows nothing.
        MediaTooLargeError: The header declares too many pixels.
        CorruptMediaError: Truncated or damaged.
        UnsupportedMediaError: Not a picture of these formats.
    """
    with open_payload(item, limits) as handle:
        kind = container(handle.read(HEAD_BYTES), source=item.source)
        handle.seek(0)
        if kind in ("svg", "svgz"):
            from isthmus.media.svg import render_svg

            return render_svg(handle.read(), source=item.source, limits=limits)
        if kind.upper() not in FORMATS:
            raise UnsupportedMediaError(item.source, f"is not a picture but {kind}")
        return _decode(handle, item.source, limits, target)


def _decode(handle: BinaryIO, source: str, limits: Limits, target: int | None) -> Picture:
    _check_png_header(handle, source, limits)
    try:
        picture = Image.open(handle, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\d+", str(error))
        raise _too_large(source, int(pixels[0]) if pixels else 0, limits) from error
    except UnidentifiedImageError as error:
        raise CorruptMediaError(source, "its header is damaged") from error
    except _DAMAGE as error:
        raise CorruptMediaError(source, f"its header is damaged ({error})") from error
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise _too_large(source, width * height, limits)
    if width * height <= 1:
        raise EmptyMediaError(source, f"has only {width}×{height} pixels")
    turn = _TURNS.get(_orientation(picture))
    try:
        if target is not None:
            picture.draft("RGB", (target, target))
        picture.load()
        flat = _to_rgb(picture)
        return flat if turn is None else flat.transpose(turn)
    except _DAMAGE as error:
        raise CorruptMediaError(source, f"cannot be decoded ({error})") from error


def _check_png_header(handle: BinaryIO, source: str, limits: Limits) -> None:
    """Refuse a PNG before Pillow sees it, which would warn about some sizes on its own."""
    head = handle.read(24)
    handle.seek(0)
    if len(head) == 24 and head[12:16] == b"IHDR":
        width, height = struct.unpack(">II", head[16:])
        if width * height > limits.max_pixels:
            raise _too_large(source, width * height, limits)


def _too_large(source: str, pixels: int, limits: Limits) -> MediaTooLargeError:
    return MediaTooLargeError(
        source,
        f"declares {pixels / 1e6:,.0f} megapixels, the limit is {limits.max_pixels / 1e6:,.0f}; "
        "make it smaller or raise Limits(max_pixels=…)",
    )


def _orientation(picture: Picture) -> int:
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1  # damaged EXIF says nothing about the pixels
    return value if isinstance(value, int) else 1


def _to_rgb(picture: Picture) -> Picture:
    """Any mode of Pillow to RGB: transparency onto white, 16 bits scaled down to 8."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, dtype=np.float32)
        grey = np.clip(values / 257.0, 0, 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGB", clear.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return picture.convert("RGB")
