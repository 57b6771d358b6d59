"""Exact nearest neighbours by cosine, block by block: numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32

_QUERIES, _BANK = 1024, 8192


def nearest(
    queries: F32, bank: F32, k: int, *, skip_self: bool = False
) -> tuple[NDArray[np.intp], F32]:
    """The ``k`` rows of a bank with the largest cosine to each query, best first.

    Memory is that of one block of similarities, 1,024 × 8,192, however many rows there are.

    Args:
        queries: ``(q, d)`` unit vectors.
        bank: ``(n, d)`` unit vectors.
        k: At least 1; capped at the rows that there are.
        skip_self: Query ``i`` is row ``i`` of the bank and is no neighbour of its own.

    Returns:
        Rows of the bank and their cosines, both ``(q, k)``; equal cosines in the order of
        the bank.
    """
    k = min(k, len(bank) - skip_self)
    index = np.zeros((len(queries), k), dtype=np.intp)
    cosine = np.zeros((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), _QUERIES):
        rows = slice(start, start + _QUERIES)
        index[rows], cosine[rows] = _block(queries[rows], bank, k, start if skip_self else None)
    return index, cosine


def _block(queries: F32, bank: F32, k: int, own: int | None) -> tuple[NDArray[np.intp], F32]:
    """Neighbours of a few queries, of which the first is row ``own`` of the bank."""
    q = len(queries)
    index = np.zeros((q, k), dtype=np.intp)
    cosine = np.full((q, k), -np.inf, dtype=np.float32)
    for start in range(0, len(bank) if k else 0, _BANK):
        found = queries @ bank[start : start + _BANK].T
        if own is not None:
            places = np.arange(q) + own - start
            inside = (places >= 0) & (places < found.shape[1])
            found[np.flatnonzero(inside), places[inside]] = -np.inf
        if start == 0 and found.shape[1] > 4 * k:  # most of the first block is not needed
            bar = np.partition(found, -k, axis=1)[:, -k]
        else:
            bar = cosine[:, -1]
        row, column = np.nonzero((found >= bar[:, None]) & (found > -np.inf))
        _merge(index, cosine, row, column + start, found[row, column])
    return index, cosine


def _merge(
    index: NDArray[np.intp], cosine: F32, row: NDArray[np.intp], new: NDArray[np.intp], value: F32
) -> None:
    """Put what is better in place of what is there; rows stay sorted."""
    q, k = index.shape
    known = np.isfinite(cosine)
    rows = np.concatenate([np.nonzero(known)[0], row])
    columns = np.concatenate([index[known], new])
    values = np.concatenate([cosine[known], value])
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, np.arange(q))[rows]
    kept = place < k
    index[rows[kept], place[kept]] = columns[kept]
    cosine[rows[kept], place[kept]] = values[kept]


def edge_weights(cosine: F32, gamma: float) -> F32:
    """Weight of an edge, ``max(0, s)^γ``, of the shape of the cosines."""
    weights: F32 = np.maximum(cosine, 0).astype(np.float32, copy=False) ** np.float32(gamma)
    return weights
