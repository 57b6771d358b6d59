"""Rows that are the same, or nearly: numbers up to rounding, vectors up to a cosine."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64, Array, l2_normalize
from isthmus.core.rows import families

Labels = NDArray[np.intp]
COSINE = 0.9999
"""From which on two vectors are of one thing: a picture or a text that was saved again."""
NUMBERS = 1e-9
"""Relative difference up to which two numbers are one."""
ROUNDING = 1e-6
"""The same of vectors in float32."""
_BLOCK = 512
_ITERATIONS = 10
"""Of the search for the direction in which vectors differ most; a rough one is enough."""


def same_numbers(values: F64, tolerance: float = NUMBERS) -> Labels:
    """Number of the value of each row, ``(n,)``; values that differ by rounding have one.

    Args:
        values: ``(n,)``; NaN is a value, too.
        tolerance: Relative difference of values that are one.

    Examples:
        >>> same_numbers(np.array([2.0, 0.3, 0.1 + 0.2, np.nan])).tolist()
        [1, 0, 0, 2]
    """
    order = np.argsort(values, kind="stable")
    known = np.isfinite(values[order])
    ordered = np.where(known, values[order], 0.0)
    size = np.abs(ordered)
    least = float(np.median(size[known])) if known.any() else 0.0
    apart = np.diff(ordered) > tolerance * np.maximum(np.maximum(size[1:], size[:-1]), least)
    codes = np.zeros(len(values), dtype=np.intp)
    codes[order[1:]] = np.cumsum((apart & known[1:]) | (known[1:] != known[:-1]))
    return codes


def same_rows(codes: Array) -> Labels:
    """Number of each row of codes ``(n, c)``; equal rows have one."""
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)


def same_vectors(x: Array) -> Labels:
    """Number of each row of ``(n, d)``; rows that differ by rounding have one."""
    return same_rows(np.column_stack([same_numbers(column, ROUNDING) for column in _as64(x).T]))


def near_vectors(x: F32, cosine: float = COSINE) -> Labels:
    """Number of each row of ``(n, d)``; rows with at least that cosine have one, also by others.

    Rows are compared only with those that lie near them in the direction in which all differ most,
    which no two near ones can be far apart in. So time is far below that of all pairs.

    Args:
        x: Without zero rows.
        cosine: At least.
    """
    unit, first = np.unique(l2_normalize(_as64(x)), axis=0, return_inverse=True)
    along = unit @ _widest(_as64(unit))
    order = np.argsort(along, kind="stable")
    unit, along = unit[order].astype(np.float32), along[order]
    reach = float(np.sqrt(2 * (1 - cosine))) + 1e-6
    keys: list[list[Hashable]] = [[] for _ in range(len(unit))]
    for start in range(0, len(unit), _BLOCK):
        stop = min(start + _BLOCK, len(unit))
        end = int(np.searchsorted(along, along[stop - 1] + reach, side="right"))
        rows, others = np.nonzero(unit[start:stop] @ unit[start:end].T >= cosine)
        for row, other in zip((rows + start).tolist(), (others + start).tolist(), strict=True):
            if row < other:
                keys[row].append((row, other))
                keys[other].append((row, other))
    joined = np.empty(len(unit), dtype=np.intp)
    joined[order] = families(keys)
    return np.unique(joined[first.reshape(-1)], return_inverse=True)[1]


def _as64(x: Array) -> F64:
    return np.asarray(x, dtype=np.float64)


def _widest(unit: F64) -> F64:
    """The direction in which rows differ most, by power iteration."""
    centred = unit - unit.mean(axis=0)
    found: F64 = np.ones(unit.shape[1]) + np.random.default_rng(0).random(unit.shape[1])
    for _ in range(_ITERATIONS):
        again: F64 = centred.T @ (centred @ found)
        length = float(np.linalg.norm(again))
        if length == 0:  # all rows are one
            break
        found = again / length
    return _as64(found / np.linalg.norm(found))
