"""Spans of what is longer than the window of its encoder, each with a vector of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isthmus.core.contracts import window_of
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, TEXT, VIDEO
from isthmus.media.passages import passages
from isthmus.media.text import long_text
from isthmus.pipeline import WORKERS
from isthmus.space import Space
from isthmus.store import part_id
from isthmus.tasks.retrieval.part import Part

LONG = 1.5
"""Windows from which on an item is long: its spans are then shorter than it by a third or more."""
OVERLAP = 0.5
"""Of a span that the next one repeats, as a share of its length."""
SCALES = (1.0, 0.5)
"""Lengths of spans of a recording, in windows: what is found in it may be short or long."""
_DIGITS = 3
"""Of a second."""


def in_spans(part: Part, space: Space) -> Iterator[Part]:
    """An item, and its spans where it is long.

    Args:
        part: The item, or a part of it such as a sound track.
        space: Whose encoders have windows.

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
        yield from _stretches(part, window)
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


def _texts(part: Part, window: float) -> Iterator[Part]:
    item, limits = part.item, WORKERS.limits
    text = long_text(item, limits)
    yield replace(part, pooled=len(text) > limits.max_characters)
    if len(text) <= LONG * window:
        return
    for start, stop in passages(text, window, OVERLAP):
        span = (float(start), float(stop))
        own = MediaItem(item.id, item.modality, item.source, (text[start:stop],), span)
        yield replace(part, item=own, id=part_id(part.id, span=span))


def _stretches(part: Part, window: float) -> Iterator[Part]:
    seconds = WORKERS.seconds(part.item) if part.seconds is None else part.seconds
    yield replace(part, pooled=seconds > WORKERS.limits.max_seconds)
    if seconds <= LONG * window:
        return
    for span in times(seconds, window):
        own = replace(part.item, span=span)
        yield replace(part, item=own, id=part_id(part.id, span=span))
