"""Frames of a video that look like a picture, in one pass over it, with flat memory."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.reels import part_of
from isthmus.media.video import reel_of

SIDE = 128
"""Pixels a side of the squares that pictures and frames are compared as."""
COARSE = 32
"""The same where every frame of a video is looked at."""
KEPT = 32
"""Frames of the pass that are looked at closely."""
_BLACK = 24
"""Levels of 255 up to which bars above and below, or beside, a picture count as black."""
_LEAST_GAIN = 0.02
"""Of the logarithm of the aspect ratio, from which bars explain why two pictures differ in it."""
_FLAT = 1e-6

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Likeness:
    """A frame that looks like the picture.

    Attributes:
        frame: Its number, from 0.
        time: When it is shown, in seconds from the beginning.
        score: Correlation of colours over the picture, from −1 to 1.
        pixels: ``(SIDE, SIDE, 3)`` uint8.
        cut: Whether black bars were cut off from both to compare them.
    """

    frame: int
    time: float
    score: float
    pixels: Pixels
    cut: bool


def closest(
    item: MediaItem, picture: Pixels, aspect: float, limits: Limits = DEFAULT
) -> tuple[list[Likeness], int]:
    """Compare every frame of a video with a picture.

    Args:
        item: The video; its ``span`` says in which part of it.
        picture: ``(SIDE, SIDE, 3)`` uint8 in RGB, squeezed to a square.
        aspect: Width over height that the picture had.
        limits: Caps past which the video is refused.

    Returns:
        The frames most like it, best first, and how many frames there were.

    Raises:
        MediaError: If the video cannot be decoded.
    """
    cut, cut_aspect = without_bars(picture, aspect)
    asked = {False: signature(picture), True: signature(cut)}
    kept: list[tuple[float, int, float, bool, Pixels]] = []
    number = -1
    with reel_of(item, limits) as reel:
        shown = reel.size[0] / reel.size[1]
        start, stop = part_of(reel, item.span)
        for number, (time, pixels) in enumerate(reel.through(start, stop, (SIDE, SIDE))):
            bare, bare_aspect = without_bars(pixels, shown)
            explained = _apart(bare_aspect, cut_aspect) + _LEAST_GAIN < _apart(shown, aspect)
            score = float(signature(bare if explained else pixels) @ asked[explained])
            if len(kept) < KEPT or score > kept[0][0]:
                row = (score, -number, time, explained, (bare if explained else pixels).copy())
                (heapq.heappush if len(kept) < KEPT else heapq.heapreplace)(kept, row)
    best = sorted(kept, key=lambda row: (-row[0], -row[1]))
    return [Likeness(-n, t, score, pixels, cut) for score, n, t, cut, pixels in best], number + 1


def signature(pixels: Pixels) -> F32:
    """Colours over a square, less their mean, as a unit vector; zeros where there is one colour."""
    block = len(pixels) // COARSE
    small = pixels.reshape(COARSE, block, COARSE, block, 3).mean(axis=(1, 3), dtype=np.float32)
    flat = (small - small.mean(axis=(0, 1))).ravel()
    length = float(np.linalg.norm(flat))
    out: F32 = flat / length if length > _FLAT else np.zeros_like(flat)
    return out


def without_bars(pixels: Pixels, aspect: float) -> tuple[Pixels, float]:
    """A square without black bars on two opposite sides, stretched to a square again.

    Args:
        pixels: ``(n, n, 3)`` uint8.
        aspect: Width over height of what it was made from.

    Returns:
        The square, and the aspect ratio of what is left.
    """
    dark = pixels.max(axis=2) <= _BLACK
    rows, columns = _bars(dark.all(axis=1)), _bars(dark.all(axis=0))
    n = len(pixels)
    if not rows and not columns:
        return pixels, aspect
    left = pixels[rows : n - rows, columns : n - columns]
    down = np.arange(n) * left.shape[0] // n
    across = np.arange(n) * left.shape[1] // n
    return left[down][:, across], aspect * left.shape[1] / left.shape[0]


def _bars(dark: NDArray[np.bool_]) -> int:
    """How many lines are dark on both ends; none where all are, or nearly."""
    light = np.flatnonzero(~dark)
    if not len(light):
        return 0
    both = int(min(light[0], len(dark) - 1 - light[-1]))
    return both if both < len(dark) // 3 else 0


def _apart(one: float, other: float) -> float:
    return float(abs(np.log(one / other)))
