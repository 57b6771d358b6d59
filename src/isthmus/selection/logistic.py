"""Logistic regression on millions of pairs: SciPy minimises, the loss here is made for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64

_TOLERANCE = 1e-10
"""Gradient of the loss per true row at which it ends: weights then are exact to 1e-6."""
_BLOCK = 8192
"""Rows at a time, few enough for the cache of a core: 3 million take 1.7 s instead of 4."""
_MOST = 500.0
"""Larger log-odds have a probability of 1, and their exponential would overflow."""


def fit_logistic(
    inputs: F64,
    truth: NDArray[np.floating],
    *,
    penalty: float,
    weights: NDArray[np.floating] | None = None,
    near: tuple[F64, float] | None = None,
) -> tuple[F64, float]:
    """Weights and intercept of a logistic regression with a ridge penalty.

    Inputs are standardised for the penalty's sake; weights are of the inputs as they are.

    Args:
        inputs: ``(n, d)``.
        truth: ``(n,)``, 1 where true and 0 where not, both at least once.
        penalty: Of half the squared weights, for each true row.
        weights: ``(n,)``, how much each row counts; default: 1.
        near: Weights and intercept near which the search begins, such as those of more rows.

    Returns:
        Weights ``(d,)`` and intercept of the log-odds.
    """
    from scipy.optimize import minimize

    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-9)
    loss = _Loss((inputs - mean) / scale, truth, penalty, weights)
    start = np.zeros(inputs.shape[1] + 1)
    share = np.average(truth, weights=weights)
    start[-1] = np.log(share / (1 - share))
    if near is not None:
        start = np.append(near[0] * scale, near[1] + near[0] @ mean)
    found = minimize(
        loss.value,
        start,
        jac=True,
        hess=loss.hessian,
        method="trust-exact",
        options={"gtol": _TOLERANCE},
    )
    slopes: F64 = found.x[:-1] / scale
    return slopes, float(found.x[-1] - slopes @ mean)


class _Loss:
    """Penalised negative log-likelihood for each true row, with its derivatives.

    One pass over the rows gives all three. They are kept for the point asked about last, as
    SciPy asks for the value and the Hessian of a point one after the other.

    Args:
        inputs: ``(n, d)``.
        truth: ``(n,)``.
        penalty: As for :func:`fit_logistic`; the intercept has none.
        weights: As for :func:`fit_logistic`.
    """

    def __init__(
        self,
        inputs: F64,
        truth: NDArray[np.floating],
        penalty: float,
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        self._design = np.ones((inputs.shape[1] + 1, len(inputs)))
        self._design[:-1] = inputs.T
        self._weights = np.ones(len(truth)) if weights is None else weights
        self._truth, self._count = truth, (self._weights * truth).sum()
        self._penalty = penalty * self._count * np.eye(len(self._design))
        self._penalty[-1, -1] = 0.0
        self._point: F64 | None = None
        self._known: tuple[float, F64, F64]

    def value(self, point: F64) -> tuple[float, F64]:
        """The loss and its gradient ``(d + 1,)``."""
        return self._at(point)[:2]

    def hessian(self, point: F64) -> F64:
        """``(d + 1, d + 1)``."""
        return self._at(point)[2]

    def _at(self, point: F64) -> tuple[float, F64, F64]:
        if self._point is None or not np.array_equal(point, self._point):
            self._known, self._point = self._computed(point), point.copy()
        return self._known

    def _computed(self, point: F64) -> tuple[float, F64, F64]:
        gradient, hessian = self._penalty @ point, self._penalty.copy()
        loss = float(point @ gradient) / 2
        for first in range(0, len(self._truth), _BLOCK):
            x, y = self._design[:, first : first + _BLOCK], self._truth[first : first + _BLOCK]
            weight = self._weights[first : first + _BLOCK]
            odds = point @ x
            inverse = 1 + np.exp(np.minimum(odds, _MOST))
            loss += float(weight @ np.log(inverse) - (weight * y) @ odds)
            false = 1 / inverse
            gradient += x @ (weight * (1 - false - y))
            hessian += (x * (weight * false * (1 - false))) @ x.T
        return loss / self._count, gradient / self._count, hessian / self._count
