"""Pixels of any kind to RGB as a screen shows it: profiles, depths, transparency, CMYK."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow raises on damaged files."""
MAX_PROFILE = 4 * 2**20
"""Bytes of a colour profile past which it is passed over; those of printing presses have 3 MB."""
_UNSEEN = 2
"""A profile that moves no colour by more, of 255, counts as sRGB: lcms rounds by as much."""
_SHADES = (0, 51, 102, 153, 204, 255)
_KINDS = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # colour space of a profile: mode of Pillow
_FULL = {"F": (1.0, 255.0), "I": (255.0, 65535.0)}
"""Where all values of a picture of floats or wide integers lie between 0 and one of these, that
is white; any others are stretched from the least to the most."""
_INTEROPERABILITY = 0xA005  # of EXIF; its index R03 is Adobe RGB by the rules of DCF
_ADOBE_RGB = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
_D50 = (0.9642, 1.0, 0.82491)
_WHITE, _DARK = (255, 255, 255), (64, 64, 64)
_VISIBLE, _SEEN, _SHOWN = 16, 32, 0.01
"""Of 255, the opacity from which a pixel is visible, and how far from white it must come to be
seen on white; and the share of the visible that must be. Of the 8,398 transparent pictures of Tux
Paint and Open Clip Art two show less than this share, a flash and a pitch, and both show none."""
_LOOKED_AT = 256
"""Pixels a side of the grid that is looked at."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # of TIFF


@dataclass(frozen=True, slots=True)
class Stored:
    """What only the header of a picture tells; Pillow forgets it when it loads the pixels.

    Attributes:
        bits: A sample has in the file.
        inverted: Whether 0 is white and Pillow leaves that to its caller.
        profile: Colour profile, if there is one.
    """

    bits: int = 8
    inverted: bool = False
    profile: bytes | None = None

    @classmethod
    def of(cls, picture: Picture) -> Stored:
        """Read it from a picture that is opened and not loaded."""
        tags: Any = getattr(picture, "tag_v2", None)
        if tags is not None:
            bits = tags.get(_BITS_PER_SAMPLE, (8,))
            white = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
            return cls(bits[0], white and picture.mode.startswith("I;16"), _profile(picture))
        tiles: Any = getattr(picture, "tile", ())
        mode = tiles[0][3] if tiles else ""
        mode = mode[0] if isinstance(mode, tuple) and mode else mode
        digits = str(mode).partition(";")[2].rstrip("BLNRS")
        return cls(int(digits) if digits.isdigit() else 8, False, _profile(picture))


def to_rgb(picture: Picture, stored: Stored) -> Picture:
    """A loaded picture in sRGB on a ground that it shows on, 8 bits a channel; itself if it is so.

    The ground of what is transparent is :func:`on_ground`'s. A colour profile is applied. One that
    is damaged, larger than :data:`MAX_PROFILE` or of another colour space than the pixels is
    passed over.

    Args:
        picture: Of any mode of Pillow.
        stored: From :meth:`Stored.of`, before the pixels were loaded.

    Raises:
        ValueError: If no value of it is a number.
    """
    opaque = _opacity(picture, stored)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        colours = _grey(picture, stored)
    else:
        colours = _without_alpha(picture)
    rgb = _srgb(colours, stored.profile)
    if opaque is None:
        return rgb
    return on_ground(rgb, opaque)


def on_ground(rgb: Picture, opaque: Picture) -> Picture:
    """A picture on white; on dark grey, if on white there would be nothing to see.

    That is so for white letters, signs and outlines that were made for a dark page.

    Args:
        rgb: Of mode ``"RGB"``.
        opaque: Of mode ``"L"`` and of the same size, 255 where nothing shines through.

    Returns:
        Of mode ``"RGB"``.
    """
    white = _laid(rgb, opaque, _WHITE)
    step = max(1, max(rgb.size) // _LOOKED_AT)
    visible = np.asarray(opaque)[::step, ::step] >= _VISIBLE
    if visible.all() or not visible.any():
        return white
    shade = 255 - np.asarray(white)[::step, ::step].min(axis=2)
    return _laid(rgb, opaque, _DARK) if (shade[visible] >= _SEEN).mean() < _SHOWN else white


def _laid(rgb: Picture, opaque: Picture, ground: tuple[int, int, int]) -> Picture:
    page = Image.new("RGB", rgb.size, ground)
    page.paste(rgb, mask=opaque)
    return page


def _opacity(picture: Picture, stored: Stored) -> Picture | None:
    """Opacity of each pixel, 0…255; None where all are opaque."""
    if picture.mode in ("RGBA", "LA", "PA"):
        return picture.getchannel("A")
    if picture.mode in ("RGBa", "La"):
        return picture.getchannel("a")
    clear = picture.info.get("transparency")
    if picture.mode == "P":
        rgba = picture.palette is not None and picture.palette.mode == "RGBA"
        return picture.convert("RGBA").getchannel("A") if rgba or clear is not None else None
    if clear is None:
        return None
    if picture.mode in ("L", "I") or picture.mode.startswith("I;16"):
        full = 2**stored.bits - 1
        clear = clear * 255 // full if stored.bits < 8 else clear
        return Image.fromarray(np.where(np.asarray(picture) == clear, 0, 255).astype(np.uint8))
    if picture.mode == "RGB":  # of 16 bits Pillow keeps the upper eight
        clear = tuple(value >> 8 for value in clear) if stored.bits == 16 else clear
        same = (np.asarray(picture) == np.array(clear)).all(axis=2)
        return Image.fromarray(np.where(same, 0, 255).astype(np.uint8))
    return picture.convert("RGBA").getchannel("A")


def _without_alpha(picture: Picture) -> Picture:
    """Colours only, in a mode that a profile can be applied to where there is one."""
    match picture.mode:
        case "1" | "LA":
            return picture.convert("L")
        case "La":
            return picture.convert("LA").convert("L")
        case "RGBA" | "RGBX":
            return picture.convert("RGB")
        case "RGBa" | "P" | "PA":
            return picture.convert("RGBA").convert("RGB")
    return picture


def _grey(picture: Picture, stored: Stored) -> Picture:
    """Samples of more than eight bits as grey of eight."""
    values = np.asarray(picture, dtype=np.float32)
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 2.0 ** min(max(stored.bits, 9), 16) - 1
    else:
        numbers = values[np.isfinite(values)]
        if not numbers.size:
            raise ValueError("no value of it is a number")
        low, high = float(numbers.min()), float(numbers.max())
        if low >= 0 and high <= _FULL[picture.mode][-1]:
            low, high = 0.0, next(full for full in _FULL[picture.mode] if high <= full)
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    scaled = (values - low) * (255 / max(high - low, 1e-30))
    grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return Image.fromarray(255 - grey if stored.inverted else grey)


def _profile(picture: Picture) -> bytes | None:
    """The profile in a file, or the one that a camera's EXIF names in its place."""
    profile = picture.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    try:
        named = picture.getexif().get_ifd(_INTEROPERABILITY).get(1)
    except DAMAGE:  # of EXIF says nothing about the pixels
        return None
    return _adobe_rgb() if named == "R03" else None


