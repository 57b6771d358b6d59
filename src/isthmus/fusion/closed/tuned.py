"""One linear predictor of a block of views, with what is known of it on records new to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.closed.block import Block, between
from isthmus.fusion.closed.evidence import Evidence, HeldRows, HeldSums, Smoother, noise_of
from isthmus.fusion.closed.heldout import Held, held_out
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import Inner, Learner, learned
from isthmus.fusion.closed.likelihood import Calibrated, calibrate
from isthmus.fusion.closed.logistic import fit_logistic, held_out_logistic

T = TypeVar("T")
RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Penalties that a view chooses from, relative to the mean eigenvalue of its covariance."""
_FEWEST = 8
"""Held-out records that must have certain views for these to get weights of their own."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A predictor of a block.

    Attributes:
        block: Its directions.
        inner: Its weights of them.
        ridge: Its penalty, in the block's unit.
        learner: What learned them.
        fitted: What makes its scores most probable.
        gain: What its likelihood exceeds the prior's by, at least 0.
        held: ``(h, width)``: its scores less the prior of rows that it has not seen; zero where
            a row lacks a view of the block. Empty where only sums are known.
    """

    block: Block
    inner: Inner
    ridge: float
    learner: Learner
    fitted: Calibrated
    gain: float
    held: F64

    @property
    def slope(self) -> float:
        """What the scores are multiplied by."""
        return float(self.fitted.weights[0])


class Bench(Protocol):
    """Where predictors are tuned and judged."""

    @property
    def joined(self) -> Joined:
        """The moments that they are fitted on."""
        ...

    def tuned(self, block: Block, ridges: Sequence[float], learner: Learner) -> Tuned:
        """The best predictor of a block.

        Args:
            block: Directions of views.
            ridges: Penalties to choose from, ascending, in the block's unit.
            learner: What learns on the directions.
        """
        ...

    def evidence(self, parts: Sequence[Tuned]) -> Evidence | None:
        """What is known of several predictors together; None if that is too little."""
        ...


@dataclass(frozen=True, eq=False)
class RowBench:
    """Judges by rows that are held out.

    Attributes:
        joined: As :class:`Bench`.
        held: The rows in folds.
    """

    joined: Joined
    held: Held

    def tuned(self, block: Block, ridges: Sequence[float], learner: Learner) -> Tuned:
        """The penalty that makes held-out rows most probable."""
        there = self.held.there(tuple(block.sides))
        truth, prior = self.held.truth.take(there), self.joined.prior

        def tried(ridge: float) -> tuple[float, tuple[F64, Calibrated]]:
            if learner == "logistic":
                scores = held_out_logistic(self.joined, block, self.held, ridge)
            else:
                scores = held_out(self.joined, block, self.held, ridge, learner)
            fitted = calibrate([scores[there]], truth, prior)
            return fitted.loss, (scores, fitted)

        ridge, (scores, fitted) = climb(ridges, tried)
        plain = calibrate([np.zeros_like(scores[there])], truth, prior).loss
        if learner == "logistic":
            x = self.held.components_of(block)[there]
            inner = fit_logistic(self.joined, block, x, truth, ridge)
        else:
            inner = learned(self.joined, block, ridge=ridge, learner=learner)
        return Tuned(block, inner, ridge, learner, fitted, max(plain - fitted.loss, 0.0), scores)

    def evidence(self, parts: Sequence[Tuned]) -> Evidence | None:
        """The held-out rows that have all of the views."""
        there = self.held.there(tuple(view for part in parts for view in part.block.sides))
        if there.sum() < _FEWEST:
            return None
        held = [part.held[there] for part in parts]
        return HeldRows(held, self.held.truth.take(there), self.joined.prior)


@dataclass(frozen=True, eq=False)
class SumBench:
    """Judges by generalised cross-validation, from moments alone.

    Attributes:
        joined: As :class:`Bench`.
    """

    joined: Joined

    def tuned(self, block: Block, ridges: Sequence[float], learner: Learner) -> Tuned:
        """The penalty with the least error."""

        def tried(ridge: float) -> tuple[float, Smoother]:
            smoother = Smoother.of(self.joined, block, ridge)
            return smoother.error, smoother

        ridge, smoother = climb(ridges, tried)
        turn, bias = smoother.turn(self.joined, learner)
        outwards = self.joined.regressed.T
        own = Inner(smoother.slopes @ turn @ outwards, bias @ outwards)
        part = Tuned(
            block, own, ridge, learner, Calibrated(np.ones(1), np.zeros(1), 0.0), 0.0, np.zeros(0)
        )
        fitted = self.evidence([part]).best(np.ones((1, 1)))
        return Tuned(block, own, ridge, learner, fitted, -fitted.loss, np.zeros(0))

    def evidence(self, parts: Sequence[Tuned]) -> HeldSums:
        """Second moments of all pairs of predictors."""
        joined = self.joined
        smoothers = [Smoother.of(joined, part.block, part.ridge) for part in parts]
        turns = [s.turn(joined, p.learner)[0] for s, p in zip(smoothers, parts, strict=True)]
        moved = [turn.T @ s.signal for s, turn in zip(smoothers, turns, strict=True)]
        noise = np.zeros((len(parts), len(parts)))
        for a, left in enumerate(smoothers):
            for b, right in enumerate(smoothers):
                if a == b:
                    spread = left.spread
                else:
                    links = between(joined, parts[a].block, parts[b].block)
                    spread = left.with_other(right, links)
                spread = turns[a].T @ spread @ turns[b]
                noise[a, b] = noise_of(joined.kind, joined.mean, spread, moved[a], moved[b])
        signal = np.array([float(np.trace(each)) for each in moved])
        errors = np.array([smoother.error for smoother in smoothers])
        return HeldSums(signal, (noise + noise.T) / 2, joined.width, errors)


def climb(ridges: Sequence[float], tried: Callable[[float], tuple[float, T]]) -> tuple[float, T]:
    """The penalty of least loss, with what was tried; it walks from the middle while it falls.

    Args:
        ridges: Ascending.
        tried: Loss of a penalty, and what to keep of it.
    """
    known: dict[int, tuple[float, T]] = {}

    def loss(place: int) -> float:
        if not 0 <= place < len(ridges):
            return np.inf
        if place not in known:
            known[place] = tried(ridges[place])
        return known[place][0]

    best = len(ridges) // 2
    step = 1 if loss(best + 1) < loss(best) else -1
    while loss(best + step) < loss(best):
        best += step
    loss(best)
    return ridges[best], known[best][1]
