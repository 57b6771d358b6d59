"""Learning how many items queries mean, from queries of which that is known."""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.space.breadth import Breadth

RIDGE = 10.0
"""Of the regression, in queries. From 1 to 30 its order of held-out words changes little: the
area under the curve that tells broad words from narrow ones is .80 (inner folds of the stamps)."""


def fit_breadth(native: F32, expected: F64, weights: F64) -> Breadth:
    """Ridge regression of the logarithm of how many items a query means on its native vector.

    Args:
        native: ``(n, dim)`` of queries.
        expected: ``(n,)``, how many items of a hundred each means, at least one.
        weights: ``(n,)``, how much each query counts.

    Returns:
        What tells it of other queries; no broader and no narrower than the queries themselves.
    """
    x, y = np.asarray(l2_normalize(native), dtype=np.float64), np.log(np.maximum(expected, 1))
    mean, level = np.average(x, axis=0, weights=weights), float(np.average(y, weights=weights))
    root = np.sqrt(weights)[:, None]
    centred = (x - mean) * root
    gram = centred.T @ centred + RIDGE * np.eye(x.shape[1])
    target = centred.T @ ((y - level) * root[:, 0])
    direction: F64 = np.asarray(np.linalg.solve(gram, target), dtype=np.float64)
    said = (x - mean) @ direction + level
    low, high = float(said.min()), float(said.max())
    return Breadth(direction, level - float(mean @ direction), low, high)
