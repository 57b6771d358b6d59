"""Copies and near-duplicates that a split could separate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.rows import thin

MAX_ITEMS = 20_000
SDS = 3.0
LISTED = 20
SAME = 1e-5
"""Distance below which two vectors are one."""
_BLOCK_ENTRIES = 4_000_000
_FEWEST = 20
_QUARTER = 0.6745  # of a standard deviation: how far the quartile of a normal is from its middle


@dataclass(frozen=True)
class Twin:
    """Two rows whose items are nearly one.

    Attributes:
        row: Of the records.
        other: The row of another group.
        cosine: Of their native vectors.
        copy: Whether the vectors are one.
    """

    row: int
    other: int
    cosine: float
    copy: bool


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicates of one view across groups.

    Attributes:
        view: Which.
        encoder: Whose native vectors were compared.
        items: How many were compared.
        threshold: Cosine from which two items count as near-duplicates; None where too few
            items or no distribution to judge from.
        typical: Median cosine of an item to its nearest of another group.
        near: Items with a near-duplicate in another group, copies not counted.
        copies: Items with a copy in another group.
        twins: The closest pairs, closest first.
    """

    view: str
    encoder: str
    items: int
    threshold: float | None
    typical: float | None
    near: int
    copies: int
    twins: tuple[Twin, ...]


def duplicates(
    view: str,
    encoder: str,
    x: F32,
    rows: NDArray[np.intp],
    links: NDArray[np.intp],
    *,
    progress: Progress | None = None,
    listed: int = LISTED,
) -> Duplicates:
    """Find items whose nearest of another group is far nearer than is usual here.

    The distance ``1 − cosine`` to the nearest item of another group is taken for every item.
    A near-duplicate is one whose logarithm lies three robust standard deviations below the
    median; the deviation is that of the lower half, from the quartile, so that what lies far
    away does not matter. Copies are left out of that distribution. Memory is bounded: rows
    are compared in blocks.

    Args:
        view: Of the items.
        encoder: Name of the encoder.
        x: ``(n, d)`` native vectors.
        rows: ``(n,)`` which records they are.
        links: ``(n,)`` labels of what a split keeps together anyway.
        progress: Told as blocks are done.
        listed: How many pairs to list.
    """
    some = thin(np.arange(len(rows)), MAX_ITEMS)
    unit, rows, links = l2_normalize(x[some]), rows[some], links[some]
    nearest, distance = nearest_elsewhere(
        np.asarray(unit, dtype=np.float32), links, progress=progress, phase=f"twins of {view}"
    )
    there = nearest >= 0
    copy = there & (distance <= SAME)
    threshold, typical = calibrated(distance[there & ~copy])
    near = there & ~copy & (distance <= threshold)
    pairs: dict[tuple[int, int], Twin] = {}
    for i in np.flatnonzero(copy | near)[np.argsort(distance[copy | near], kind="stable")]:
        key = (int(min(i, nearest[i])), int(max(i, nearest[i])))
        pairs.setdefault(
            key,
            Twin(int(rows[key[0]]), int(rows[key[1]]), float(1 - distance[i]), bool(copy[i])),
        )
    return Duplicates(
        view,
        encoder,
        len(rows),
        1 - threshold if threshold > 0 else None,
        1 - typical if typical > 0 else None,
        int(near.sum()),
        int(copy.sum()),
        tuple(list(pairs.values())[:listed]),
    )


def nearest_elsewhere(
    unit: F32, links: NDArray[np.intp], *, progress: Progress | None = None, phase: str = "twins"
) -> tuple[NDArray[np.intp], F64]:
    """The nearest row of another label, and its distance ``1 − cosine``.

    Args:
        unit: ``(n, d)`` unit vectors.
        links: ``(n,)`` labels.
        progress: Told as blocks are done.
        phase: What to call it.

    Returns:
        ``(n,)`` rows, −1 where there is none, and ``(n,)`` distances, at least 0.
    """
    n = len(unit)
    nearest = np.full(n, -1, dtype=np.intp)
    distance = np.full(n, np.inf)
    step = max(1, _BLOCK_ENTRIES // max(n, 1))
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        cosine = unit[block] @ unit.T
        cosine[links[block, None] == links[None, :]] = -np.inf
        best = cosine.argmax(axis=1)
        values = cosine[np.arange(len(best)), best]
        found = np.isfinite(values)
        nearest[block] = np.where(found, best, -1)
        distance[block] = np.where(found, np.maximum(1.0 - values, 0.0), np.inf)
        if progress is not None:
            progress(phase, block.stop, n)
    return nearest, distance


def calibrated(distance: F64) -> tuple[float, float]:
    """The distance below which an item is far nearer than usual, and the median.

    Args:
        distance: ``(n,)`` positive.

    Returns:
        ``exp(median − 3·s)`` of the logarithms, with ``s`` from median and lower quartile,
        and ``exp(median)``; zeros for fewer than 20 items, of which no distribution is known.

    Examples:
        >>> logs = np.linspace(-1, 1, 201)  # quartile half below the median
        >>> low, middle = calibrated(np.exp(logs))
        >>> round(float(np.log(low)), 3), round(middle, 3)
        (-2.224, 1.0)
    """
    if len(distance) < _FEWEST:
        return 0.0, 0.0
    quartile, median = np.percentile(np.log(distance), (25, 50))
    spread = (median - quartile) / _QUARTER
    return float(np.exp(median - SDS * spread)), float(np.exp(median))
