"""Logistic regression on the directions of a block, by scikit-learn: slower than a closed form."""

from __future__ import annotations

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.extras import require
from isthmus.core.linalg import F64, Array
from isthmus.fusion.closed.block import Block
from isthmus.fusion.closed.heldout import Held
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import Inner, discriminates
from isthmus.fusion.target import Target

_STEPS = 500
_SLOPE = 0.25
"""Largest curvature of the logistic loss: with it a penalty is as strong as that of a ridge."""


def fit_logistic(joined: Joined, block: Block, x: F64, target: Target, ridge: float) -> Inner:
    """Weights and bias of log-odds less the prior.

    Args:
        joined: Moments with the target.
        block: Directions of views.
        x: ``(n, r)``, components of records.
        target: Of the same records.
        ridge: Penalty, in the block's unit.

    Raises:
        DataError: If the target has neither classes nor labels.
        MissingExtraError: If scikit-learn is not installed.
    """
    if not discriminates(joined.kind):
        raise DataError(
            f"logistic regression learns classes and labels, not {joined.kind}; use learner='ridge'"
        )
    inverse = 1 / (ridge * block.unit * len(x) * _SLOPE)
    weight, bias = np.zeros((x.shape[1], joined.width)), np.zeros(joined.width)
    if target.kind == "classes":
        classes = np.unique(target.codes)
        if len(classes) > 1:
            coefficients, intercept = _fit(x, target.codes, inverse)
            if len(classes) == 2:
                coefficients = np.stack([-coefficients[0] / 2, coefficients[0] / 2])
                intercept = np.array([-intercept[0] / 2, intercept[0] / 2])
            weight[:, classes] = coefficients.T
            # Only differences count: the mean log-odds are moved to the mean prior.
            centre = intercept.mean() - joined.prior[classes].mean()
            bias[classes] = intercept - centre - joined.prior[classes]
        return Inner(weight, bias)
    for column, truth in enumerate(target.matrix.T):
        if truth.min() < truth.max():
            coefficients, intercept = _fit(x, truth, inverse)
            weight[:, column] = coefficients[0]
            bias[column] = intercept[0] - joined.prior[column]
    return Inner(weight, bias)


def _fit(x: F64, truth: Array, inverse: float) -> tuple[F64, F64]:
    linear = require(
        "sklearn.linear_model", extra="starter", purpose="logistic regression of a view"
    )
    model = linear.LogisticRegression(C=inverse, max_iter=_STEPS).fit(x, truth)
    return np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64)


def held_out_logistic(joined: Joined, block: Block, held: Held, ridge: float) -> F64:
    """Scores less the prior of each held-out row by a fit without its fold, ``(h, width)``."""
    x, there = held.components_of(block), held.there(tuple(block.sides))
    out = np.zeros((len(held.index), joined.width))
    ends = np.cumsum([len(fold) for fold in held.folds])
    for start, end in zip(ends - [len(fold) for fold in held.folds], ends, strict=True):
        inside = np.arange(start, end)
        kept = np.setdiff1d(np.flatnonzero(there), inside)
        if len(kept) > 1:
            inner = fit_logistic(joined, block, x[kept], held.truth.take(kept), ridge)
            out[inside] = (x[inside] @ inner.weight + inner.bias) * there[inside, None]
    return out
