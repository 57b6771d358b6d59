"""Pictures: by Pillow and its plugins, previews of RAW by LibRaw, SVG by resvg."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE
from isthmus.media.beginning import HEAD_BYTES
from isthmus.media.colour import DAMAGE, Stored, to_rgb
from isthmus.media.formats import FORMATS, Format
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import container, head_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_SCALES = (1, 2, 4, 8)
"""A JPEG is decoded at its size or at ½, ¼ or ⅛ of it, which costs less memory and time."""
_REDUCIBLE = ("RGB", "L", "CMYK")  # modes whose pixels may be averaged as they are
_JPEG_MARGIN = 8
"""A JPEG may declare so many times ``max_pixels``: it is decoded smaller. More would cost minutes
and, if it is progressive, gigabytes."""
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # of EXIF
_TILE_SIDES = (322, 323)  # of TIFF
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
    """Decode a picture, upright, on white, in sRGB; of several pages or frames the first.

    Args:
        item: A file or bytes.
        limits: ``max_pixels`` is checked against the header, before pixels are decoded. A JPEG
            above it is decoded at ½, ¼ or ⅛ of its size.
        target: The shorter side needed, in pixels; the picture may come at ½, ¼ or ⅛ of its
            size as long as neither side falls below. ``None``: full size.

    Returns:
        An image of mode ``"RGB"``.

    Raises:
        EmptyMediaError: Zero bytes, or a single pixel, which shows nothing.
        MediaTooLargeError: The header declares too many pixels.
        CorruptMediaError: Truncated or damaged.
        UnsupportedMediaError: Not a picture of these formats, or one whose package is missing.
    """
    with open_payload(item, limits) as handle:
        form = _format(handle, item.source)
        if form.name in ("svg", "svgz"):
            from isthmus.media.svg import render_svg

            return render_svg(handle.read(), source=item.source, limits=limits)
        opened = _Opened(handle, form, item.source, limits)
        return opened.decoded(limits, target)


def shown_size(item: MediaItem, limits: Limits = DEFAULT) -> tuple[int, int]:
    """Width and height of a picture as it is shown, from its header; of a drawing none.

    Raises:
        MediaError: What :func:`decode_image` raises, except for damage behind the header.
    """
    with open_payload(item, limits) as handle:
        form = _format(handle, item.source)
        if form.pillow is None and form.module is None:
            raise UnsupportedMediaError(item.source, f"is {form.title}, which has no fixed size")
        opened = _Opened(handle, form, item.source, limits)
        width, height = opened.picture.size
        return (height, width) if opened.orientation() in _ON_ITS_SIDE else (width, height)


def described(item: MediaItem, limits: Limits = DEFAULT) -> dict[str, object]:
    """What a picture says of itself, see :mod:`isthmus.core.fields`; of a drawing nothing.

    Raises:
        MediaError: As :func:`shown_size`.
    """
    from isthmus.media.exif import exif_fields

    with open_payload(item, limits) as handle:
        form = _format(handle, item.source)
        if form.pillow is None and form.module is None:
            return {}
        opened = _Opened(handle, form, item.source, limits)
        found = exif_fields(opened.picture)
        if form.name == "raw":  # what was opened is a preview, which may be small
            return found
        size = opened.picture.size
        plain = opened.picture.format == "PNG" and "exif" not in opened.picture.info
        turned = not plain and opened.orientation() in _ON_ITS_SIDE
        found["width"], found["height"] = reversed(size) if turned else size
        return found


def _format(handle: BinaryIO, source: str) -> Format:
    """What a file is; what reads it is there and registered with Pillow."""
    form = FORMATS[container(head_of(handle), source=source)]
    if form.modality != IMAGE:
        raise UnsupportedMediaError(source, f"is not a picture but {form.name}")
    if not form.available:
        raise UnsupportedMediaError(source, form.missing)
    if form.module is not None:
        _plug_in(form.module)
    return form


@lru_cache(maxsize=8)
def _plug_in(module: str) -> None:
    """Let Pillow know of a format; one thread each, since every core has its own process."""
    package = importlib.import_module(module)
    if module == "pillow_heif":
        package.register_heif_opener(decode_threads=1)
    elif module == "pillow_jxl":
        plugin: Any = importlib.import_module("pillow_jxl.JpegXLImagePlugin")
        plugin.DECODE_THREADS = 0


class _Opened:
    """A picture whose header is read and checked, and whose pixels are not yet decoded."""

    def __init__(self, handle: BinaryIO, form: Format, source: str, limits: Limits) -> None:
        self._source, self._form = source, form
        self._preview_turn = 1
        if form.name == "raw":
            handle = self._preview(handle)
        elif form.name == "jxl":
            handle = _checked_jxl(handle, source, limits)
        self.picture = opened_by(handle, self._form, source)
        most = limits.max_pixels * (_JPEG_MARGIN if self._form.name == "jpeg" else 1)
        _check_size(self.picture.size, most, source)
        for side in _TILE_SIDES:  # a small picture may say that it lies in a huge tile
            tile = getattr(self.picture, "tag_v2", {}).get(side, 1)
            if not isinstance(tile, int) or tile**2 > most:
                raise CorruptMediaError(source, "its header is damaged (the size of its tiles)")
        if self.picture.width * self.picture.height <= 1:
            raise EmptyMediaError(source, "has only 1×1 pixels")

    def orientation(self) -> int:
        """How the pixels lie, as EXIF numbers it; 1 where the decoder turns them itself."""
        turns_itself = self._form.name in ("heic", "tiff")
        if self._form.name == "jxl":  # its own header says how it lies, and libjxl obeys
            turns_itself = not getattr(self.picture, "jpeg", False)
        if turns_itself:
            return 1
        try:
            value = self.picture.getexif().get(_ORIENTATION, 1)
        except DAMAGE:
            value = 1  # damaged EXIF says nothing about the pixels
        known = isinstance(value, int) and value in _TURNS
        return value if known else self._preview_turn

    def decoded(self, limits: Limits, target: int | None) -> Picture:
        """The pixels, upright, on white, in sRGB."""
        picture, stored = self.picture, Stored.of(self.picture)
        try:
            if self._form.name == "jpeg":
                _shrink(picture, limits.max_pixels, target)
            picture.load()
            if picture.mode in _REDUCIBLE and "transparency" not in picture.info:
                spare = _spare(picture.size, target)
                picture = picture.reduce(spare) if spare > 1 else picture
            flat = to_rgb(picture, stored)
            turn = _TURNS.get(self.orientation())  # Pillow may learn it behind the pixels
            return flat if turn is None else flat.transpose(turn)
        except DAMAGE as error:
            raise CorruptMediaError(self._source, f"cannot be decoded{_said(error)}") from error

    def _preview(self, handle: BinaryIO) -> BinaryIO:
        from isthmus.media.raw import preview_of

        made = preview_of(handle, self._source)
        kind = container(made.data[:HEAD_BYTES], source=self._source)
        if kind not in ("jpeg", "png"):
            raise UnsupportedMediaError(self._source, f"is camera RAW whose preview is {kind}")
        self._form = FORMATS[kind]
        with opened_by(io.BytesIO(made.data), self._form, self._source) as picture:
            if (picture.width >= picture.height) == made.landscape:
                self._preview_turn = made.orientation
        return io.BytesIO(made.data)


def opened_by(handle: BinaryIO, form: Format, source: str) -> Any:
    """Read the header, with the one decoder that the first bytes call for."""
    try:
        with _own_caps():
            return Image.open(handle, formats=(form.pillow or "",))
    except UnidentifiedImageError as error:
        raise CorruptMediaError(source, "its header is damaged") from error
    except DAMAGE as error:
        raise CorruptMediaError(source, f"its header is damaged{_said(error)}") from error


def _said(error: Exception) -> str:
    """What a decoder says, where it says it of the file; libjxl then talks of how it was built."""
    text = str(error)
    return f" ({text})" if text and "libjxl" not in text else ""


@contextmanager
def _own_caps() -> Iterator[None]:
    """Without Pillow's caps on pixels, which warn of sizes below ours and refuse some of them."""
    kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = kept


