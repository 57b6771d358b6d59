"""Pictures of short texts, whatever script they mix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from isthmus.core.errors import MissingDataError

_FONTS = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "truetype/dejavu/DejaVuSans.ttf",
    "opentype/unifont/unifont.otf",
    "opentype/unifont/unifont.ttf",
    "truetype/unifont/unifont.ttf",
)
"""Where Debian puts them; the first that has a sign draws it."""
_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_SIDE, _MARGIN, _LARGEST, _SMALLEST = 224, 8, 120, 6
_UNKNOWN = "\U0010ffff"
"""A sign that no font has; what is drawn for it is what is drawn for all that a font lacks."""


def system_fonts() -> list[Path]:
    """Fonts on this machine that cover most signs, those to be asked first before the others.

    Raises:
        MissingDataError: If there is none of them.
    """
    paths = [folder / font for font in _FONTS for folder in _FOLDERS]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise MissingDataError(
            "drawing signs needs a font that has them; on Debian: apt-get install fonts-noto-cjk "
            "fonts-dejavu-core. Or load the texts alone: pictures=False"
        )
    return found


def written(text: str, fonts: Sequence[Path]) -> bytes:
    """A PNG of a text on one line, black on white, as large as a square of 224 pixels takes.

    Args:
        text: Not empty.
        fonts: Files; a sign that none has is drawn as the first draws what it lacks.
    """
    names = tuple(map(str, fonts))
    of_sign = [_font_of(sign, names) for sign in text]
    room = _SIDE - 2 * _MARGIN
    unit = _width(text, of_sign, _LARGEST)
    size = max(_SMALLEST, min(_LARGEST, int(_LARGEST * room / max(unit, 1.0))))
    picture = Image.new("L", (_SIDE, _SIDE), 255)
    pen = ImageDraw.Draw(picture)
    x = (_SIDE - _width(text, of_sign, size)) / 2
    for sign, name in zip(text, of_sign, strict=True):
        font = _font(name, size)
        pen.text((x, _SIDE / 2), sign, font=font, fill=0, anchor="lm")
        x += font.getlength(sign)
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _width(text: str, of_sign: Sequence[str], size: int) -> float:
    return sum(_font(n, size).getlength(sign) for sign, n in zip(text, of_sign, strict=True))


@lru_cache(maxsize=4096)
def _font_of(sign: str, names: tuple[str, ...]) -> str:
    return next((name for name in names if _has(sign, name)), names[0])


def _has(sign: str, name: str) -> bool:
    if sign.isspace():
        return True
    font = _font(name, 32)
    return bytes(font.getmask(sign)) != bytes(font.getmask(_UNKNOWN))


@lru_cache(maxsize=256)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(name, size)
