"""How much each view counts where several say what class a record is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.support import Labels, log_softmax

_SPREAD = 0.5
"""Standard deviation of the logarithm of a weight, that of a temperature."""
_LEAST = 0.05
"""Weight of a view that tells nothing, so that its logarithm is finite."""


def information(said: F64, labels: Labels) -> float:
    """Nats that log-probabilities ``(n, K)`` tell of classes ``(n,)``, over a blind guess.

    Examples:
        >>> sure = np.log(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
        >>> round(information(sure, np.array([0, 1])), 3)
        0.405
    """
    own = said[np.arange(len(labels)), labels]
    return float(np.log(said.shape[1]) + own.mean())


def view_weights(said: Sequence[F64], labels: Labels) -> F64:
    """By what to multiply the log-probabilities of views before they are added up.

    If views were independent given the class, each would count one. They are not: a weak view
    repeats what a strong one says and adds its noise. So a view counts as much as it tells, against
    the view that tells most, unless records that were left out say otherwise: the weights are those
    with the least cross-entropy on them (stacking: Wolpert, "Stacked generalization", 1992), with a
    log-normal prior about that share.

    Args:
        said: For each view, ``(n, K)`` log-probabilities of the same records, which had no part in
            what it learned.
        labels: ``(n,)``, their classes; with ``n = 0`` every view counts one.

    Returns:
        ``(V,)`` weights.

    Examples:
        >>> view_weights([np.zeros((0, 3)), np.zeros((0, 3))], np.zeros(0, dtype=np.intp))
        array([1., 1.])
    """
    from scipy.optimize import minimize

    if not len(labels) or len(said) < 2:
        return np.ones(len(said))
    told = np.array([information(part, labels) for part in said])
    prior = np.log(np.maximum(told / max(told.max(), 1e-9), _LEAST))
    stacked, rows = np.stack(said), np.arange(len(labels))

    def loss(log_w: F64) -> tuple[float, F64]:
        weights = np.exp(log_w)
        sure = log_softmax(np.tensordot(weights, stacked, axes=1))
        away = (log_w - prior) / _SPREAD
        gap = stacked[:, rows, labels] - (np.exp(sure) * stacked).sum(axis=2)
        value = float(0.5 * away @ away - sure[rows, labels].sum())
        return value, away / _SPREAD - weights * gap.sum(axis=1)

    found = minimize(loss, prior, jac=True, method="L-BFGS-B")
    return np.asarray(np.exp(found.x), dtype=np.float64)
