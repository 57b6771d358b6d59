"""Rows and hits of one thing as one, copies of one thing as one, and neighbouring spans as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from isthmus.core.linalg import F32, F64
from isthmus.store import FoundRows, is_whole, whole_id
from isthmus.tasks.retrieval.hits import Hit, HitSpan

Rows = TypeVar("Rows", bound=FoundRows)

MOST_SPANS = 50
"""Spans of one hit that are looked at."""
AS_GOOD = 0.25
"""By how many standard deviations of scores a neighbour of the best span may be worse and still be
joined to it."""
CHANCE = 0.125
"""How much of what the best of many spans gains by chance is taken off, where 1 would be right if
spans of one thing had nothing in common. Of 320 paragraphs in four books and 120 in files of their
own, asked for by the first line that was left out: with 0 a book takes the first place of 39 of 100
queries for a short file, and 33 find their file, where 44 would without books; with .25 it is 40,
but of queries for a paragraph of a book only 29 find the book, where 42 do with 0."""


def enough(ask: Callable[[int], Rows], k: int, most: int) -> Rows:
    """Rows of ``k`` things, however many rows of theirs stand before them.

    Args:
        ask: What gives so many rows, best first.
        k: How many things.
        most: How many there are.
    """
    asked = k
    while True:
        rows = ask(asked)
        things = len({whole_id(each) for each in rows.ids})
        if len(rows) < asked or things >= min(k, most):
            return rows
        asked *= 4


def first_of_each(ids: Iterable[str], most: int = 1) -> list[int]:
    """Places of the first rows of each thing, at most so many of one."""
    seen: dict[str, int] = {}
    places = []
    for place, item in enumerate(ids):
        whole = whole_id(item)
        seen[whole] = seen.get(whole, 0) + 1
        if seen[whole] <= most:
            places.append(place)
    return places


def luck(rows: int | Sequence[int]) -> F64:
    """By how many standard deviations the best of some rows stands out by chance, times a share.

    The expected largest of ``m`` normal numbers, after Blom, "Statistical estimates and transformed
    beta-variables", 1958, times :data:`CHANCE`.

    Args:
        rows: How many rows a thing has; 1 or more.

    Examples:
        >>> luck([1, 100]).round(2).tolist()
        [0.0, 0.31]
    """
    m = np.maximum(np.asarray(rows, dtype=np.float64), 1)
    if (m == 1).all():
        return np.zeros(m.shape)
    from scipy.special import ndtri  # takes a while to import, and most stores hold no spans

    expected: F64 = ndtri((m - 0.375) / (m + 0.25))
    return np.asarray(CHANCE * np.where(m > 1, expected, 0.0), dtype=np.float64)


def one_each(hits: Sequence[Hit]) -> list[Hit]:
    """The first hit of each thing; spans of the others of it follow its own."""
    found: dict[str, Hit] = {}
    for hit in hits:
        whole = whole_id(hit.id)
        known = found.get(whole)
        if known is None:
            found[whole] = hit
        elif hit.view != known.view and hit.spans:
            found[whole] = replace(known, spans=further(known, (*known.spans, *hit.spans)))
    return list(found.values())


def without_copies(
    hits: Sequence[Hit], vectors: Mapping[str, F32], least: Mapping[str, Sequence[float]]
) -> list[Hit]:
    """Hits without those that nearly are an earlier one, which names them as its copies.

    Two films that begin alike, and two pictures with the same words on them, are no copies. Of two
    things that nearly are each other, spans of the same time are copies, whatever their vectors:
    onsets of an MP3 lie a little beside those of its WAV.

    Args:
        hits: Of one view, best first.
        vectors: ``(2, dim)`` by id: theirs, and those of the things that they are of.
        least: Cosines by id from which they, and their things, are copies.
    """
    kept: list[Hit] = []
    rows: list[F32] = []
    for hit in hits:
        both = vectors[hit.id]
        beyond = _beyond(rows, both, [_at_once(each, hit) for each in kept], least[hit.id])
        place = int(beyond.argmax()) if len(beyond) else -1
        first = kept[place] if place >= 0 and beyond[place] >= 0 else None
        if first is not None and _same_kind(first, hit):
            more = [each for each in (hit.source, *hit.copies) if each not in first.copies]
            kept[place] = replace(first, copies=(*first.copies, *more))
        else:
            kept.append(hit)
            rows.append(both)
    return kept


def _beyond(rows: Sequence[F32], both: F32, at_once: Sequence[bool], least: Sequence[float]) -> F32:
    """By how much each of ``rows`` is more alike than copies must be."""
    if not rows:
        return np.zeros(0, np.float32)
    own, whole = ((np.stack(rows) * both).sum(-1) - np.asarray(least)).T
    return np.asarray(np.where(at_once, whole, np.minimum(own, whole)), np.float32)


def _at_once(one: Hit, other: Hit) -> bool:
    """Whether two spans share more than half of the shorter one's time."""
    if one.span is None or other.span is None:
        return False
    (a, b), (c, d) = one.span, other.span
    return 2 * (min(b, d) - max(a, c)) > min(b - a, d - c)


