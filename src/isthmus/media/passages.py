"""A long text as passages: paragraphs, or sentences of them, grouped to about one length.

This is own code because splitters such as those of LangChain count no characters of the original,
and cut Chinese, Japanese and Thai anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from isthmus.core.sentences import cut, pieces

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_UNDERLINE = re.compile(r"[=\-~^*#+]{3,}")
_LONGEST_HEADING = 80
_HEADINGS = 3
"""That may stand together: of a part, a chapter and a section. More of them are a list."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not cut: a paragraph, a sentence, a word."""

    start: int
    stop: int
    heading: bool = False


def passages(text: str, window: float, overlap: float = 0.5) -> list[tuple[int, int]]:
    r"""Where passages begin and end that together hold all of a text.

    A paragraph stays whole where it fits, else its sentences do, else its words; in scripts without
    blanks a word that is longer than a passage is cut at a character. A heading goes with what
    follows.

    Args:
        text: Any.
        window: Most characters of a passage.
        overlap: Of a passage that the next one may repeat, as a share.

    Returns:
        Start and end in characters, ascending, without blanks at either end.

    Examples:
        >>> text = "Cats\n\nCats sleep. They purr.\n\nDogs\n\nDogs bark."
        >>> [text[a:b] for a, b in passages(text, 30)]
        ['Cats\n\nCats sleep. They purr.', 'Dogs\n\nDogs bark.']
    """
    units = list(_units(text, window))
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(units):
        last = first
        while last + 1 < len(units) and units[last + 1].stop - units[first].start <= window:
            last += 1
        end = last
        if last + 1 < len(units):
            while end > first and units[end].heading and last - end < _HEADINGS:
                end -= 1
        found.append((units[first].start, units[end].stop))
        if last + 1 == len(units):
            break
        first = _next(units, first, end, overlap)
    return found


def headings(text: str) -> list[int]:
    """Where headings of a text begin, in characters."""
    blocks = cut(text, 0, len(text), _PARAGRAPH)
    return [start for start, stop in blocks if stop < len(text) and _is_heading(text[start:stop])]


def _next(units: list[_Unit], first: int, last: int, overlap: float) -> int:
    """The unit that the next passage begins with."""
    start, stop = units[first].start, units[last].stop
    least = stop - overlap * (stop - start)
    place = first + 1
    while place <= last and units[place].start < least:
        place += 1
    found = place
    while place - 1 > first and units[place - 1].heading and found - place < _HEADINGS:
        place -= 1  # its heading goes with it
    return place


def _units(text: str, window: float) -> Iterator[_Unit]:
    """Paragraphs; of those that are too long their sentences, or less."""
    for start, stop in cut(text, 0, len(text), _PARAGRAPH):
        if stop - start <= window:
            yield _Unit(start, stop, _is_heading(text[start:stop]))
        else:
            for a, b in pieces(text, start, stop, window):
                yield _Unit(a, b)


def _is_heading(block: str) -> bool:
    """Whether a paragraph is the title of what follows: one short line that ends no sentence."""
    lines = block.splitlines()
    if len(lines) == 2 and _UNDERLINE.fullmatch(lines[1].strip()):
        return True
    if len(lines) != 1 or len(block) > _LONGEST_HEADING:
        return False
    return block.startswith("#") or block[-1] not in ".!?…。！？｡,;，；\"'”’」』)"
