"""Matching two clouds of points by their shapes alone: no row knows its partner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64, Floats, l2_normalize

Matches = tuple[NDArray[np.intp], NDArray[np.intp]]

_BLOCK = 1000
"""Rows that are assigned at once; the Hungarian algorithm takes cubic time."""
_SINKHORN = 10
"""Rounds of scaling a step; the next step goes on from where they end. Chosen, not tuned."""
_SHARPNESS = (0.5, 100.0)
"""First and last β; the first is that of Gold and Rangarajan 1996, the last ends nearly hard."""
_START_NOISE = 1e-2
"""Breaks the tie of an even start (Gold and Rangarajan 1996 do so too)."""
_TINY = 1e-30
"""Keeps zeros out of divisions."""
_STARTS = ((0.5, 1.0), (1.0,), (0.7, 1.4))
"""Dimensions whose plans are added, as shares of those asked for; each a start."""


def polar(matrix: F64) -> F64:
    """The orthogonal matrix nearest to ``matrix``, ``UVᵀ`` of its singular vectors."""
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    out: F64 = u @ vt
    return out


def unit(coordinates: F64, k: int) -> F64:
    """The first ``k`` coordinates of each row, scaled to unit length."""
    out: F64 = l2_normalize(coordinates[:, :k]).astype(np.float64, copy=False)
    return out


def representatives(x: F64, limit: int, seed: int) -> F64:
    """The rows themselves, or where there are more than ``limit`` as many centroids."""
    if len(x) <= limit:
        return x
    from scipy.cluster.vq import kmeans2

    centroids, labels = kmeans2(x, limit, minit="++", rng=np.random.default_rng(seed))
    out: F64 = centroids[np.unique(labels)]
    return out


def similarity(x: F64) -> F64:
    """Cosines ``(n, n)`` of unit rows as normal scores, centred, without the diagonal.

    Ranks make two encoders comparable whose cosines spread differently.
    """
    from scipy.stats import norm, rankdata

    n = len(x)
    upper = np.triu_indices(n, 1)
    out = np.zeros((n, n))
    out[upper] = norm.ppf((rankdata((x @ x.T)[upper]) - 0.5) / len(upper[0]))
    out += out.T
    scale = np.linalg.norm(out) / np.sqrt(n)
    scaled: F64 = out / max(scale, _TINY)
    return scaled


def soft_match(x: F64, y: F64, *, steps: int, seed: int) -> F64:
    """Match rows so that likenesses within ``x`` resemble those within ``y``.

    The quadratic assignment problem ``max tr(A P B Pᵀ)`` over doubly stochastic ``P``, by
    graduated assignment: ``P ← Sinkhorn(exp(β A P B))`` with rising β. Gold and Rangarajan,
    "A graduated assignment algorithm for graph matching", PAMI 1996. It ends in the same
    optimum from nearly every start, and in a better one than Frank–Wolfe steps do.

    Args:
        x: ``(n, k)`` unit rows.
        y: ``(m, k)`` unit rows; not of the same things.
        steps: Values of β.
        seed: Of the small noise that breaks the tie of the start.

    Returns:
        ``(n, m)``; columns sum to ``√(n/m)``, rows to about ``√(m/n)``.
    """
    a, b = similarity(x), similarity(y)
    rng = np.random.default_rng(seed)
    plan = _balanced(np.exp(_START_NOISE * rng.normal(size=(len(x), len(y)))))
    for sharpness in np.geomspace(*_SHARPNESS, steps):
        gain = a @ plan @ b
        gain -= gain.max(axis=1, keepdims=True)
        plan = _balanced(np.exp(sharpness * gain) + _TINY)
    return plan


def _balanced(kernel: F64) -> F64:
    """Sinkhorn's scaling of rows and columns in turn."""
    n, m = kernel.shape
    for _ in range(_SINKHORN):
        kernel = kernel * (np.sqrt(m / n) / kernel.sum(axis=1, keepdims=True))
        kernel = kernel * (np.sqrt(n / m) / kernel.sum(axis=0))
    return kernel


