"""What the first bytes of a Matroska file say of its tracks.

This is own code because a parent process looks at them before a child decodes anything.
"""

from __future__ import annotations

from collections.abc import Iterator

PICTURES, SOUND = 1, 2
"""Kinds of tracks, as Matroska numbers them (RFC 9559)."""
_SEGMENT, _TRACKS, _ENTRY, _TYPE = 0x18538067, 0x1654AE6B, 0xAE, 0x83
_MOST_ELEMENTS = 1000


def kinds_of_tracks(head: bytes) -> set[int]:
    """Kinds of the tracks that the head names; empty where they come later."""
    found = set[int]()
    for name, start, stop in _elements(head, 0, len(head)):
        if name == _SEGMENT:
            for inner, first, last in _elements(head, start, stop):
                if inner == _TRACKS:
                    found.update(_types(head, first, last))
    return found


def segment_end(head: bytes) -> int | None:
    """Where a file ends by its own length; None where it does not tell one."""
    for name, _, stop in _elements(head, 0, 2**63):
        if name == _SEGMENT:
            return stop if stop < 2**63 else None
    return None


def _types(head: bytes, start: int, stop: int) -> Iterator[int]:
    for name, first, last in _elements(head, start, stop):
        if name == _ENTRY:
            for inner, at, end in _elements(head, first, last):
                if inner == _TYPE:
                    yield int.from_bytes(head[at:end], "big")


def _elements(head: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Name, start and end of each element of a stretch; one of unknown length fills it."""
    for _ in range(_MOST_ELEMENTS):
        if at >= stop or (name := _number(head, at)) is None:
            return
        if (length := _number(head, at + len(name))) is None:
            return
        begin = at + len(name) + len(length)
        bits = 7 * len(length)
        size = int.from_bytes(length, "big") & (1 << bits) - 1
        end = stop if size == (1 << bits) - 1 else min(begin + size, stop)
        yield int.from_bytes(name, "big"), begin, end
        at = end


def _number(head: bytes, at: int) -> bytes | None:
    """The bytes of a number, whose first bit that is set tells how many there are."""
    width = 9 - head[at].bit_length() if at < len(head) else 9
    number = head[at : at + width]
    return number if len(number) == width < 9 else None
