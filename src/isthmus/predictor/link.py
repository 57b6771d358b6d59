"""From scores to calibrated log-odds, learned from rows that were left out of a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.fusion.target import Kind, Target

_OFFSET_PENALTY = 1.0
"""Of half the squared offsets, in rows: it fixes what a softmax leaves open, and holds offsets of
classes with few rows near zero. Chosen, not tuned."""
_MOST = 500.0
"""Of log-odds; beyond, their exponential would overflow."""
_NEWTON_STEPS, _HALVINGS = 50, 30
_DAMPING = 1e-9
_ENOUGH = 1e-10
"""Twice what the next step would lower the loss of all rows by."""
_MOST_SHARP = 3.0
"""Logarithm of the factor of the boundaries of grades, at most."""
_FLAT = 1e-12
"""Spread of scores below which they say nothing."""


@dataclass(frozen=True, eq=False)
class Link:
    """``slope · scores + offset``.

    Attributes:
        slope: ``(width,)``, none below 0; one and the same for all classes.
        offset: ``(width,)``.
    """

    slope: F64
    offset: F64

    def __call__(self, scores: F64) -> F64:
        """Log-odds ``(n, width)``; a number in its unit; a log hazard."""
        return scores * self.slope + self.offset

    @classmethod
    def fit(cls, scores: F64, target: Target) -> Link:
        """By maximum likelihood on rows that the scores were not learned from.

        Of classes, one temperature and an offset a class (bias-corrected temperature scaling:
        Alexandari, Kundaje & Shrikumar, ICML 2020). Of labels and boundaries of grades, one
        logistic regression each (Platt 1999). Targets are never quite 1, so that scores that are
        never wrong get no infinite slope. Of numbers, the mean residual. Of survival, Cox's
        partial likelihood.

        Args:
            scores: ``(n, width)``.
            target: Of the same rows.
        """
        width = scores.shape[1]
        if target.kind == "number":
            return cls(np.ones(width), (target.values - scores).mean(axis=0))
        if target.kind == "survival":
            return cls(np.array([_cox_slope(scores[:, 0], target)]), np.zeros(1))
        spread = scores.std(axis=0)
        if target.kind == "classes":
            spread = np.full(width, scores.std())
        unit = np.where(spread > _FLAT, spread, 1.0)
        slope, offset = _fitted(
            (scores - scores.mean(axis=0)) / unit, soft_targets(target), target.kind
        )
        slope = slope / unit
        made = cls(slope, offset - slope * scores.mean(axis=0))
        if target.kind != "grades":
            return made
        factor = _sharpness(made(scores), target)
        return cls(factor * made.slope, factor * made.offset)


def probabilities_of(kind: Kind, logits: F64) -> F64:
    """Probabilities ``(n, k)`` of classes, labels or grades from log-odds ``(n, width)``."""
    if kind == "classes":
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)
    each = np.asarray(1 / (1 + np.exp(-np.clip(logits, -_MOST, _MOST))), dtype=np.float64)
    if kind == "labels":
        return each
    # That a grade is above a boundary cannot be more probable than that it is above a lower one.
    above = np.minimum.accumulate(each, axis=1)
    ends = np.ones((len(each), 1))
    steps: F64 = -np.diff(np.hstack([ends, above, 0 * ends]), axis=1)
    return steps


def soft_targets(target: Target) -> F64:
    """Targets ``(n, width)`` that are never quite 0 or 1 (Platt 1999).

    A label's and a boundary's slope is learned from its own rows; of classes all rows share one
    slope, so that there the true class has ``(n + 1) / (n + 2)``, ``n`` being all rows.
    """
    known = target.matrix
    if target.kind == "classes":
        lost = 1 / (len(known) + 2)
        soft: F64 = known * (1 - lost) + (1 - known) * lost / max(known.shape[1] - 1, 1)
        return soft
    positive = known.sum(axis=0)
    negative = len(known) - positive
    platt: F64 = np.where(known > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    return platt


def _sharpness(logits: F64, target: Target) -> float:
    """The factor of log-odds of boundaries of which grades have the least Brier score.

    Each boundary is calibrated by itself, yet all scores together tell more, or less, of a grade.
    A likelihood would look away where boundaries cross, since a grade between them has none.
    """
    from scipy.optimize import minimize_scalar

    truth = np.eye(target.width + 1)[target.codes]

    def loss(log: float) -> float:
        return float(((probabilities_of("grades", np.exp(log) * logits) - truth) ** 2).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-_MOST_SHARP, _MOST_SHARP)).x))


def _fitted(scores: F64, wanted: F64, kind: Kind) -> tuple[F64, F64]:
    """Slopes ``(width,)`` and offsets ``(width,)`` of least cross-entropy."""
    width = scores.shape[1]
    if kind == "classes":
        slope, offset = _of_least_loss(scores, wanted)
        return np.full(width, slope), offset
    slopes, offsets = np.zeros(width), np.zeros(width)
    for column in range(width):
        # A sigmoid is the softmax over this and a class that always has log-odds of 0.
        two = np.column_stack([scores[:, column], np.zeros(len(scores))])
        share = wanted[:, column]
        slopes[column], offset = _of_least_loss(two, np.column_stack([share, 1 - share]))
        offsets[column] = offset[0] - offset[1]
    return slopes, offsets


def _of_least_loss(scores: F64, wanted: F64) -> tuple[float, F64]:
    """One slope, not below 0, and offsets ``(k,)``, by Newton's method on a convex loss.

    Own code: SciPy's minimisers take a hundred times as long for so few unknowns.
    """
    point = np.concatenate([[1.0], np.zeros(scores.shape[1])])
    free = np.ones(len(point), dtype=bool)
    found = _newton(scores, wanted, point, free)
    if found[0] < 0:  # the loss is convex, so that its least with a slope ≥ 0 is at 0
        point[0], free[0] = 0.0, False
        found = _newton(scores, wanted, point, free)
    return float(found[0]), found[1:]


def _newton(scores: F64, wanted: F64, point: F64, free: NDArray[np.bool_]) -> F64:
    penalty = np.concatenate([[0.0], np.full(scores.shape[1], _OFFSET_PENALTY)])
    value, probabilities = _loss(scores, wanted, point, penalty)
    for _ in range(_NEWTON_STEPS):
        off = probabilities - wanted
        gradient = np.concatenate([[(off * scores).sum()], off.sum(axis=0)]) + penalty * point
        hessian = _hessian(scores, probabilities) + np.diag(penalty + _DAMPING)
        step = np.zeros(len(point))
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        if gradient @ step < _ENOUGH:
            break
        size = 1.0
        for _ in range(_HALVINGS):
            after, said = _loss(scores, wanted, point - size * step, penalty)
            if after <= value:
                break
            size /= 2
        else:
            break
        point, value, probabilities = point - size * step, after, said
    return point


def _loss(scores: F64, wanted: F64, point: F64, penalty: F64) -> tuple[float, F64]:
    """Cross-entropy with the penalty of the offsets, and the probabilities ``(n, k)``."""
    shares = scores * point[0]  # and whatever becomes of them: with many classes it is large
    shares += point[1:]
    shares -= shares.max(axis=1, keepdims=True)
    true = (wanted * shares).sum(axis=1)
    np.exp(shares, out=shares)
    total = shares.sum(axis=1, keepdims=True)
    value = float((np.log(total[:, 0]) - true).sum())
    shares /= total
    return value + float(penalty @ point**2) / 2, shares


def _hessian(scores: F64, probabilities: F64) -> F64:
    """Of the slope and the offsets, ``(k + 1, k + 1)``."""
    mean = (probabilities * scores).sum(axis=1, keepdims=True)
    k = scores.shape[1]
    out = np.empty((k + 1, k + 1))
    out[0, 0] = (probabilities * (scores - mean) ** 2).sum()
    out[0, 1:] = out[1:, 0] = (probabilities * (scores - mean)).sum(axis=0)
    out[1:, 1:] = np.diag(probabilities.sum(axis=0)) - probabilities.T @ probabilities
    return out


_SLOPE_PENALTY = 1.0
"""Of half the squared slope of standardised scores, in events; so that separated times give no
infinite slope."""


def _cox_slope(scores: F64, target: Target) -> float:
    """The slope of one covariate in Cox's model (Breslow's ties), not below 0."""
    spread = float(scores.std())
    if spread <= _FLAT:
        return 0.0
    x = (scores - scores.mean()) / spread
    times, events = target.values[:, 0], target.values[:, 1] > 0
    order = np.argsort(-times, kind="stable")
    x, times, events = x[order], times[order], events[order]
    # The risk set of a row reaches to the last row of its own time.
    last = np.searchsorted(-times, -times, side="right") - 1
    slope = 0.0
    for _ in range(_NEWTON_STEPS):
        weight = np.exp(np.clip(slope * x, -50, 50))
        total, first, second = (np.cumsum(weight * x**power)[last] for power in (0, 1, 2))
        mean = first / total
        gradient = (x - mean)[events].sum() - _SLOPE_PENALTY * slope
        hessian = (second / total - mean**2)[events].sum() + _SLOPE_PENALTY
        step = gradient / hessian
        slope += float(np.clip(step, -1, 1))
        if abs(step) < 1e-9:
            break
    return max(slope, 0.0) / spread
