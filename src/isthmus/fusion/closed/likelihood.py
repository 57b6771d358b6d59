"""How probable a target is under scores, and the weights of parts that make it most probable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.target import Target

_ENOUGH = 1e-7
"""Relative fall of the loss at which the search for weights ends: shares of a percent of them."""
_NOTHING = 1e-12
"""Size below which parts of scores say nothing."""
_LARGEST = 1e3
"""Larger weights of parts than these only say that the parts tell classes apart without error."""


def loss(
    target: Target, scores: F64, soft: F64 | None = None, *, into: F64 | None = None
) -> tuple[float, F64]:
    """Mean negative log-likelihood, and its gradient by the scores.

    Of classes the multinomial one; of labels and of boundaries between grades the binomial ones,
    summed; of a number half the squared error in units of its variance; of survival Cox's partial
    one, ties as by Breslow (Biometrics 30, 1974).

    Args:
        target: ``n`` rows.
        scores: ``(n, width)``.
        soft: :func:`softened` of the target, where it is known already.
        into: Where the gradient of classes may be written, such as the scores themselves: with many
            classes, making room for it takes longer than computing it.
    """
    if target.kind == "survival":
        return _cox(target, scores)
    if target.kind == "number":
        spread = max(float(target.matrix.var()), np.finfo(float).tiny)
        errors = (scores - target.matrix) / spread
        return float(np.mean(errors * (scores - target.matrix)) / 2), errors / len(target)
    truth = softened(target) if soft is None else soft
    if target.kind == "classes":
        likely = np.subtract(scores, scores.max(axis=1, keepdims=True), out=into)
        true = np.vdot(truth, likely)
        np.exp(likely, out=likely)
        total = likely.sum(axis=1, keepdims=True)
        value = float(np.log(total).sum() - true)
        likely /= total
        likely -= truth
        likely /= len(truth)
        return value / len(truth), likely
    values = np.logaddexp(0.0, scores) - truth * scores
    likely = 0.5 * (1 + np.tanh(scores / 2))
    return float(values.sum() / len(truth)), (likely - truth) / len(truth)


def softened(target: Target) -> F64:
    """Truth ``(n, width)`` moved towards its mean by what two rows more would move it.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999: parts that tell a few rows
    apart without error would otherwise be taken for certain. One weight is learned from all rows of
    classes; of labels and boundaries from half of them, since those of either side must be told
    apart.
    """
    truth = target.matrix
    share = 1 / ((len(truth) if target.kind == "classes" else len(truth) / 2) + 2)
    softer: F64 = (1 - share) * truth + share * truth.mean(axis=0)
    return softer


def _cox(target: Target, scores: F64) -> tuple[float, F64]:
    times, events = target.values.T
    eta = scores[:, 0] - scores[:, 0].max()
    order = np.argsort(-times, kind="stable")
    # The risk set of a time is everybody who has it or a later one.
    last = np.searchsorted(-times[order], -times, side="right") - 1
    at_risk = np.cumsum(np.exp(eta[order]))[last]
    value = -float(events @ (eta - np.log(at_risk)))
    ends, place = np.unique(times, return_inverse=True)
    hazard = np.cumsum(np.bincount(place, weights=events / at_risk, minlength=len(ends)))[place]
    count = max(float(events.sum()), 1.0)
    return value / count, ((np.exp(eta) * hazard - events) / count)[:, None]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """How parts of scores are best joined.

    Attributes:
        weights: ``(v,)``, none negative.
        offset: ``(width,)``, what is added to the prior.
        loss: Mean negative log-likelihood with them.
    """

    weights: F64
    offset: F64
    loss: float


def calibrate(parts: Sequence[F64], target: Target, prior: F64) -> Calibrated:
    """Weights and offset of parts of scores under which a target is most probable.

    Args:
        parts: ``v`` arrays ``(n, width)``, from models that have not seen these rows.
        target: ``n`` rows.
        prior: ``(width,)``, added to the weighted parts.
    """
    from scipy.optimize import minimize

    count, width = len(parts), len(prior)
    if not len(target):
        return Calibrated(np.ones(count), np.zeros(width), 0.0)
    sizes = np.array([max(float(np.sqrt(np.mean(part**2))), _NOTHING) for part in parts])
    stacked = np.stack([part / size for part, size in zip(parts, sizes, strict=True)])
    unit = 0.0 if target.kind == "survival" else 1.0  # Cox's likelihood knows no offset
    soft = None if target.kind in ("survival", "number") else softened(target)

    flat, scores = stacked.reshape(count, -1), np.empty((len(target), width))

    def value(point: F64) -> tuple[float, F64]:
        weights, offset = point[:count], point[count:]
        np.dot(weights[None], flat, out=scores.reshape(1, -1))
        np.add(scores, prior + unit * offset, out=scores)
        mean, gradient = loss(target, scores, soft, into=scores)
        slopes = np.tensordot(stacked, gradient, 2)
        pull = offset / len(target)
        return mean + float(pull @ offset) / 2, np.append(
            slopes, unit * gradient.sum(axis=0) + pull
        )

    start = np.append(np.full(count, 1.0 / count), np.zeros(width))
    bounds = [(0.0, _LARGEST)] * count + [(None, None)] * width
    options = {"ftol": _ENOUGH}
    found: Any = minimize(value, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    point: F64 = np.asarray(found.x)
    return Calibrated(point[:count] / sizes, unit * point[count:], float(found.fun))
