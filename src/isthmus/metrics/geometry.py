"""How vectors lie: the gap between views, spread, hubs, and likeness of two encoders."""

from __future__ import annotations

import numpy as np

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F64, Array, l2_normalize
from isthmus.core.validate import check_vectors
from isthmus.metrics._scores import check_k, check_scores, row_blocks, top_k_membership


def median_true_cosine(x: Array, y: Array) -> float:
    """Median cosine of the true pairs, rows ``i`` of ``x`` and ``y``, both ``(n, d)``."""
    x, y = _unit_pair(x, y)
    return float(np.median(np.einsum("ij,ij->i", x, y)))


def modality_gap(x: Array, y: Array) -> float:
    """Distance between the centroids of the unit vectors of two views.

    Args:
        x: ``(n, d)``.
        y: ``(m, d)``.

    Returns:
        From 0, centroids coincide, to 2.

    References:
        Liang et al., "Mind the gap", NeurIPS 2022.
    """
    x, y = _unit(x, "x"), _unit(y, "y")
    if x.shape[1] != y.shape[1]:
        raise VectorError(f"x and y must share a space, got dimensions {x.shape[1]}, {y.shape[1]}")
    return float(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)))


def alignment(x: Array, y: Array, alpha: float = 2.0) -> float:
    """Mean distance of true pairs of unit vectors, to the power ``alpha``; 0 is best.

    References:
        Wang and Isola, "Understanding contrastive representation learning through
        alignment and uniformity on the hypersphere", ICML 2020.
    """
    x, y = _unit_pair(x, y)
    return float(np.mean(np.linalg.norm(x - y, axis=1) ** alpha))


def uniformity(x: Array, t: float = 2.0, *, max_rows: int | None = 10_000, seed: int = 0) -> float:
    """Log of the mean Gaussian potential between unit vectors; lower is more even.

    ``log mean exp(−t·‖xᵢ − xⱼ‖²)`` over pairs ``i < j``: 0 if all vectors are one, about
    −3.9 for ``t = 2`` when they spread evenly over many dimensions.

    Args:
        x: ``(n, d)``, two rows or more.
        t: Sharpness of the kernel.
        max_rows: A random sample of so many rows stands for more; ``None`` for all.
        seed: Of that sample.

    References:
        Wang and Isola, ICML 2020.
    """
    x = _sample(_unit(x, "x"), max_rows, seed)
    n = len(x)
    if n < 2:
        raise VectorError("x: uniformity needs at least two rows, got 1")
    total = 0.0
    for rows in row_blocks(n, n):
        potential = np.exp(2.0 * t * (np.clip(x[rows] @ x.T, -1.0, 1.0) - 1.0))
        own = np.arange(rows.start, rows.stop)
        potential[own - rows.start, own] = 0.0
        total += float(potential.sum())
    return float(np.log(total / (n * (n - 1))))


def hubness_skew(scores: Array, k: int = 10) -> float:
    """Skewness of how often each gallery row is among the ``k`` best of a query.

    Columns that tie at the edge share the places left. Above about 1 a few hubs
    crowd out the rest; 0 if all rows occur equally often.

    Args:
        scores: ``(q, g)``, larger is better.
        k: Neighbours per query, at least 1; capped at ``g``.

    References:
        Radovanović et al., "Hubs in space", JMLR 2010.
    """
    scores = check_scores(scores)
    check_k(k)
    occurrence = np.zeros(scores.shape[1])
    for rows in row_blocks(*scores.shape):
        occurrence += top_k_membership(scores[rows], k).sum(axis=0)
    deviation = occurrence - occurrence.mean()
    spread = float(np.sqrt(np.mean(deviation**2)))
    if spread < 1e-9 * max(1.0, float(occurrence.mean())):
        return 0.0
    return float(np.mean(deviation**3)) / spread**3


