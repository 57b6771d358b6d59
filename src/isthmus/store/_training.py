"""How the cells of an index are made: k-means, and as many probes as recall needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.core.rows import thin
from isthmus.store._faiss import library
from isthmus.store.cells import ALL, Cells, Codes, Places, Probes, sampled, widened

_CELLS = 1.5
"""Cells for n vectors of a view: this many times n^⅔, and not more than n / 16.

A graph finds the nearest, so they may be many and small. Of 200,000 vectors, at a recall of .985, a
search took 211 µs with 8,000 cells, 260 with 2,500, and 410 with 1,000."""
_TRAINING = 40
"""Vectors for each cell that k-means looks at."""
_FIRST = 256
"""The same for the groups into which vectors are parted first."""
_TWO_LEVELS = 256
"""Cells from which vectors are parted into groups first."""
_LEVELS = 5
"""Vectors for each cell of which the mean hubness is taken."""
_ITERATIONS = 10
_SEED = 0
_BLOCK = 16_384
_ROWS = 2_048
_QUERIES = 128
_PROBES = tuple(sorted({round(2 ** (i / 4)) for i in range(4, 49)}))
_RECALL = 0.98
"""What the number of probes is tuned to, at 10, on vectors of the store."""
_UNLIKE = 2
"""Times more probes where no vectors of another view were there to tune on."""


def train(x: F32, hubness: F32, codes: Codes) -> Cells:
    """Cells of all rows, by spherical k-means on a sample of every view.

    Args:
        x: ``(n, dim)`` unit vectors.
        hubness: ``(n, columns)``.
        codes: ``(n,)`` the view of each row.
    """
    groups = {code: np.flatnonzero(codes == code) for code in np.unique(codes).tolist()}
    means = {code: _means(rows, x, hubness) for code, rows in groups.items()}
    owners = np.repeat(list(means), [len(centroids) for centroids, _ in means.values()])
    centroids, levels = (np.concatenate(each) for each in zip(*means.values(), strict=True))
    made = Cells(centroids, owners.astype(np.int8), levels, sampled(x, hubness), {})
    for code, rows in groups.items():
        made = made.add(rows.astype(np.int64), code, x, hubness)
    made.pack()
    own = np.concatenate([thin(rows, _QUERIES) for rows in groups.values()]).astype(np.int64)
    for code in (ALL, *groups):
        _tune(made, code, x, own, unlike=len(groups) == 1)
    return made


def _means(rows: NDArray[np.intp], x: F32, hubness: F32) -> tuple[F32, F32]:
    """Centroids ``(cells, dim)`` of rows, and the mean hubness ``(cells, columns)`` near each.

    Where they are many, rows are first parted into about the root of their number of groups, and
    every group gets its share: that takes a small part of the time.
    """
    count = max(min(int(_CELLS * len(rows) ** (2 / 3)), len(rows) // 16), 1)
    some = thin(rows, _TRAINING * count)
    parts = [some]
    if count >= _TWO_LEVELS:
        groups = round(np.sqrt(count))
        near = _nearest(x, some, _kmeans(x[thin(some, _FIRST * groups)], groups))
        parts = [part for group in range(groups) if len(part := some[near == group])]
    shares = [max(round(count * len(part) / len(some)), 1) for part in parts]
    pairs = zip(parts, shares, strict=True)
    centroids: F32 = np.concatenate([_kmeans(x[part], min(k, len(part))) for part, k in pairs])
    few = thin(some, _LEVELS * count)
    near = _nearest(x, few, centroids)
    sums, counts = np.zeros((len(centroids), hubness.shape[1])), np.zeros((len(centroids), 1))
    np.add.at(sums, near, hubness[few])
    np.add.at(counts, near, 1)
    typical = np.where(counts, sums / np.maximum(counts, 1), hubness[few].mean(axis=0))
    return centroids, np.asarray(typical, dtype=np.float32)


def _kmeans(x: F32, count: int) -> F32:
    means = library().Kmeans(
        x.shape[1],
        count,
        niter=_ITERATIONS,
        spherical=True,
        seed=_SEED,
        min_points_per_centroid=1,
        max_points_per_centroid=_FIRST,
    )
    means.train(np.ascontiguousarray(x))
    return np.asarray(means.centroids, dtype=np.float32).reshape(count, -1)


def _nearest(x: F32, rows: NDArray[np.intp], centroids: F32) -> NDArray[np.intp]:
    """The nearest centroid of each of some rows."""
    starts = range(0, len(rows), _ROWS)
    blocks = (x[rows[start : start + _ROWS]] for start in starts)
    return np.concatenate([(block @ centroids.T).argmax(axis=1) for block in blocks])


def _tune(cells: Cells, code: int, x: F32, own: Places, *, unlike: bool) -> None:
    """Set the least number of probes that finds 98 % of the best ten.

    Args:
        cells: What is tuned.
        code: The view that is searched.
        x: All vectors of the store.
        own: Rows ``(q,)`` of every view, which serve as queries and do not find themselves.
        unlike: Whether they are of one view only, so that more care is needed.
    """
    span = cells.spans[code]
    inside = (cells.cells >= span.start) & (cells.cells < span.stop)
    k = min(10, int(np.count_nonzero(inside)))
    queries, truth = x[own], _exact(cells.rows[inside], x, own, k)
    wide = widened(queries, np.zeros((len(queries), cells.levels.shape[1])))
    for probes in _PROBES:
        cells.probes[code] = Probes(probes, 0.0)
        hits = 0
        for row, query, wider, best in zip(own, queries, wide, truth, strict=True):
            found = cells.find(wider, k, code)
            found = found[found != row]
            order = np.argsort(-(x[found] @ query))[:k]
            hits += len(np.intersect1d(found[order], best))
        recall = hits / (k * len(own))
        if recall >= _RECALL or probes >= span.stop - span.start:
            break
    cells.probes[code] = Probes(probes * (_UNLIKE if unlike else 1), recall)


def _exact(rows: Places, x: F32, own: Places, k: int) -> Places:
    """The best ``k`` other rows of each of some rows, ``(q, k)``, block by block."""
    queries = x[own]
    scores = np.full((len(own), k), -np.inf, dtype=np.float32)
    best = np.zeros((len(own), k), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        others = np.where(own[:, None] == some, -np.inf, queries @ x[some].T)
        scores = np.hstack([scores, others.astype(np.float32)])
        best = np.hstack([best, np.broadcast_to(some, others.shape)])
        places = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        scores = np.take_along_axis(scores, places, axis=1)
        best = np.take_along_axis(best, places, axis=1)
    return best
