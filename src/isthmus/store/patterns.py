"""Text as it is compared, and patterns over it: what full text, filters and file names share.

This is own code because ``fnmatch`` reads brackets as wildcards and lets ``*`` pass a slash, and
``glob.translate`` needs Python 3.13.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

INVISIBLE = "\u00ad\u200c\u200d"
"""Hints of how letters join or break, which no one types twice alike."""
_ALIKE = str.maketrans({"İ": "i", "ı": "i", **dict.fromkeys(INVISIBLE)})
_WILD = re.compile(r"\*\*/|\*\*|\*|\?")


def folded(text: str) -> str:
    """A text in the form in which texts are compared.

    Case, the width of letters and the two ways of writing an accent make no difference (Unicode
    NFKC and case folding), nor do the Turkish i with and without a dot.

    Example:
        >>> folded("İSTANBUL") == folded("istanbul"), folded("A\u0308") == folded("ä")
        (True, True)
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return unicodedata.normalize("NFKC", plain.casefold())


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern holds ``*`` or ``?``."""
    return "*" in pattern or "?" in pattern


def text_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text holds a pattern anywhere; ``*`` is any run of characters, ``?`` any one."""
    if not has_wildcard(pattern):
        wanted = folded(pattern)
        return lambda text: wanted in folded(text)
    search = re.compile(_translated(folded(pattern), any_run=".*", any_one="."), re.DOTALL).search
    return lambda text: search(folded(text)) is not None


@lru_cache(maxsize=256)
def path_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path, or a folder that it lies in, matches a pattern.

    ``*`` is any run of characters but a slash, ``?`` any one but a slash, ``**`` any run with
    slashes. Every other character, brackets among them, stands for itself. The pattern may begin
    at any folder; case and the form of accents do not matter.

    Args:
        pattern: Such as ``*.jpg``, ``holiday/*`` or ``2024/**/red?.png``.

    Example:
        >>> hit = path_matcher("animals/*")
        >>> hit("/home/me/animals/zoo/roo.png"), hit("/home/me/animals.png")
        (True, False)
    """
    inner = _translated(folded(pattern).strip("/"), any_run="[^/]*", any_one="[^/]")
    match = re.compile(f"/(?:.*/)?{inner}(?:/.*)?", re.DOTALL).fullmatch
    return lambda path: match("/" + folded(path).lstrip("/")) is not None


def _translated(pattern: str, *, any_run: str, any_one: str) -> str:
    """A pattern as a regular expression; stars that follow one another are one."""
    pattern = re.sub(r"\*{3,}", "**", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": any_run, "?": any_one}
    parts: list[str] = []
    place = 0
    for found in _WILD.finditer(pattern):
        parts += [re.escape(pattern[place : found.start()]), wild[found[0]]]
        place = found.end()
    return "".join([*parts, re.escape(pattern[place:])])
