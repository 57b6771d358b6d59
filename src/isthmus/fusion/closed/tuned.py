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

RIDGES = (1.0, 0.3, 3.0, 0.1, 10.0, 0.03, 30.0)
"""Penalties that a view chooses from, relative to the mean eigenvalue of its covariance."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A predictor of a block.

    Attributes:
        block: Its directions.
        inner: Its weights of them.
        ridge: Its penalty, in the block's unit.
        held: ``(h, width)``: its scores less the prior of rows that it has not seen; zero where
            a row lacks a view of the block.
        fitted: What makes these most probable.
        gain: Likelihood per held-out row beyond the prior's, at least 0.
    """

    block: Block
    inner: Inner
    ridge: float
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

    Args:
        joined: Moments with the target.
        block: Directions of views.
        held: Rows in folds.
        ridges: Penalties to choose from, in the block's unit.
        learner: What learns on the directions.
    """
    there = held.there(tuple(block.sides))
    truth = held.truth.take(there)
    best: tuple[float, F64, Calibrated] | None = None
    for ridge in ridges:
        parts = held_out(joined, block, held, ridge, learner)
        fitted = calibrate([parts[there]], truth, joined.prior)
        if best is None or fitted.loss < best[2].loss:
            best = ridge, parts, fitted
    assert best is not None
    ridge, parts, fitted = best
    plain = calibrate([np.zeros_like(parts[there])], truth, joined.prior).loss
    return Tuned(
        block,
        learned(joined, block, ridge=ridge, learner=learner),
        ridge,
        parts,
        fitted,
        max(plain - fitted.loss, 0.0),
    )
