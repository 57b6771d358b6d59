"""What frames of a video come from, and which of them are looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Sampling
from isthmus.core.errors import EmptyMediaError

Size = tuple[int, int]
"""Width and height in pixels."""
Frame = tuple[float, NDArray[np.uint8]]
"""When a frame is shown, in seconds from the beginning, and its pixels ``(height, width, 3)``."""
_ALL_LOOKED_AT = 5000
"""Frames up to which each is looked at for shots; of a longer video, those that need no other to be
decoded, which encoders put where shots begin."""
_A_SECOND = 30.0
"""Frames of it, where that is not known."""
_SMALL = 64
"""Longer side in pixels of frames that are looked at for shots."""


class Reel(Protocol):
    """Frames of one video: a file, an animated picture or a folder.

    Attributes:
        source: What the user knows it by.
        size: As it is shown.
        end: When the last frame ends, in seconds.
    """

    source: str
    size: Size
    end: float

    def at(self, times: Sequence[float], size: Size) -> Iterator[Frame]:
        """The frames shown at ascending times, each once, scaled."""
        ...

    def through(
        self, start: float, stop: float, size: Size, *, keys: bool = False
    ) -> Iterator[Frame]:
        """All frames from a time to another, scaled.

        Args:
            start: In seconds.
            stop: In seconds.
            size: Of the frames.
            keys: Whether those will do that are fast to decode.
        """
        ...


def part_of(reel: Reel, span: tuple[float, float] | None) -> tuple[float, float]:
    """Start and end of what is asked for, in seconds.

    Raises:
        EmptyMediaError: If the video ends before, or the part before it starts.
    """
    start, stop = span or (0.0, math.inf)
    if span is not None and stop <= start:
        reason = (
            f"a part from {start:,.1f} s to {stop:,.1f} s is empty; it must end after its start"
        )
        raise EmptyMediaError(reel.source, reason)
    start, stop = max(start, 0.0), min(stop, reel.end)
    if start >= stop and not (span is None and stop == start):
        raise EmptyMediaError(
            reel.source, f"lasts {reel.end:,.1f} s and has nothing from {start:,.1f} s on"
        )
    return start, stop


def times_of(reel: Reel, start: float, stop: float, sampling: Sampling) -> list[float]:
    """Ascending times at which frames are looked at: the middles of equal parts, or of shots."""
    count = sampling.frames
    if sampling.rate > 0:
        count = min(count, max(round((stop - start) * sampling.rate), 1))
    if sampling.by == "uniform":
        return middles(start, stop, count)
    from isthmus.media.shots import shots

    longer = max(reel.size)
    size = (
        max(round(reel.size[0] * _SMALL / longer), 1),
        max(round(reel.size[1] * _SMALL / longer), 1),
    )
    keys = (stop - start) * _A_SECOND > _ALL_LOOKED_AT
    bounds = shots(reel.through(start, stop, size, keys=keys), start, stop)
    return spread(bounds, count)


def middles(start: float, stop: float, count: int) -> list[float]:
    """The middles of equal parts of a stretch.

    Examples:
        >>> middles(0.0, 8.0, 4)
        [1.0, 3.0, 5.0, 7.0]
    """
    return [start + (place + 0.5) * (stop - start) / count for place in range(count)]


def spread(shots: Sequence[tuple[float, float]], count: int) -> list[float]:
    """So many times spread over shots: the middle of each, then more in those that are long.

    Where there are more shots than times, the longest are looked at.

    Args:
        shots: Start and end of each, in seconds, ascending.
        count: How many times.

    Examples:
        >>> spread([(0.0, 4.0), (4.0, 10.0)], 3)
        [2.0, 5.5, 8.5]
    """
    lengths = np.array([stop - start for start, stop in shots])
    parts = np.zeros(len(shots), dtype=int)
    parts[np.argsort(-lengths, kind="stable")[:count]] = 1
    for _ in range(count - int(parts.sum())):
        parts[int(np.argmax(lengths / (parts + 1)))] += 1
    return [
        time
        for (start, stop), some in zip(shots, parts.tolist(), strict=True)
        for time in middles(start, stop, some)
    ]
