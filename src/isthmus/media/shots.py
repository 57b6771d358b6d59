"""Where a video cuts from one shot to the next.

This is own code because the packages that are kept for it, such as PySceneDetect, need OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64

_BINS = 16
"""Of each colour channel, in each quarter of a frame."""
_WINDOW = 2
_RATIO = 3.0
"""A cut changes a frame so many times as much as its neighbours in the window change: both are the
defaults of PySceneDetect's ``AdaptiveDetector`` (adaptive_threshold, window_width)."""
_LEAST = 15 / 255
"""And it changes at least this share of a frame: ``min_content_val`` of the same."""
_SHORTEST = 0.3
"""Seconds; a cut that follows another sooner is a flash."""


def shots(
    frames: Iterable[tuple[float, NDArray[np.uint8]]], start: float, stop: float
) -> list[tuple[float, float]]:
    """Start and end of every shot, in seconds.

    A frame begins a shot if it differs from the one before far more than the frames around them
    differ from each other. Slow fades are not cuts.

    Args:
        frames: Times and pixels ``(height, width, 3)`` of small frames, ascending.
        start: Of the video or the span.
        stop: Its end.

    Returns:
        One shot behind another, from ``start`` to ``stop``.
    """
    times: list[float] = []
    changes: list[float] = []
    before = None
    for time, pixels in frames:
        now = _look(pixels)
        if before is not None:
            times.append(time)
            changes.append(_change(before, now))
        before = now
    bounds = [start]
    for time in cuts(np.array(times), np.array(changes)):
        if time - bounds[-1] >= _SHORTEST:
            bounds.append(time)
    return list(zip(bounds, [*bounds[1:], stop], strict=True))


def cuts(times: F64, changes: F64) -> list[float]:
    """The times of those changes that stand out from their neighbours.

    Args:
        times: ``(n,)`` of frames.
        changes: ``(n,)`` how much each differs from the one before, 0 to 1.
    """
    found = []
    for place, change in enumerate(changes):
        around = [
            changes[i]
            for i in range(place - _WINDOW, place + _WINDOW + 1)
            if i != place and 0 <= i < len(changes)
        ]
        usual = float(np.mean(around)) if around else 0.0
        if change >= _LEAST and change >= _RATIO * usual:
            found.append(float(times[place]))
    return found


def _look(pixels: NDArray[np.uint8]) -> F64:
    """Colour histograms of the quarters of a frame, each of which sums to 1, ``(4, 3, bins)``."""
    height, width = pixels.shape[0] // 2 or 1, pixels.shape[1] // 2 or 1
    levels = pixels.astype(np.intp) * _BINS // 256
    rows = []
    for y in (slice(None, height), slice(height, None)):
        for x in (slice(None, width), slice(width, None)):
            part = levels[y, x].reshape(-1, 3)
            counts = [np.bincount(part[:, channel], minlength=_BINS) for channel in range(3)]
            rows.append(np.stack(counts) / max(len(part), 1))
    return np.stack(rows)


def _change(before: F64, now: F64) -> float:
    """The mean share of pixels whose level changed, by the histograms; 0 to 1."""
    return float(np.abs(before - now).sum(axis=2).mean() / 2)