def linear_cka(x: Array, y: Array) -> float:
    """Linear centred kernel alignment of two sets of vectors of the same things.

    ``‖XᵀY‖² / (‖XᵀX‖·‖YᵀY‖)`` of centred columns, Frobenius norms. It does not change under
    rotations and scaling of either side. With fewer rows than dimensions it is biased
    upwards, so compare it with that of shuffled rows.

    Args:
        x: ``(n, d)``.
        y: ``(n, e)``.

    Returns:
        From 0 to 1.

    Raises:
        VectorError: If rows differ in number, or all rows of one side are equal.

    References:
        Kornblith et al., "Similarity of neural network representations revisited",
        ICML 2019.
    """
    a, b = _centred(x, "x"), _centred(y, "y")
    if len(a) != len(b):
        raise VectorError(f"row i of x and y must be one thing, got {len(a)} and {len(b)} rows")
    n, d, e = len(a), a.shape[1], b.shape[1]
    if n * (d + e) < d * d + e * e + d * e:  # products of rows are fewer than of columns
        ka, kb = a @ a.T, b @ b.T
        cross = float(np.sum(ka * kb))
        own = float(np.linalg.norm(ka)) * float(np.linalg.norm(kb))
    else:
        cross = float(np.linalg.norm(a.T @ b)) ** 2
        own = float(np.linalg.norm(a.T @ a)) * float(np.linalg.norm(b.T @ b))
    return min(1.0, max(0.0, cross / own))


def mutual_knn(
    x: Array,
    y: Array,
    k: int = 10,
    *,
    max_rows: int | None = 10_000,
    seed: int = 0,
) -> float:
    """Mean share of the ``k`` nearest neighbours, by cosine, that two encoders agree on.

    Ties count in expectation over their order, so vectors that are all one get chance,
    ``k / (n − 1)``.

    Args:
        x: ``(n, d)``.
        y: ``(n, e)``, row ``i`` the same thing as row ``i`` of ``x``.
        k: Neighbours, from 1 to ``n − 1``.
        max_rows: A random sample of so many rows stands for more; ``None`` for all.
        seed: Of that sample.

    Returns:
        From 0 to 1.

    References:
        Huh et al., "The platonic representation hypothesis", ICML 2024.
    """
    x, y = _unit(x, "x"), _unit(y, "y")
    if len(x) != len(y):
        raise VectorError(f"row i of x and y must be one thing, got {len(x)} and {len(y)} rows")
    x, y = _sample(x, max_rows, seed), _sample(y, max_rows, seed)
    n = len(x)
    if check_k(k) >= n:
        raise VectorError(f"k must be below the {n} rows, got {k}")
    shared = 0.0
    for rows in row_blocks(n, n):
        near = [top_k_membership(_other_cosines(side, rows), k) for side in (x, y)]
        shared += float(np.sum(near[0] * near[1]))
    return shared / (n * k)


def _other_cosines(x: F64, rows: slice) -> F64:
    """Cosines of some rows with all rows, −∞ with themselves."""
    cosines: F64 = x[rows] @ x.T
    own = np.arange(rows.start, rows.stop)
    cosines[own - rows.start, own] = -np.inf
    return cosines


def _unit(x: Array, name: str) -> F64:
    checked = check_vectors(x, name=name)
    if not len(checked):
        raise VectorError(f"{name}: need at least one row, got none")
    unit: F64 = l2_normalize(checked.astype(np.float64)).astype(np.float64, copy=False)
    return unit


def _unit_pair(x: Array, y: Array) -> tuple[F64, F64]:
    a, b = _unit(x, "x"), _unit(y, "y")
    if a.shape != b.shape:
        raise VectorError(f"x and y must be pairs in one space, got shapes {a.shape}, {b.shape}")
    return a, b


def _centred(x: Array, name: str) -> F64:
    checked = check_vectors(x, name=name, allow_zero=True).astype(np.float64)
    if len(checked) < 2 or not np.ptp(checked, axis=0).any():
        raise VectorError(f"{name}: need at least two different rows")
    centred: F64 = checked - checked.mean(axis=0)
    return centred


def _sample(x: F64, max_rows: int | None, seed: int) -> F64:
    if max_rows is None or len(x) <= max_rows:
        return x
    rows = np.sort(np.random.default_rng(seed).choice(len(x), max_rows, replace=False))
    return np.take(x, rows, axis=0)