def coarse_rotation(x: F64, y: F64, k: int, *, limit: int, steps: int, seed: int) -> F64:
    """A rotation ``(k, k)`` from the shapes of two clouds of principal coordinates.

    Plans found in several dimensions are added, in a few ways; of the rotations that they
    give, the one whose Hungarian matches have the greatest mean cosine is taken.

    Args:
        x: ``(n, ≥k)`` coordinates, most important first.
        y: ``(m, ≥k)``.
        k: Dimensions.
        limit: Rows that stand for more, by k-means.
        steps: As for :func:`soft_match`.
        seed: Of k-means and of the start.
    """
    xs = representatives(x, limit, seed)
    ys = representatives(y, limit, seed + 1)
    most = min(x.shape[1], y.shape[1])
    plans: dict[int, F64] = {}
    best, rotation = -np.inf, np.eye(k)
    for shares in _STARTS:
        found = sorted({min(max(round(share * k), 1), most) for share in shares})
        for d in found:
            if d not in plans:
                plans[d] = soft_match(unit(xs, d), unit(ys, d), steps=steps, seed=seed)
        total = np.sum([plans[d] for d in found], axis=0)
        turned = polar(unit(xs, k).T @ total @ unit(ys, k))
        cosine = match_cosine(unit(xs, k) @ turned, unit(ys, k))
        if cosine > best:
            best, rotation = cosine, turned
    return rotation


def match_cosine(x: F64, y: F64) -> float:
    """Mean cosine of the Hungarian matches of unit rows."""
    left, right = hungarian(x, y)
    return float(np.einsum("ij,ij->i", x[left], y[right]).mean())


def hungarian(x: Floats, y: Floats, seed: int = 0) -> Matches:
    """One-to-one matches of the greatest total cosine.

    Many rows are dealt at random into blocks of a thousand, each matched on its own.

    Args:
        x: ``(n, k)`` unit rows.
        y: ``(m, k)`` unit rows.
        seed: Of the blocks.

    Returns:
        Rows of ``x`` and of ``y``, at most ``min(n, m)`` of them.
    """
    from scipy.optimize import linear_sum_assignment

    count = -(-max(len(x), len(y)) // _BLOCK)
    count = max(1, min(count, len(x), len(y)))
    rng = np.random.default_rng(seed)
    found: list[Matches] = []
    for i, j in zip(_dealt(len(x), count, rng), _dealt(len(y), count, rng), strict=True):
        left, right = linear_sum_assignment(x[i] @ y[j].T, maximize=True)
        found.append((i[left], j[right]))
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])


def _dealt(n: int, count: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    order = np.arange(n) if count == 1 else rng.permutation(n)
    return [np.sort(part) for part in np.array_split(order, count)]


def refine(x: F64, y: F64, rotation: F64, dimensions: list[int], seed: int) -> tuple[Matches, int]:
    """Wasserstein–Procrustes: matches and rotation in turn, in more and more dimensions.

    Grave, Joulin and Berthet, "Unsupervised alignment of embeddings with Wasserstein
    Procrustes", AISTATS 2019. A further dimension is kept only if most matches survive it:
    where both bags show the same things they do, where they do not it would fit noise.

    Args:
        x: ``(n, d)`` principal coordinates.
        y: ``(m, d)``.
        rotation: Of the first ``dimensions[0]`` coordinates.
        dimensions: Rising.
        seed: Of the blocks of :func:`hungarian`.

    Returns:
        The matches and the number of dimensions they were found in.
    """
    reached = dimensions[0]
    left, right = hungarian(unit(x, reached) @ rotation, unit(y, reached), seed)
    for k in dimensions[1:]:
        xs, ys = unit(x, k), unit(y, k)
        i, j = left, right
        for _ in range(3):
            i, j = hungarian(xs @ polar(xs[i].T @ ys[j]), ys, seed)
        if _kept((left, right), (i, j)) < 0.5:
            break
        left, right, reached = i, j, k
    return (left, right), reached


def _kept(before: Matches, after: Matches) -> float:
    """Share of matches that are in both."""
    old = set(zip(*(side.tolist() for side in before), strict=True))
    new = set(zip(*(side.tolist() for side in after), strict=True))
    return len(old & new) / max(len(old), 1)