@lru_cache(maxsize=1)
def _adobe_rgb() -> bytes:
    """A profile of Adobe RGB (1998), from its primaries for a white of D50, and its gamma."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, 563, 0)  # 563 / 256, and two bytes of rest
    tags = [(b"wtpt", b"XYZ \0\0\0\0" + fixed(*_D50))]
    for letter, values in zip((b"r", b"g", b"b"), _ADOBE_RGB, strict=True):
        tags += [(letter + b"XYZ", b"XYZ \0\0\0\0" + fixed(*values)), (letter + b"TRC", curve)]
    at, table, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags:
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    head = struct.pack(">I4sI", at + len(data), bytes(4), 0x02100000) + b"mntrRGB XYZ " + bytes(12)
    head = (head + b"acsp" + bytes(28) + fixed(*_D50)).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + data


def _srgb(picture: Picture, profile: bytes | None) -> Picture:
    if picture.mode == "LAB":
        return ImageCms.applyTransform(picture, _lab()) or picture.convert("RGB")
    known = _transform(profile) if profile and len(profile) <= MAX_PROFILE else None
    if known is not None:
        mode, transform = known
        if mode == "RGB" and picture.mode in ("L", "YCbCr"):
            picture = picture.convert("RGB")
        if mode == picture.mode:
            return ImageCms.applyTransform(picture, transform) or picture.convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy it


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """The mode that a profile is for, and its way to sRGB; None where there is nothing to do."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _KINDS.get(opened.profile.xcolor_space.strip())
        if mode is None:
            return None
        transform = _build(opened, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "RGB":
        shades = np.array(np.meshgrid(_SHADES, _SHADES, _SHADES), dtype=np.uint8)
        chart = np.ascontiguousarray(shades.reshape(3, -1).T[None])
        seen = np.asarray(ImageCms.applyTransform(Image.fromarray(chart), transform), dtype=int)
        if np.abs(seen - chart).max() <= _UNSEEN:
            return None
    return mode, transform


@lru_cache(maxsize=1)
def _lab() -> ImageCms.ImageCmsTransform:
    return _build(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _build(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
