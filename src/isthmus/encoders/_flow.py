"""Optical flow between neighbouring frames, in numpy: Lucas and Kanade on a pyramid.

This is own code because OpenCV would bring a second FFmpeg of its own beside that of PyAV.
"""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import F32

LEVELS = 3
"""Of the pyramid: at the coarsest a step is four times as short."""
ROUNDS = 2
"""Of refinement on each level."""
WINDOW = 7
"""Pixels a side that move together."""
NOISE = 1e-4
"""Added to the structure tensor, in squared grey levels of 0…1 a pixel: where edges are fainter,
nothing moves."""
_SMOOTH = 1.0
"""Deviation in pixels of the blur of each level before it is halved or compared."""


def flow(grey: F32) -> tuple[F32, F32]:
    """How far each place moves from each frame to the next.

    Lucas and Kanade, "An Iterative Image Registration Technique", IJCAI 1981, with the pyramid of
    Bouguet (2000), dense: on each level ``A v = b`` is solved in each window, with the structure
    tensor ``A = Σ ∇I ∇Iᵀ`` and ``b = −Σ ∇I ΔI``; the second frame is warped and the step repeated.

    Args:
        grey: ``(n, height, width)`` float32 in 0…1, of sides that 4 divides.

    Returns:
        Steps ``(n − 1, height, width, 2)`` in pixels to the right and down, and how much texture
        there is ``(n − 1, height, width)``: the trace of ``A`` as a part of itself and the noise.
    """
    from scipy.ndimage import gaussian_filter

    levels = [gaussian_filter(grey, (0, _SMOOTH, _SMOOTH))]
    for _ in range(LEVELS - 1):
        halved = _halved(levels[-1])
        levels.append(gaussian_filter(halved, (0, _SMOOTH / 2, _SMOOTH / 2)))
    first = levels[-1][:-1]
    steps = np.zeros((*first.shape, 2), dtype=np.float32)
    texture = np.zeros(first.shape, dtype=np.float32)
    for level in reversed(levels):
        if steps.shape[1:3] != level.shape[1:3]:
            steps = 2 * np.repeat(np.repeat(steps, 2, axis=1), 2, axis=2)
        steps, texture = _refined(level[:-1], level[1:], steps)
    return steps, texture


def _refined(first: F32, second: F32, steps: F32) -> tuple[F32, F32]:
    """Steps on one level, and the texture there."""
    down, right = (np.asarray(slope, dtype=np.float32) for slope in np.gradient(first, axis=(1, 2)))
    xx, xy, yy = (_summed(product) for product in (right * right, right * down, down * down))
    noise = np.float32(NOISE * WINDOW**2)
    xx, yy = np.maximum(xx, 0), np.maximum(yy, 0)  # sums of squares, up to rounding
    trace = xx + yy
    xx, yy = xx + noise, yy + noise
    determinant = xx * yy - xy * xy
    for _ in range(ROUNDS):
        change = first - _warped(second, steps)
        bx, by = _summed(right * change), _summed(down * change)
        step = np.stack([yy * bx - xy * by, xx * by - xy * bx], axis=-1) / determinant[..., None]
        steps = steps + np.clip(step, -WINDOW / 2, WINDOW / 2)
    return steps.astype(np.float32), np.asarray(trace / (trace + noise), dtype=np.float32)


def _summed(values: F32) -> F32:
    """Sums over windows."""
    from scipy.ndimage import uniform_filter

    size = (0, WINDOW, WINDOW)
    return np.asarray(uniform_filter(values, size, mode="nearest") * WINDOW**2, dtype=np.float32)


def _warped(frames: F32, steps: F32) -> F32:
    """Each frame at places moved by ``steps``, between pixels by their neighbours."""
    count, height, width = frames.shape
    row, column = np.indices((height, width), dtype=np.float32)
    x = np.clip(column + steps[..., 0], 0, width - 1)
    y = np.clip(row + steps[..., 1], 0, height - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = x - left, y - top
    each = np.arange(count)[:, None, None]
    upper = frames[each, top, left] * (1 - x) + frames[each, top, right] * x
    lower = frames[each, bottom, left] * (1 - x) + frames[each, bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y, dtype=np.float32)


def _halved(frames: F32) -> F32:
    count, height, width = frames.shape
    blocks = frames.reshape(count, height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)