def _spare(size: tuple[int, int], target: int | None) -> int:
    """How many times smaller a picture may be and still have the side that is needed."""
    ratio = min(size) // target if target else 1
    return max(each for each in _SCALES if each <= max(ratio, 1))


def _shrink(picture: Any, most: int, target: int | None) -> None:
    """Have a JPEG decoded smaller: below the cap, and above the side that is needed."""
    width, height = picture.size
    scale = max(
        _spare(picture.size, target),
        next(each for each in _SCALES if -(-width // each) * -(-height // each) <= most),
    )
    if scale > 1:
        picture.draft("RGB", (max(width // scale, 1), max(height // scale, 1)))


def _checked_jxl(handle: BinaryIO, source: str, limits: Limits) -> BinaryIO:
    """The same bytes, if the size that they declare may be decoded."""
    from isthmus.media._jxl import declared_size

    data = handle.read()
    size = declared_size(data)
    if size is None:
        raise CorruptMediaError(source, "its header is damaged")
    _check_size(size, limits.max_pixels, source)
    return io.BytesIO(data)


def _check_size(size: tuple[int, int], most: int, source: str) -> None:
    width, height = size
    if width * height > most:
        raise MediaTooLargeError(
            source,
            f"declares {width * height / 1e6:,.0f} megapixels, the limit is {most / 1e6:,.0f}; "
            "make it smaller, or raise the limit with --max-megapixels",
        )
