"""Pictures of short texts, whatever script they mix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from isthmus.core.errors import MissingDataError
from isthmus.core.wording import way

_FONTS = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "truetype/dejavu/DejaVuSans.ttf",
    "opentype/unifont/unifont.otf",
    "opentype/unifont/unifont.ttf",
    "truetype/unifont/unifont.ttf",
)
"""Where Debian puts them; the first that has a sign draws it."""
_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_SIDE, _SIZE = 224, 72
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
            "fonts-dejavu-core. Or load the texts alone: "
            + way(python="pictures=False", shell="--data-option pictures=false")
        )
    return found


def written(text: str, fonts: Sequence[Path]) -> bytes:
    """A PNG of a text on one line, black on white, as large as a square of 224 pixels takes.

    Args:
        text: Not empty.
        fonts: Files; a sign that none has is drawn as the first draws what it lacks.
    """
    names = tuple(map(str, fonts))
    runs = [
        (_font(name), "".join(signs))  # signs of one font together: an accent joins its letter
        for name, signs in groupby(text, key=lambda sign: _font_of(sign, names))
    ]
    widths = [font.getlength(signs) for font, signs in runs]
    line = Image.new("L", (max(int(sum(widths)), 1) + _SIZE, 2 * _SIZE), 255)
    pen, x = ImageDraw.Draw(line), _SIZE / 2
    for (font, signs), width in zip(runs, widths, strict=True):
        pen.text((x, _SIZE), signs, font=font, fill=0, anchor="lm")
        x += width
    line = ImageOps.contain(line, (_SIDE, _SIDE))
    picture = Image.new("L", (_SIDE, _SIDE), 255)
    picture.paste(line, ((_SIDE - line.width) // 2, (_SIDE - line.height) // 2))
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=4096)
def _font_of(sign: str, names: tuple[str, ...]) -> str:
    return next((name for name in names if _has(sign, name)), names[0])


def _has(sign: str, name: str) -> bool:
    if sign.isspace():
        return True
    font = _font(name)
    return bytes(font.getmask(sign)) != bytes(font.getmask(_UNKNOWN))


@lru_cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(name, _SIZE)
