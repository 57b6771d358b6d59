"""One linear predictor of a block of views, with what it says of rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.closed.block import Block
from isthmus.fusion.closed.heldout import Held, held_out
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import Inner, Learner, learned
from isthmus.fusion.closed.likelihood import Calibrated, calibrate

RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Penalties that a view chooses from, relative to the mean eigenvalue of its covariance."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A predictor of a block.

    Attributes:
        block: Its directions.
        inner: Its weights of them.
        ridge: Its penalty, in the block's unit.
        learner: What learned them.
        held: ``(h, width)``: its scores less the prior of rows that it has not seen; zero where
            a row lacks a view of the block.
        fitted: What makes these most probable.
        gain: Likelihood per held-out row beyond the prior's, at least 0.
    """

    block: Block
    inner: Inner
    ridge: float
    learner: Learner
    held: F64
    fitted: Calibrated
    gain: float

    @property
    def slope(self) -> float:
        """What the scores are multiplied by."""
        return float(self.fitted.weights[0])


def tuned(
    joined: Joined, block: Block, held: Held, *, ridges: Sequence[float], learner: Learner
) -> Tuned:
    """The predictor whose penalty makes held-out rows most probable.

    The search walks from the middle of the penalties as long as it climbs.

    Args:
        joined: Moments with the target.
        block: Directions of views.
        held: Rows in folds.
        ridges: Penalties to choose from, ascending, in the block's unit.
        learner: What learns on the directions.
    """
    there = held.there(tuple(block.sides))
    truth = held.truth.take(there)
    tried: dict[int, tuple[F64, Calibrated]] = {}

    def cost(place: int) -> float:
        if not 0 <= place < len(ridges):
            return np.inf
        if place not in tried:
            parts = held_out(joined, block, held, ridges[place], learner)
            tried[place] = parts, calibrate([parts[there]], truth, joined.prior)
        return tried[place][1].loss

    best = len(ridges) // 2
    step = 1 if cost(best + 1) < cost(best) else -1
    while cost(best + step) < cost(best):
        best += step
    parts, fitted = tried[best]
    plain = calibrate([np.zeros_like(parts[there])], truth, joined.prior).loss
    inner = learned(joined, block, ridge=ridges[best], learner=learner)
    gain = max(plain - fitted.loss, 0.0)
    return Tuned(block, inner, ridges[best], learner, parts, fitted, gain)
