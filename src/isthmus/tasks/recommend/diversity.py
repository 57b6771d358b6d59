"""Maximal marginal relevance: good results that are not all alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Floats


def diversified(scores: Floats, vectors: F32, k: int, diversity: float) -> NDArray[np.intp]:
    """Choose ``k`` results one by one, each good and unlike those before it.

    The next one has the largest ``(1 − δ)·relevance − δ·(largest cosine to one that is chosen)``,
    with relevance scaled to 0…1. Carbonell & Goldstein, "The use of MMR", SIGIR 1998.

    Args:
        scores: ``(n,)``.
        vectors: ``(n, dim)`` unit rows.
        k: How many.
        diversity: δ, 0 for the order of the scores, 1 for unlikeness alone.

    Returns:
        ``(min(k, n),)`` places, best first.

    Raises:
        InputError: If δ is not within 0…1.

    Examples:
        >>> x = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
        >>> diversified(np.array([3.0, 2.9, 2.0]), x, 2, 0.5).tolist()
        [0, 2]
    """
    if not 0 <= diversity <= 1:
        raise InputError(f"diversity must be between 0 and 1, got {diversity:g}")
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    if diversity == 0 or len(order) < 2:
        return order[:k]
    span = float(np.ptp(scores)) or 1.0
    relevance = (np.asarray(scores, dtype=np.float64) - float(np.min(scores))) / span
    chosen = [int(order[0])]
    nearest = np.full(len(order), -1.0)
    while len(chosen) < min(k, len(order)):
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
        worth = (1 - diversity) * relevance - diversity * nearest
        worth[chosen] = -np.inf
        chosen.append(int(np.argmax(worth)))
    return np.asarray(chosen, dtype=np.intp)
