"""Spans of what is longer than the window of its encoder, each with a vector of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from isthmus.core.contracts import Progress, untold, window_of
from isthmus.core.errors import EmptyMediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, TEXT, VIDEO
from isthmus.media.onsets import APART, strongest
from isthmus.media.passages import passages
from isthmus.media.text import BLANK, long_text
from isthmus.pipeline import WORKERS, Stretch, read_onsets
from isthmus.space import Space
from isthmus.store import part_id
from isthmus.tasks.retrieval.part import Part

LONG = 1.5
"""Windows from which on an item is long: its spans are then shorter than it by a third or more."""
_LONG_SOUND = 2.0
"""The same of sound, of which a long one has many spans, also where things begin in it."""
OVERLAP = 0.5
"""Of a span that the next one repeats, as a share of its length."""
SCALES = (1.0, 0.5)
"""Lengths of spans of a video, in windows: what is found in it may be short or long."""
_GRID = (0.5,)
"""The same of sound, which is cut where it begins, too."""
_BEGUN = (0.35, 0.7, 1.4, 2.8)
"""About how long spans of sound are, in windows, that reach from where something begins to where
something else does. Of 360 noises of qabcs and Wesnoth and shouts of Hedgewars in 12 files, asked
for as narrow-band MP3, the right one was the top span in 71 of 100 cases, and its start right to
half a second in 59, with spans of 1 and .5 windows alone; in 85 and 79 with these and .5, for 1.4
times as many spans; in 83 and 77 with .5, 1, 2 and 4 and .5, for 1.2 times as many."""
_APART = 0.3
"""Share of a length by which onsets are apart, at least, that spans of it begin with."""
_LONGEST = 6.0
"""Windows: of what goes on longer without another beginning, the grid has spans."""
_DIGITS = 3
"""Of a second."""


def in_spans(part: Part, space: Space, progress: Progress = untold) -> Iterator[Part]:
    """An item, and its spans where it is long.

    Args:
        part: The item, or a part of it such as a sound track.
        space: Whose encoders have windows.
        progress: Told while a long sound is looked through.

    Raises:
        MediaError: If the item cannot be read, or is longer than what is taken in by span.
    """
    window = window_of(space.encoder(part.view))
    item = part.item
    if item.span is not None or part.origin or not math.isfinite(window):
        yield part
    elif item.modality == TEXT:
        yield from _texts(part, window)
    elif item.modality in (AUDIO, VIDEO):
        yield from _stretches(part, window, progress)
    else:
        yield part


def times(
    seconds: float, window: float, scales: Sequence[float] = SCALES
) -> list[tuple[float, float]]:
    """Where spans of a recording begin and end, in seconds; the last ends with the recording.

    Args:
        seconds: Duration of the recording.
        window: Of its encoder.
        scales: Lengths of spans, in windows.

    Examples:
        >>> times(11, 4, [1])
        [(0.0, 4.0), (2.0, 6.0), (4.0, 8.0), (6.0, 10.0), (8.0, 11)]
    """
    spans: list[tuple[float, float]] = []
    for scale in scales:
        length = scale * window
        step = length * (1 - OVERLAP)
        count = max(math.ceil((seconds - length) / step), 0) + 1
        starts = (i * step for i in range(count))
        spans += [(round(a, _DIGITS), round(min(a + length, seconds), _DIGITS)) for a in starts]
    return sorted(set(spans))


def begun(stretches: Sequence[Stretch], seconds: float, window: float) -> list[tuple[float, float]]:
    """Spans from where a sound begins to where another does.

    For each of several lengths, as many onsets count as there are such lengths in a stretch, the
    strongest of it: so a long span begins with a large change.

    Args:
        stretches: Of the recording, with their onsets.
        seconds: Duration of the recording.
        window: Of its encoder.

    Examples:
        >>> begun([Stretch(4.0, [(1.0, 9.0), (2.5, 3.0)])], 4.0, 4.0)
        [(0.0, 1.0), (0.0, 4.0), (1.0, 2.5), (1.0, 4.0), (2.5, 4.0)]
    """
    spans: list[tuple[float, float]] = []
    for length in (scale * window for scale in _BEGUN):
        bounds = {0.0, seconds}
        for stretch in stretches:
            count, apart = round(stretch.seconds / length), max(APART, _APART * length)
            bounds |= {time for time, _ in strongest(stretch.onsets, count, apart)}
        told = sorted(round(bound, _DIGITS) for bound in bounds)
        spans += [(a, b) for a, b in pairwise(told) if APART <= b - a <= _LONGEST * window]
    return sorted(set(spans))


def _texts(part: Part, window: float) -> Iterator[Part]:
    item, limits = part.item, WORKERS.limits
    text = long_text(item, limits)
    pooled, long = len(text) > limits.max_characters, len(text) > LONG * window
    bounds = passages(text, window, OVERLAP) if long else []
    if long and not bounds:
        raise EmptyMediaError(item.source, BLANK)
    yield replace(part, pooled=pooled)
    for start, stop in bounds:
        span = (float(start), float(stop))
        own = MediaItem(item.id, item.modality, item.source, (text[start:stop],), span)
        yield replace(part, item=own, id=part_id(part.id, span=span))


def _stretches(part: Part, window: float, progress: Progress) -> Iterator[Part]:
    seconds = WORKERS.seconds(part.item) if part.seconds is None else part.seconds
    yield replace(part, pooled=seconds > WORKERS.limits.max_seconds)
    if seconds <= (_LONG_SOUND if part.item.modality == AUDIO else LONG) * window:
        return
    spans = times(seconds, window, _GRID if part.item.modality == AUDIO else SCALES)
    if part.item.modality == AUDIO:
        stretches = read_onsets(part.item, seconds, progress=progress)
        spans += begun(stretches, seconds, window)
    for span in sorted(set(spans)):
        own = replace(part.item, span=span)
        yield replace(part, item=own, id=part_id(part.id, span=span))