def _same_kind(one: Hit, other: Hit) -> bool:
    """Whether both are whole, or both spans, of two files."""
    return is_whole(one.id) == is_whole(other.id) and one.source != other.source


def joined(spans: Sequence[Hit], *, spread: bool = False) -> list[Hit]:
    """Spans of one thing, best first, none of which overlap; neighbours that match as well are one.

    Args:
        spans: Hits of one view with spans, best first.
        spread: Whether spans that do not pass for a match are kept, too.
    """
    placed = [hit for hit in spans if hit.span is not None]
    if not placed:
        return list(spans)
    left = [hit for hit in placed if hit.passes or spread] or placed[:1]
    out: list[Hit] = []
    while left:
        best = left.pop(0)
        assert best.span is not None
        start, stop = best.span
        grown = best.passes
        while grown:
            grown = False
            for hit in list(left):
                assert hit.span is not None
                near = hit.span[0] <= stop and hit.span[1] >= start
                if near and hit.passes and best.prominence - hit.prominence <= AS_GOOD:
                    start, stop = min(start, hit.span[0]), max(stop, hit.span[1])
                    left.remove(hit)
                    grown = True
        left = [hit for hit in left if not overlap(hit.span, (start, stop))]
        out.append(replace(best, span=(start, stop)))
    return out


def overlap(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Whether two spans of one thing have a part in common, and so are one place.

    Examples:
        >>> overlap((4, 6), (5.5, 8)), overlap((4, 6), (6, 8)), overlap((4, 6), None)
        (True, False, False)
    """
    return one is not None and other is not None and one[0] < other[1] and other[0] < one[1]


def with_spans(hit: Hit, spans: Sequence[Hit]) -> Hit:
    """A hit that says where to look.

    Args:
        hit: The best row of a thing.
        spans: Of the thing, joined, best first.
    """
    placed = [each for each in spans if each.span is not None]
    if not placed:
        return hit
    first = placed[0]
    text = first.text if is_whole(hit.id) or hit.id == first.id else hit.text
    return replace(hit, span=first.span, spans=further(first, placed[1:]), text=text)


def further(first: Hit, others: Iterable[Hit | HitSpan]) -> tuple[HitSpan, ...]:
    """Where else in a thing to look: places that match, and that lie apart.

    Args:
        first: The best place, or the whole thing.
        others: Further places, best first.
    """
    kept: list[HitSpan] = []
    for each in others:
        span = each if isinstance(each, HitSpan) else span_of(each)
        told = (first.span, *((each.start, each.stop) for each in kept))
        if span.matches and not any(overlap((span.start, span.stop), other) for other in told):
            kept.append(span)
    return tuple(kept)


def span_of(hit: Hit) -> HitSpan:
    """The span of a hit that has one."""
    start, stop = hit.span or (0.0, 0.0)
    return HitSpan(hit.id, start, stop, hit.probability, hit.passes, hit.text)


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Hits in one file without those that overlap an earlier one of their view."""
    kept: list[Hit] = []
    for hit in hits:
        if not any(each.view == hit.view and overlap(hit.span, each.span) for each in kept):
            kept.append(hit)
    return kept
