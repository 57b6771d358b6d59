"""What the metrics share: checked scores, blocks of rows, and ties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F64, Array, Floats
from isthmus.core.validate import rows_at_fault

_BLOCK_ENTRIES = 2_000_000  # a block of float64 scores and its copies stay near 100 MB


def check_scores(scores: Array) -> Floats:
    """Scores as floats: ``(q, g)``, at least one row and column, no NaN; ±∞ is allowed.

    Raises:
        VectorError: For another shape, no numbers, or NaN.
    """
    array = np.asarray(scores)
    if array.ndim != 2 or 0 in array.shape:
        raise VectorError(f"scores: need a matrix (queries, gallery), got shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise VectorError(f"scores: need numbers, got an array of dtype {array.dtype}")
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    floats = cast(Floats, array)
    nan = np.asarray(np.isnan(floats).any(axis=1), dtype=np.bool_)
    if nan.any():
        raise VectorError(f"scores: {rows_at_fault(nan)} NaN, which has no rank")
    return floats


def check_k(k: int) -> int:
    """A cut-off of at least 1.

    Raises:
        VectorError: If ``k`` is less.
    """
    if k < 1:
        raise VectorError(f"k must be at least 1, got {k}")
    return k


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows, so that no temporary matrix gets large."""
    step = max(1, _BLOCK_ENTRIES // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def top_k_membership(scores: Floats, k: int) -> F64:
    """Probability that each column is among the ``k`` best of its row.

    It is 0 or 1 but for columns that tie at the edge: they share the places that are left,
    as random orders of the tied would give on average. Rows sum to ``min(k, columns)``.

    Args:
        scores: ``(n, m)``, no NaN.
        k: At least 1; capped at ``m``.

    Returns:
        ``(n, m)`` float64.

    Examples:
        >>> top_k_membership(np.array([[3.0, 1.0, 1.0, 0.0]]), 2)
        array([[1. , 0.5, 0.5, 0. ]])
    """
    k = min(k, scores.shape[1])
    edge = np.partition(scores, -k, axis=1)[:, -k][:, None]
    above = scores > edge
    tied = scores == edge
    left = k - above.sum(axis=1, keepdims=True)
    share: F64 = above + tied * (left / tied.sum(axis=1, keepdims=True))
    return share
