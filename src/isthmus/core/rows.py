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


def deal(
    groups: NDArray[np.intp], folds: int, seed: int, kinds: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Deal rows into folds of nearly equal size; groups stay whole, kinds are spread.

    Groups are dealt in random order, the largest first, each to the fold that has fewest rows of
    its kinds, then fewest rows.

    Args:
        groups: ``(n,)`` codes from 0.
        folds: At most so many; fewer where there are fewer groups.
        seed: Of the order.
        kinds: ``(n,)`` codes from 0, such as classes; None where all rows are alike.

    Returns:
        ``(n,)`` fold of each row, from 0.

    Examples:
        >>> deal(np.array([0, 0, 1, 2]), 2, seed=0)
        array([0, 0, 1, 1])
    """
    sizes = np.bincount(groups)
    kinds = np.zeros(len(groups), dtype=np.intp) if kinds is None else kinds
    members = np.zeros((len(sizes), int(kinds.max(initial=0)) + 1))
    np.add.at(members, (groups, kinds), 1)
    held = np.zeros((min(folds, len(sizes)), members.shape[1]))
    fold = np.zeros(len(sizes), dtype=np.intp)
    drawn = np.random.default_rng(seed).permutation(len(sizes))
    for group in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        if held.shape[1] == 1:  # the same at a fifth of the time, for a hundred thousand groups
            fold[group] = held.argmin()
        else:
            crowd = held @ members[group]
            fold[group] = np.lexsort((held.sum(axis=1), crowd))[0]
        held[fold[group]] += members[group]
    return fold[groups]
