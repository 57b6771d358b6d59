"""What is known of scores on records that their predictors have not seen: rows, or only sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.closed.block import Block
from isthmus.fusion.closed.joined import TARGET, Joined
from isthmus.fusion.closed.learners import Learner, discriminates, turned
from isthmus.fusion.closed.likelihood import Calibrated, calibrate
from isthmus.fusion.target import Kind, Target

_MOST_LEVERAGE = 0.95
"""A fit that follows its rows more closely says nothing of others."""
_NOTHING = 1e-30


class Evidence(Protocol):
    """Which weights of the scores of several predictors are best, by records new to them."""

    @property
    def errors(self) -> F64:
        """Mean squared error ``(v,)`` of each, of a number in units of its variance."""
        ...

    def best(self, mixes: F64) -> Calibrated:
        """Weights, none negative, of mixes of the predictors.

        Args:
            mixes: ``(q, v)``, in each row how much each predictor counts.

        Returns:
            Weights ``(q,)`` of the mixes, with an offset of the prior.
        """
        ...


@dataclass(frozen=True, eq=False)
class HeldRows:
    """Scores of rows that were held out.

    Attributes:
        scores: Of each predictor ``(h, width)``, less the prior.
        truth: Of these rows.
        prior: ``(width,)``.
    """

    scores: Sequence[F64]
    truth: Target
    prior: F64

    @property
    def errors(self) -> F64:
        """As :class:`Evidence`."""
        truth = self.truth.matrix - self.prior
        spread = max(float(np.mean(truth**2)), _NOTHING)
        return np.array([float(np.mean((truth - each) ** 2)) / spread for each in self.scores])

    def best(self, mixes: F64) -> Calibrated:
        """The most probable ones, by :func:`calibrate`."""
        parts = np.tensordot(mixes, np.stack(self.scores), 1)
        return calibrate(list(parts), self.truth, self.prior)


@dataclass(frozen=True, eq=False)
class HeldSums:
    """Second moments of held-out scores, as generalised cross-validation estimates them.

    Attributes:
        signal: ``(v,)``, how far each predictor moves truth apart.
        noise: ``(v, v)``, how predictors vary where truth is the same.
        width: Columns of scores.
        errors: As :class:`Evidence`.
    """

    signal: F64
    noise: F64
    width: int
    errors: F64 = field(default_factory=lambda: np.zeros(0))

    def best(self, mixes: F64) -> Calibrated:
        """Those of the discriminant of the mixes."""
        from scipy.optimize import nnls

        noise, signal = mixes @ self.noise @ mixes.T, mixes @ self.signal
        scale = np.sqrt(np.maximum(np.diag(noise), _NOTHING))
        values, turn = np.linalg.eigh(noise / np.outer(scale, scale))
        root = np.sqrt(np.maximum(values, 1e-9))
        weights = nnls(root[:, None] * turn.T, (turn.T @ (signal / scale)) / root)[0] / scale
        loss = -float(signal @ weights) / 2
        return Calibrated(weights, np.zeros(self.width), loss)


@dataclass(frozen=True, eq=False)
class Smoother:
    """Ridge regression of a block, and its second moments on records that it has not seen.

    Each residual is divided by one less the mean leverage (Golub, Heath & Wahba, "Generalized
    Cross-Validation as a Method for Choosing a Good Ridge Parameter", 1979).

    Attributes:
        slopes: ``(r, m)``.
        leverage: Mean leverage of a record.
        signal: ``(m, m)``, covariance of held-out predictions with what is regressed on.
        spread: ``(m, m)``, their covariance.
        truth: ``(m, m)``, covariance of what is regressed on.
    """

    slopes: F64
    leverage: float
    signal: F64
    spread: F64
    truth: F64

    @classmethod
    def of(cls, joined: Joined, block: Block, ridge: float) -> Smoother:
        """With a penalty in the block's unit."""
        shrunk = block.values + ridge * block.unit
        slopes = block.onto / shrunk[:, None]
        leverage = min((1 + float(np.sum(block.values / shrunk))) / block.count, _MOST_LEVERAGE)
        inside = joined.regressed
        truth = inside.T @ joined.moments.covariance(TARGET)[:-1, :-1] @ inside
        explained = block.onto.T @ slopes
        spread = slopes.T @ (block.values[:, None] * slopes)
        signal = (explained - leverage * truth) / (1 - leverage)
        crossed = leverage * (explained + explained.T)
        held = (spread - crossed + leverage**2 * truth) / (1 - leverage) ** 2
        return cls(slopes, leverage, signal, held, truth)

    def with_other(self, other: Smoother, between: F64) -> F64:
        """Covariance of held-out predictions with another's.

        Args:
            other: Of another block.
            between: ``(r, r')``, covariance of the directions of the two blocks.
        """
        inside = self.slopes.T @ between @ other.slopes
        mine, its = self.explained, other.explained
        h, g = self.leverage, other.leverage
        crossed: F64 = inside - g * mine - h * its.T + h * g * self.truth
        return crossed / ((1 - h) * (1 - g))

    @property
    def explained(self) -> F64:
        """Covariance of predictions of seen records with what is regressed on."""
        return self.signal * (1 - self.leverage) + self.leverage * self.truth

    @property
    def error(self) -> float:
        """Mean squared error of held-out predictions, by what a constant has."""
        error = np.trace(self.truth - self.signal - self.signal.T + self.spread)
        return float(error / max(float(np.trace(self.truth)), _NOTHING))

    def turn(self, joined: Joined, learner: Learner) -> tuple[F64, F64]:
        """What makes log-odds of predictions, ``(m, m)``, with a bias ``(m,)``."""
        size = len(self.truth)
        if learner == "lda" and discriminates(joined.kind):
            return turned(self.signal, joined.mean, joined.kind)
        return np.eye(size), np.zeros(size)


def noise_of(kind: Kind, mean: F64, spread: F64, left: F64, right: F64) -> float:
    """How two predictors vary together where truth is the same.

    Args:
        kind: Of the target.
        mean: ``(width,)``, its mean.
        spread: ``(m, m)``, covariance of the predictions.
        left: ``(m, m)``, covariance of the first one's with what is regressed on.
        right: The same of the second.
    """
    if kind == "classes":
        inverse = np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > 0)
        within = spread - (left * inverse) @ right.T
        return float(mean @ np.diag(within) - mean @ within @ mean)
    odds = mean * (1 - mean)
    if kind == "labels":
        between = np.divide(
            np.diag(left) * np.diag(right), odds, out=np.zeros_like(odds), where=odds > 0
        )
        return float(odds @ (np.diag(spread) - between))
    return float(np.trace(spread)) * (float(odds.sum()) if kind == "grades" else 1.0)
