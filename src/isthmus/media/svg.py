"""Drawings: SVG, cleaned of references and drawn by resvg.

The cleaning is own code because nh3 and bleach read HTML and no XML, and defusedxml refuses all
entities, which some drawing programs write, and keeps references to other files. Drawing can still
hang or crash: :class:`isthmus.pipeline.decoding.DecodeWorkers` does it in a child process.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from isthmus.core.errors import CorruptMediaError, MediaTooLargeError, UnsupportedMediaError
from isthmus.media.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 512
"""Length of the longer side of a drawing, in pixels, whatever it says itself."""

_URL = re.compile(r"url\s*\(\s*(['\"]?)(.*?)\1\s*\)", re.IGNORECASE | re.DOTALL)
_IMPORT = re.compile(r"@import[^;]*;?", re.IGNORECASE)
_DATA = re.compile(r"data:image/(png|jpe?g)[;,]", re.IGNORECASE)
_FAMILIES = {
    "sans_serif": ("DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica"),
    "serif": ("DejaVu Serif", "Liberation Serif", "Noto Serif", "Times New Roman", "Times"),
    "monospace": ("DejaVu Sans Mono", "Liberation Mono", "Noto Sans Mono", "Courier New", "Menlo"),
    "cursive": ("Comic Sans MS", "URW Chancery L"),
    "fantasy": ("Impact",),
}
"""Families of fonts in whose place others may stand, and those that systems come with."""
_NOBODY = "a family that no font has"
INSTALL_FONTS = "install fonts, such as the Debian package fonts-dejavu-core"
_DROPPED = {"script", "foreignObject", "metadata", "iframe", "audio", "video", "handler"}
_FOREIGN = {"sodipodi", "inkscape", "rdf", "cc", "dc", "i", "a", "x"}
_MAX_ENTITIES, _MAX_ENTITY = 100, 4096


def render_svg(data: bytes, *, source: str, limits: Limits = DEFAULT) -> Picture:
    """Draw an SVG or SVGZ, its longer side :data:`SIDE` pixels.

    The ground is white; dark for a white drawing (:func:`isthmus.media.colour.on_ground`). Text is
    set in the fonts of the system, in another family where the one that is named is missing, and
    left out where there are none.

    Args:
        data: The file.
        source: What the user knows it by, for messages.
        limits: ``max_svg_bytes``.

    Returns:
        An image of mode ``"RGB"``.

    Raises:
        CorruptMediaError: If it is no SVG, or cannot be drawn.
        UnsupportedMediaError: If it is text alone, and no font here has its letters.
        MediaTooLargeError: If it is too large, as it is or after decompression.
    """
    from PIL import Image

    from isthmus.media.colour import on_ground

    markup = sanitize(_inflate(data, source, limits), source=source, limits=limits)
    markup = markup.encode("utf-8", "replace").decode("utf-8", "replace")
    told = "<text" in markup or ":text" in markup
    png = _drawn(markup, source, fonts() if told else {"skip_system_fonts": True})
    drawn = Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA")
    opaque = drawn.getchannel("A")
    if told and opaque.getbbox() is None:
        raise UnsupportedMediaError(
            source, f"shows nothing but text, and no font here has its letters; {INSTALL_FONTS}"
        )
    return on_ground(drawn.convert("RGB"), opaque)


def _drawn(markup: str, source: str, fonts: Mapping[str, Any]) -> bytes:
    """PNG of a drawing that fits a square, on nothing."""
    import resvg_py

    try:
        png: bytes = resvg_py.svg_to_bytes(
            svg_string=markup,
            width=SIDE,
            height=SIDE,
            dpi=96.0,  # without it, sizes in points count as invalid
            resources_dir=os.devnull,
            **fonts,
        )
    except ValueError as error:
        raise CorruptMediaError(source, f"cannot be drawn ({error})") from error
    return png


@lru_cache(maxsize=1)
def fonts() -> Mapping[str, Any]:
    """How text is set: a family that is here in place of each that is not; empty without fonts.

    resvg looks for the family that a drawing names and then for its serif one, by default Times New
    Roman, and leaves the text out if neither is there.
    """
    known = _here(list(dict.fromkeys(chain(*_FAMILIES.values()))))
    if not known:
        return {}
    return {
        f"{generic}_family": next((name for name in families if name in known), known[0])
        for generic, families in _FAMILIES.items()
    }


def _here(families: Sequence[str]) -> list[str]:
    """Those that the system has: in which a letter is drawn."""
    from PIL import Image

    letters = [
        f"<text x='{10 * i}' y='9' font-family='{name}'>A</text>" for i, name in enumerate(families)
    ]
    box = f"viewBox='0 0 {10 * len(families)} 10'"
    probe = f"<svg xmlns='http://www.w3.org/2000/svg' {box}>{''.join(letters)}</svg>"
    drawn = Image.open(io.BytesIO(_drawn(probe, "fonts", {"serif_family": _NOBODY})))
    side = drawn.width / len(families)
    cells = [(round(i * side), 0, round((i + 1) * side), drawn.height) for i in range(len(letters))]
    return [name for name, cell in zip(families, cells, strict=True) if drawn.crop(cell).getbbox()]


def sanitize(data: bytes, *, source: str, limits: Limits = DEFAULT) -> str:
    """The same drawing without scripts, document type or references to anything outside.

    References that stay are ``#fragments`` and pictures embedded as PNG or JPEG. Short
    internal entities, which some drawing programs use for name spaces, are put in place.

    Raises:
        CorruptMediaError: If it is not well-formed, or has entities that nest or lead out.
        MediaTooLargeError: If it is too large once its entities are in place.
    """
    return _Sanitizer(source, limits).run(data)


class _Sanitizer:
    """Reads events of the parser and writes the ones that may stay."""

    def __init__(self, source: str, limits: Limits) -> None:
        self._source = source
        self._limit = limits.max_svg_bytes
        self._out: list[str] = []
        self._size = 0
        self._entities = 0
        self._dropping = 0
        self._open: list[str] = []

    def run(self, data: bytes) -> str:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise CorruptMediaError(self._source, f"is not well-formed XML ({error})") from error
        except LookupError as error:
            raise CorruptMediaError(self._source, f"has an unknown encoding ({error})") from error
        return "".join(self._out)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > self._limit:
            raise _too_large(self._source, self._limit)
        self._out.append(text)

    def _entity(
        self,
        name: str,
        is_parameter: bool,
        value: str | None,
        base: str | None,
        system_id: str | None,
        public_id: str | None,
        notation: str | None,
    ) -> None:
        self._entities += 1
        plain = value is not None and "&" not in value and len(value) <= _MAX_ENTITY
        if not plain or is_parameter or self._entities > _MAX_ENTITIES:
            raise CorruptMediaError(
                self._source,
                f"declares the entity {name!r}, which is nested, external or too long",
            )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        prefix, _, local = tag.rpartition(":")
        if not self._open and local != "svg":
            raise CorruptMediaError(self._source, f"is not an SVG: its root is <{tag}>")
        self._open.append(local)
        if self._dropping or local in _DROPPED or prefix in _FOREIGN:
            self._dropping += 1
            return
        kept = "".join(
            f" {name}={quoteattr(value)}"
            for name, raw in attributes.items()
            if (value := _attribute(name, raw)) is not None
        )
        if len(self._open) == 1 and f"xmlns:{prefix}" not in attributes and not prefix:
            kept = kept if "xmlns" in attributes else ' xmlns="http://www.w3.org/2000/svg"' + kept
        self._write(f"<{tag}{kept}>")

    def _end(self, tag: str) -> None:
        self._open.pop()
        if self._dropping:
            self._dropping -= 1
            return
        self._write(f"</{tag}>")

    def _text(self, text: str) -> None:
        if not self._dropping:
            style = bool(self._open) and self._open[-1] == "style"
            self._write(escape(_css(text) if style else text))


def _attribute(name: str, value: str) -> str | None:
    """The value that may stay, ``None`` if the attribute must go."""
    prefix, _, local = name.rpartition(":")
    if local in ("href", "src"):
        here = value.strip()
        return here if here.startswith("#") or _DATA.match(here) else None
    if prefix == "xmlns" or name in ("xmlns", "xml:space"):
        return value
    if prefix or local.lower().startswith("on"):
        return None
    return _css(value) if "(" in value or "@" in value else value


def _css(text: str) -> str:
    def keep(match: re.Match[str]) -> str:
        target = match[2].strip()
        return match[0] if target.startswith("#") or _DATA.match(target) else "none"

    return _URL.sub(keep, _IMPORT.sub("", text))


def _inflate(data: bytes, source: str, limits: Limits) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(31)
        try:
            data = inflater.decompress(data, limits.max_svg_bytes + 1)
        except zlib.error as error:
            raise CorruptMediaError(source, f"its compression is damaged ({error})") from error
        if not inflater.eof and len(data) <= limits.max_svg_bytes:
            raise CorruptMediaError(source, "is truncated")
    if len(data) > limits.max_svg_bytes:
        raise _too_large(source, limits.max_svg_bytes)
    return data


def _too_large(source: str, limit: int) -> MediaTooLargeError:
    return MediaTooLargeError(
        source,
        f"has more than {limit:,} bytes of markup; simplify it, or save it as PNG",
    )
