"""Exact scoring: one matrix-vector product, and the best of its entries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32

_BLOCK = 128


def products(x: F32, query: F32) -> F32:
    """Inner products ``(n,)`` of rows ``(n, dim)`` with a query ``(dim,)``, float32."""
    out: F32 = x @ query
    return out


def best(scores: F32, k: int) -> NDArray[np.intp]:
    """Places of the ``k`` largest finite scores, largest first, of equal ones the first first.

    The maxima of blocks are found first: no block whose maximum is below the k-th largest of
    them can hold one of the best, and those that can are few.

    Args:
        scores: ``(n,)`` float32; −∞ is never returned.
        k: At least 1.

    Returns:
        At most ``k`` places.

    Examples:
        >>> best(np.array([0.1, 0.9, -np.inf, 0.5], dtype=np.float32), 3)
        array([1, 3, 0])
    """
    n = len(scores)
    if n <= _BLOCK:
        order = np.argsort(-scores, kind="stable")[:k]
        few: NDArray[np.intp] = order[scores[order] > -np.inf]
        return few
    whole = n // _BLOCK * _BLOCK
    candidates = np.arange(n)
    if whole and n // _BLOCK > 2 * k:
        maxima = scores[:whole].reshape(-1, _BLOCK).max(axis=1)
        least = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
        blocks = np.flatnonzero(maxima >= least)
        inside = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        candidates = np.concatenate([inside, np.arange(whole, n)])
        candidates = candidates[scores[candidates] >= least]
    some = scores[candidates]
    keep = np.isfinite(some)
    some, candidates = some[keep], candidates[keep]
    if len(some) > k:
        least = np.partition(some, len(some) - k)[len(some) - k]
        above = some >= least
        some, candidates = some[above], candidates[above]
    order = np.lexsort((candidates, -some))[:k]
    found: NDArray[np.intp] = candidates[order]
    return found
