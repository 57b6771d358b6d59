"""Linear algebra that several layers share: numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Floats = NDArray[np.floating]

_SAFE = 1e-15
"""Shorter rows lose digits when their squares are summed in float32."""


def l2_normalize(x: Floats) -> Floats:
    """Scale rows to unit length; rows of zeros stay zeros.

    Args:
        x: ``(n, d)`` or ``(d,)``, any float dtype.

    Returns:
        Same shape and dtype.

    Example:
        >>> l2_normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    with np.errstate(over="ignore", under="ignore"):
        norm = np.linalg.norm(x, axis=-1, keepdims=True)
    if not ((norm > _SAFE) & (norm < np.inf)).all():
        largest = np.abs(x).max(axis=-1, keepdims=True, initial=0.0)
        x = x / np.where(largest > 0, largest, 1.0).astype(x.dtype)
        norm = np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1.0)
    out: Floats = x / norm.astype(x.dtype)
    return out


def top_k_mean(scores: Floats, k: int) -> Floats:
    """Mean of the ``k`` largest entries of each row.

    Args:
        scores: ``(n, m)``.
        k: At least 1; capped at ``m``.

    Returns:
        ``(n,)``, same dtype.
    """
    k = min(k, scores.shape[1])
    out: Floats = np.partition(scores, -k, axis=1)[:, -k:].mean(axis=1, dtype=scores.dtype)
    return out


def symmetric_eigen(matrix: F64) -> tuple[F64, F64]:
    """Eigenvalues, ascending and clipped at zero, and eigenvectors of a covariance."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.maximum(values, 0.0), vectors * fix_signs(vectors)


def fix_signs(vectors: F64) -> F64:
    """Flip columns so that the entry of largest magnitude is positive.

    Eigenvectors and singular vectors have no sign of their own; fixing one makes
    fits reproducible across machines.

    Args:
        vectors: ``(d, k)``.

    Returns:
        ``(k,)`` of ±1 by which to multiply the columns.
    """
    rows = np.abs(vectors).argmax(axis=0)
    return np.where(vectors[rows, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
