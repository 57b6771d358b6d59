"""The preview that a camera puts into its RAW file, by LibRaw; the sensor's data stay unread."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from isthmus.core.errors import CorruptMediaError, UnsupportedMediaError

_TURNS = {3: 3, 5: 8, 6: 6}
"""How LibRaw tells that a picture must be turned, and how EXIF does."""
_SCAN, _END = b"\xff\xda", b"\xff\xd9"  # markers of JPEG; pixels between them never look so


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture inside a RAW file.

    Attributes:
        data: JPEG.
        orientation: As EXIF numbers it, where the JPEG says nothing itself.
        landscape: Whether the sensor is wider than high: a preview of the other shape was
            turned by the camera.
    """

    data: bytes
    orientation: int
    landscape: bool


def preview_of(handle: BinaryIO, source: str) -> Preview:
    """The largest preview of a RAW file.

    Raises:
        CorruptMediaError: If LibRaw cannot read the file.
        UnsupportedMediaError: If it holds no JPEG as a preview.
    """
    import rawpy

    try:
        with rawpy.imread(handle) as raw:
            sizes = raw.sizes
            thumb = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError) as error:
        raise UnsupportedMediaError(
            source, "is camera RAW without a preview; develop it to JPEG or TIFF"
        ) from error
    except (rawpy.LibRawError, OSError, ValueError) as error:
        raise CorruptMediaError(source, f"cannot be decoded ({_plain(error)})") from error
    landscape = sizes.width >= sizes.height
    if thumb.format == rawpy.ThumbFormat.JPEG:
        data = bytes(thumb.data)
        if data.rfind(_END) < data.rfind(_SCAN):  # LibRaw fills up what is not there
            raise CorruptMediaError(source, "is truncated: its preview has no end")
        return Preview(data, _TURNS.get(sizes.flip, 1), landscape)
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(thumb.data).save(out, "PNG", compress_level=1)
    return Preview(out.getvalue(), _TURNS.get(sizes.flip, 1), landscape)


def _plain(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
