"""Videos by how they move, and not by what is in them: statistics of optical flow, no weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import Sampling
from isthmus.core.errors import InputError
from isthmus.core.item import Clip
from isthmus.core.linalg import F32, F64
from isthmus.core.view import VIDEO
from isthmus.encoders._flow import flow
from isthmus.encoders.base import check_clip
from isthmus.encoders.windows import SECONDS

SIDE = 48
"""Pixels a side of the frames that are compared."""
MOST_FRAMES = 128
DIRECTIONS = 8
PLACES = 2
"""Cells a side of the histograms of directions."""
CELLS = 4
"""Cells a side of the changes of brightness."""
MOMENTS = 4
"""Stretches of time that each has of its own."""
STILL = 0.1
"""Sides a second: a place that is slower counts as still as much as it moves."""


class MotionEncoder:
    """How a video moves: which way, where and when, whether it spreads and turns.

    Three blocks, each of about unit length:

    * directions of the flow, 8 of them, in 2 × 2 places and 4 stretches of time, weighed by speed
      and texture (histograms of optical flow, Laptev et al., CVPR 2008), and how much is still;
    * the affine motion about the centre of what moves, in each stretch: right, down, divergence,
      curl and two shears, by least squares weighed alike, signed;
    * how much brightness changes, in 4 × 4 places and 4 stretches.

    The first two keep the order of the frames: backwards, every direction is its opposite.

    Args:
        n: Frames, spread over each window.
        window: Seconds that one vector is of.

    Raises:
        InputError: For an option out of range.
    """

    id = "motion"
    modality = VIDEO
    dim = DIRECTIONS * PLACES**2 * MOMENTS + MOMENTS + 6 * MOMENTS + CELLS**2 * MOMENTS
    languages: tuple[str, ...] = ()
    batch_size = 64
    image_side = 2 * SIDE

    def __init__(self, *, n: int = 32, window: float = SECONDS) -> None:
        if not 2 <= n <= MOST_FRAMES:
            raise InputError(f"motion: n must be 2 to {MOST_FRAMES} frames, got {n}")
        if not window > 0:
            raise InputError(f"motion: window must be some seconds, got {window}")
        self.n, self.window = n, float(window)
        self.sampling = Sampling(n)
        self.fingerprint = fingerprint(
            {"encoder": self.id, "n": n, "window": self.window, "version": 1}
        )

    def prepare(self, decoded: Any) -> F32:
        """The vector of a :class:`~isthmus.core.item.Clip`, ``(dim,)`` float32."""
        clip = check_clip(decoded, self.id, most=self.n)
        if len(clip.frames) < 2:
            clip = Clip(np.repeat(clip.frames, 2, axis=0), np.arange(2.0), clip.seconds)
        grey = grey_frames(clip)
        gaps = np.diff(clip.times)
        gaps = np.where(gaps > 0, gaps, max(float(gaps.mean()), 1e-3))
        steps, texture = flow(grey)
        speed = steps.astype(np.float64) / SIDE / gaps[:, None, None, None]
        when = _stretches(len(gaps))
        blocks = [
            _directions(speed, texture, when),
            _affine(speed, texture, when),
            _changes(grey, when),
        ]
        return np.asarray(np.concatenate(blocks), dtype=np.float32)

    def encode(self, batch: Sequence[F32]) -> F32:
        """Vectors ``(len(batch), dim)`` float32."""
        return np.asarray(batch, dtype=np.float32).reshape(len(batch), self.dim)


def grey_frames(clip: Clip) -> F32:
    """Frames as squares of :data:`SIDE` pixels, ``(n, SIDE, SIDE)`` float32 in 0…1."""
    from PIL import Image

    square = (SIDE, SIDE)
    made = [
        np.asarray(Image.fromarray(frame).convert("L").resize(square, Image.Resampling.BOX))
        for frame in clip.frames
    ]
    return np.asarray(np.stack(made), dtype=np.float32) / np.float32(255)


def _stretches(steps: int) -> F64:
    """Which share of each stretch of time a step has, ``(MOMENTS, steps)``; rows sum to 1.

    Steps lie between stretches where there are few of them.
    """
    centres = (np.arange(steps) + 0.5) / steps * MOMENTS - 0.5
    near = np.maximum(0.0, 1 - np.abs(centres[None] - np.arange(MOMENTS)[:, None]))
    near[0, centres < 0] = 1.0
    near[-1, centres > MOMENTS - 1] = 1.0
    total = near.sum(axis=1, keepdims=True)
    out: F64 = np.where(total > 0, near / np.where(total > 0, total, 1), 1 / steps)
    return out


def _directions(speed: F64, texture: F32, when: F64) -> F64:
    """Histograms of directions, and the share that is still; of unit length."""
    length = np.hypot(speed[..., 0], speed[..., 1])
    angle = np.arctan2(speed[..., 1], speed[..., 0]) / (2 * np.pi) * DIRECTIONS
    weight = texture * length
    low = np.floor(angle)
    share = angle - low
    row, column = np.indices(length.shape[1:]) * PLACES // SIDE
    cell = (row * PLACES + column) * DIRECTIONS
    size = PLACES**2 * DIRECTIONS
    bins = []
    for step, part in enumerate(low.astype(np.intp)):
        counts = np.zeros(size)
        for shift, mass in ((0, 1 - share[step]), (1, share[step])):
            where = cell + (part + shift) % DIRECTIONS
            counts += np.bincount(where.ravel(), (weight[step] * mass).ravel(), minlength=size)
        bins.append(counts)
    moving = when @ np.asarray(bins)
    still = when @ (STILL * texture * np.exp(-length / STILL)).sum(axis=(1, 2))
    counts = np.concatenate([moving.ravel(), still + 1e-6])
    out: F64 = np.sqrt(counts / counts.sum())
    return out


def _affine(speed: F64, texture: F32, when: F64) -> F64:
    """The affine motion of what moves, in each stretch; at most of unit length."""
    row, column = (np.indices(speed.shape[1:3]) + 0.5) / SIDE
    fitted = []
    for steps, mass in zip(speed, texture, strict=True):
        weight = mass * np.hypot(steps[..., 0], steps[..., 1]) + 1e-9
        weight = weight / weight.sum()
        x = column - (weight * column).sum()
        y = row - (weight * row).sum()
        basis = np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)
        normal = (basis * weight.reshape(-1, 1)).T
        slope = np.linalg.solve(normal @ basis + 1e-4 * np.eye(3), normal @ steps.reshape(-1, 2))
        (u, v), (ux, vx), (uy, vy) = slope
        scale = np.sqrt((weight * (x**2 + y**2)).sum())
        fitted.append([u, v, *(scale * np.array([ux + vy, vx - uy, ux - vy, uy + vx]))])
    found = (when @ np.asarray(fitted)).ravel()
    root = np.sign(found) * np.sqrt(np.abs(found))
    out: F64 = root / (np.linalg.norm(root) + np.sqrt(STILL))
    return out


def _changes(grey: F32, when: F64) -> F64:
    """How much brightness changes, in each cell and stretch; at most of unit length."""
    change = np.abs(np.diff(grey.astype(np.float64), axis=0))
    block = SIDE // CELLS
    cells = change.reshape(len(change), CELLS, block, CELLS, block).mean(axis=(2, 4))
    root = np.sqrt(when @ cells.reshape(len(cells), -1)).ravel()
    out: F64 = root / (np.linalg.norm(root) + STILL)
    return out
