"""Linear algebra that several layers share: numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Floats = NDArray[np.floating]
Array = NDArray[np.generic]
"""An array of any dtype."""

_SAFE = 1e-15
"""Shorter rows lose digits when their squares are summed in float32."""
_EXTRA_DIRECTIONS = 8
_WORTH_PROJECTING = 0.6
_LOSS = 1e-12
_OFF_DIAGONAL = 1e-6
"""Share of the mean eigenvalue: no ridge that is of use leaves so little to be seen."""
_SINGULAR = 1e-8
"""Share of the largest singular value below which its square has no digits left."""


def l2_normalize(x: Floats) -> Floats:
    """Scale rows to unit length; rows of zeros stay zeros.

    Args:
        x: ``(n, d)`` or ``(d,)``, any float dtype.

    Returns:
        Same shape and dtype.

    Examples:
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


def top_k_mean(scores: Floats, k: int, *, overwrite: bool = False) -> Floats:
    """Mean of the ``k`` largest entries of each row.

    Args:
        scores: ``(n, m)``.
        k: At least 1; capped at ``m``.
        overwrite: Whether ``scores`` may lose their order, which saves a copy of them.

    Returns:
        ``(n,)``, same dtype.
    """
    k = min(k, scores.shape[1])
    if not overwrite:
        scores = scores.copy()
    scores.partition(-k, axis=1)
    out: Floats = scores[:, -k:].mean(axis=1, dtype=scores.dtype)
    return out


def symmetric_eigen(matrix: F64, *, rank: float = np.inf, clip: bool = True) -> tuple[F64, F64]:
    """Eigenvalues, ascending, and eigenvectors of a covariance.

    Args:
        matrix: ``(d, d)``, symmetric, positive semi-definite.
        rank: What its rank is believed not to exceed. Where that is well below ``d``, the
            problem is first projected onto the range of the matrix, found with random
            vectors of a fixed seed (Halko, Martinsson & Tropp 2011). If the projection
            turns out to lose anything, it is not used.
        clip: Eigenvalues below zero, which a covariance has by rounding alone, become zero.

    Returns:
        ``(r,)`` and ``(d, r)``, with ``r = d`` unless projected.
    """
    matrix = (matrix + matrix.T) / 2
    least = 0.0 if clip else -np.inf
    if _is_diagonal(matrix):
        order = np.diagonal(matrix).argsort(kind="stable")
        return np.maximum(np.diagonal(matrix)[order], least), np.eye(len(matrix))[:, order]
    basis = _range_basis(matrix, rank)
    if basis is None:
        values, vectors = np.linalg.eigh(matrix)
    else:
        values, inner = np.linalg.eigh(basis.T @ matrix @ basis)
        vectors = basis @ inner
    return np.maximum(values, least), vectors * fix_signs(vectors)


def singular_vectors(matrix: F64) -> tuple[F64, F64, F64]:
    """Singular vectors of a matrix, from the eigenvectors of its smaller square.

    Two to three times as fast as LAPACK's own. Squaring costs half of the digits: what is below
    1e-7 of the largest singular value is rounding.

    Args:
        matrix: ``(n, m)``.

    Returns:
        ``(n, k)``, ``(k,)`` descending, and ``(m, k)``, with ``k = min(n, m)``; vectors of
        singular values that are zero are zeros on the longer side.
    """
    if matrix.shape[0] < matrix.shape[1]:
        v, values, u = singular_vectors(matrix.T)
        return u, values, v
    squares, v = np.linalg.eigh(matrix.T @ matrix)
    v = v[:, ::-1]
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    inverse = np.divide(
        1.0, values, out=np.zeros_like(values), where=values > _SINGULAR * values[:1]
    )
    return (matrix @ v) * inverse, values, v


def _is_diagonal(matrix: F64) -> bool:
    """Whether nothing but rounding of float32 rows lies off the diagonal, as for components."""
    bound = _OFF_DIAGONAL * np.trace(matrix) / max(len(matrix), 1)
    if np.abs(matrix[0, 1:]).max(initial=0.0) > bound:
        return False
    return bool(np.abs(matrix - np.diag(np.diagonal(matrix))).max(initial=0.0) <= bound)


def _range_basis(matrix: F64, rank: float) -> F64 | None:
    """Orthonormal columns that span the range of a matrix, or None if there are too many."""
    size = len(matrix)
    width = min(rank + _EXTRA_DIRECTIONS, size)
    if width > _WORTH_PROJECTING * size:
        return None
    probes = np.random.default_rng(0).normal(size=(size, int(width)))
    basis: F64 = np.linalg.qr(matrix @ probes)[0]
    kept = np.einsum("ij,ij->", basis, matrix @ basis)
    return basis if kept >= (1 - _LOSS) * np.trace(matrix) else None


def fix_signs(vectors: F64) -> F64:
    """Flip columns so that the entry of largest magnitude is positive.

    Eigenvectors and singular vectors have no sign of their own; fixing one makes
    fits reproducible across machines.

    Args:
        vectors: ``(d, k)``.

    Returns:
        ``(k,)`` of ±1 by which to multiply the columns.
    """
    return np.where(vectors.max(axis=0, initial=0) < -vectors.min(axis=0, initial=0), -1.0, 1.0)
