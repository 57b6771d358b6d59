"""How the cells of an index are made: k-means, and as many probes as recall needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.core.rows import thin
from isthmus.store._faiss import library
from isthmus.store.cells import ALL, Cells, Codes, Places, units_of, widened

_CELLS = 3.0
"""Cells for n vectors of a view: this many times √n, and not more than n / 16."""
_TRAINING = 40
"""Vectors for each cell that k-means looks at."""
_ITERATIONS = 10
_SEED = 0
_BLOCK = 16_384
_QUERIES = 128
_PROBES = tuple(sorted({round(2 ** (i / 2)) for i in range(4, 25)}))
_RECALL = 0.97
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
    centroids = {code: _means(rows, x) for code, rows in groups.items()}
    owners = np.repeat(list(centroids), [len(each) for each in centroids.values()])
    means, units = np.concatenate(list(centroids.values())), units_of(x, hubness)
    made = Cells(means, owners.astype(np.int8), units, hubness.shape[1], {})
    for code, rows in groups.items():
        made = made.add(rows.astype(np.int64), code, x, hubness)
    made.trim()
    own = np.concatenate([thin(rows, _QUERIES) for rows in groups.values()]).astype(np.int64)
    for code in (ALL, *groups):
        _tune(made, code, x, own, unlike=len(groups) == 1)
    return made


def _means(rows: NDArray[np.intp], x: F32) -> F32:
    count = max(min(int(_CELLS * np.sqrt(len(rows))), len(rows) // 16), 1)
    means = library().Kmeans(
        x.shape[1],
        count,
        niter=_ITERATIONS,
        spherical=True,
        seed=_SEED,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINING,
    )
    means.train(np.ascontiguousarray(x[thin(rows, _TRAINING * count)]))
    return np.asarray(means.centroids, dtype=np.float32).reshape(count, -1)


def _tune(cells: Cells, code: int, x: F32, own: Places, *, unlike: bool) -> None:
    """Set the least number of probes that finds 97 % of the best ten.

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
    wide = widened(queries, np.zeros((len(queries), cells.columns)))
    for probes in _PROBES:
        cells.probes[code] = probes
        hits = 0
        for row, query, wider, best in zip(own, queries, wide, truth, strict=True):
            found = cells.find(wider, k, code)
            found = found[found != row]
            order = np.argsort(-(x[found] @ query))[:k]
            hits += len(np.intersect1d(found[order], best))
        if hits >= _RECALL * k * len(own) or probes >= span.stop - span.start:
            break
    cells.probes[code] *= _UNLIKE if unlike else 1


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
