"""Text as it is compared, and patterns over it: what full text, filters and file names share.

This is own code because ``fnmatch`` reads brackets as wildcards and lets ``*`` pass a slash, and
``glob.translate`` needs Python 3.13.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

INVISIBLE = "\u00ad\u200c\u200d"
"""Hints of how letters join or break, which no one types twice alike."""
_ALIKE = str.maketrans({"İ": "i", "ı": "i", **dict.fromkeys(INVISIBLE)})


def folded(text: str) -> str:
    """A text in the form in which texts are compared.

    Case, the width of letters and the two ways of writing an accent make no difference (Unicode
    NFKC and case folding), nor do the Turkish i with and without a dot.

    Examples:
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
    """Whether a text holds a pattern anywhere; ``*`` is any run of characters, ``?`` any one.

    The time is linear in the text: the parts between stars are sought one after the other.
    """
    if not has_wildcard(pattern):
        wanted = folded(pattern)
        return lambda text: wanted in folded(text)
    match = re.compile("".join(map(_next, _parts(folded(pattern)))), re.DOTALL).match
    return lambda text: match(folded(text)) is not None


@lru_cache(maxsize=256)
def path_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path, or a folder that it lies in, matches a pattern.

    ``*`` is any run of characters of a name, ``?`` any one of them, and ``**`` in the place of a
    name any number of folders. Every other character, brackets among them, stands for itself. The
    pattern may begin at any folder; case and the form of accents do not matter. The time is linear
    in the path.

    Args:
        pattern: Such as ``*.jpg``, ``holiday/*`` or ``2024/**/red?.png``.

    Examples:
        >>> hit = path_matcher("animals/*")
        >>> hit("/home/me/animals/zoo/roo.png"), hit("/home/me/animals.png")
        (True, False)
    """
    runs: list[list[Callable[[str], object]]] = [[]]
    for name in _names(pattern):
        if name == "**":
            runs.append([])
        else:
            runs[-1].append(re.compile(_whole(name), re.DOTALL).fullmatch)
    if runs == [[]]:
        return lambda path: False
    inside = not runs[-1]  # what stands behind the last "**" is any name

    def hit(path: str) -> bool:
        names, place = _names(path), 0
        for run in runs:
            # The first place that fits leaves most for the runs that follow.
            starts = range(place, len(names) - len(run) + 1)
            found = next((i for i in starts if _fits(run, names[i : i + len(run)])), None)
            if found is None:
                return False
            place = found + len(run)
        return not inside or place < len(names)

    return hit


def _names(path: str) -> list[str]:
    return [name for name in folded(path).split("/") if name]


def _fits(run: Sequence[Callable[[str], object]], names: Sequence[str]) -> bool:
    return all(fits(name) for fits, name in zip(run, names, strict=True))


def _parts(pattern: str) -> list[str]:
    """The parts between stars, as regular expressions, each of one length."""
    parts = re.split(r"\*+", pattern)
    return ["".join("." if c == "?" else re.escape(c) for c in part) for part in parts]


def _next(part: str) -> str:
    """Up to the first place where a part fits; no later one is tried, since none fits better."""
    return f"(?>.*?{part})"


def _whole(pattern: str) -> str:
    """A name that matches from its start to its end, for which the last part fits last."""
    first, *rest = _parts(pattern)
    return first + "".join(map(_next, rest[:-1])) + (f"(?>.*{rest[-1]})" if rest else "")
