"""Where sentences, clauses and words of a text end, in any script."""

from __future__ import annotations

import re
from collections.abc import Iterator

SENTENCE = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|\n")
CLAUSE = re.compile(r"[,;:](?=\s)|[，、；：]")
WORD = re.compile(r"\s+")


def cut(text: str, start: int, stop: int, end: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """What lies between one end and the next, without blanks around it.

    Args:
        text: Any.
        start: Of the stretch that is cut.
        stop: Of it.
        end: Where pieces end, such as :data:`SENTENCE`.

    Examples:
        >>> text = "Cats sleep. They purr."
        >>> [text[a:b] for a, b in cut(text, 0, len(text), SENTENCE)]
        ['Cats sleep.', 'They purr.']
    """
    for found in end.finditer(text, start, stop):
        a, b = _trimmed(text, start, found.end())
        if a < b:
            yield a, b
        start = found.end()
    a, b = _trimmed(text, start, stop)
    if a < b:
        yield a, b


def pieces(
    text: str,
    start: int,
    stop: int,
    window: float,
    ways: tuple[re.Pattern[str], ...] = (SENTENCE, CLAUSE, WORD),
) -> Iterator[tuple[int, int]]:
    """A stretch cut by the first way that does; by characters where none is left.

    Args:
        text: Any.
        start: Of the stretch.
        stop: Of it.
        window: Most characters of a piece.
        ways: Where pieces may end, the best first.
    """
    if not ways:
        step = max(int(window), 1)
        for place in range(start, stop, step):
            yield place, min(place + step, stop)
        return
    for a, b in cut(text, start, stop, ways[0]):
        if b - a > window:
            yield from pieces(text, a, b, window, ways[1:])
        else:
            yield a, b


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return start, stop
