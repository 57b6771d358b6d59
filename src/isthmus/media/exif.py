"""What a picture says of itself: EXIF, and the text chunks of PNG."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from isthmus.media.colour import DAMAGE

_EXIF, _GPS = 0x8769, 0x8825
"""The directories of EXIF: of the exposure, and of the place."""
_DESCRIPTION, _MAKE, _MODEL, _ARTIST, _XP_TITLE = 0x010E, 0x010F, 0x0110, 0x013B, 0x9C9B
_TAKEN = (0x9003, 0x9004)  # DateTimeOriginal; DateTimeDigitized, where that is missing
_DATE = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)(?: (\d\d:\d\d:\d\d))?")
_FACTORY = re.compile(r".{0,20}DIGITAL (STILL )?CAMERA\W*", re.IGNORECASE)
"""A title that the camera writes into every picture."""


def exif_fields(picture: Any) -> dict[str, object]:
    """Fields of a picture whose header Pillow has read, see :mod:`isthmus.core.fields`.

    Args:
        picture: Of Pillow. Of a PNG only what stands before its pixels is read.
    """
    found: dict[str, object] = {}
    info = picture.info
    if picture.format == "PNG":
        found |= {name: info[key] for name, key in _PNG if isinstance(info.get(key), str)}
        if "exif" not in info:  # Pillow would decode all pixels to look behind them
            return found
    try:
        exif = picture.getexif()
        camera, exposure, place = dict(exif), exif.get_ifd(_EXIF), exif.get_ifd(_GPS)
    except DAMAGE:
        return found  # damaged EXIF says nothing
    title = _text(camera.get(_XP_TITLE)) or _text(camera.get(_DESCRIPTION))
    if title and not _FACTORY.fullmatch(title):
        found["title"] = title
    found["artist"] = _text(camera.get(_ARTIST)) or found.get("artist")
    found["camera"] = _camera(_text(camera.get(_MAKE)), _text(camera.get(_MODEL)))
    found["taken"] = next(filter(None, (_date(exposure.get(tag)) for tag in _TAKEN)), None)
    found["lat"] = _degrees(place, 1, "NS")
    found["lon"] = _degrees(place, 3, "EW")
    return found


_PNG = (("title", "Title"), ("artist", "Author"))


def _text(value: object) -> str:
    """A text of EXIF; Windows writes some of its own as bytes of UTF-16, with a zero at the end."""
    if isinstance(value, bytes):
        value = value.decode("utf-16-le", "replace")
    if isinstance(value, tuple) and all(isinstance(n, int) and 0 <= n < 256 for n in value):
        value = bytes(value).decode("utf-16-le", "replace")
    return value.partition("\0")[0].strip() if isinstance(value, str) else ""


def _camera(make: str, model: str) -> str:
    """``"Canon EOS 5D"`` of ``"Canon"`` and ``"Canon EOS 5D"``, or of ``"EOS 5D"``."""
    first = make.partition(" ")[0]
    return model if first and model.lower().startswith(first.lower()) else f"{make} {model}".strip()


def _date(value: object) -> str | None:
    found = _DATE.match(_text(value))
    if found is None:
        return None
    return "-".join(found.group(1, 2, 3)) + (f"T{found[4]}" if found[4] else "")


def _degrees(place: Mapping[int, Any], tag: int, signs: str) -> float | None:
    """Degrees of degrees, minutes and seconds, negative for the second of the signs."""
    side = _text(place.get(tag))[:1].upper()
    try:
        degrees, minutes, seconds = map(float, place[tag + 1])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    if not side or side not in signs:
        return None
    found = degrees + minutes / 60 + seconds / 3600
    return -found if side == signs[1] else found
