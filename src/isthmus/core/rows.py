"""Rows: which belong together, and which to keep where there are too many."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def thin(rows: NDArray[np.intp], limit: int) -> NDArray[np.intp]:
    """At most ``limit`` of these rows, evenly spread over them.

    Examples:
        >>> thin(np.arange(9), 3)
        array([0, 4, 8])
    """
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.intp)]


def families(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """Join rows that share a key, directly or through others.

    Args:
        keys: Of each row; a row without any is a family of its own.

    Returns:
        For each row the first row of its family.

    Examples:
        >>> families([["a"], ["b"], ["a", "c"], ["c"]])
        [0, 1, 0, 0]
    """
    parent = list(range(len(keys)))

    def first(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    owner: dict[Hashable, int] = {}
    for row, own in enumerate(keys):
        for key in own:
            a, b = sorted((first(row), first(owner.setdefault(key, row))))
            parent[b] = a
    return [first(row) for row in range(len(keys))]
