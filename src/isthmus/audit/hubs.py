"""Hubs, and the gap between views, on pairs that the fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.audit.heldout import Scored, cutoff
from isthmus.core.linalg import F32, F64
from isthmus.metrics import hubness_skew, median_true_cosine, modality_gap

SHOWN = 5
HUBBY = 1.0
"""Skew above which a few items crowd out the rest."""


@dataclass(frozen=True)
class Hub:
    """One item that comes up for many queries.

    Attributes:
        row: Of the records.
        share: Of the queries that have it among their first ``k``.
        corrected: The same after the correction for hubs.
    """

    row: int
    share: float
    corrected: float


@dataclass(frozen=True)
class Hubs:
    """Hubness of one direction.

    Attributes:
        query: View of the queries.
        gallery: View of what is found.
        k: First places that count: 10, or 1 where the gallery is small.
        skew: Skewness of how often items are among them, by plain cosine.
        skew_corrected: The same by CSLS, the ``instance`` read-out.
        expected: Share of queries that would have an item among them if all came up
            equally often.
        top: The items that come up most.
    """

    query: str
    gallery: str
    k: int
    skew: float
    skew_corrected: float
    expected: float
    top: tuple[Hub, ...]

    @property
    def matters(self) -> bool:
        """Whether a few items crowd out the rest, before the correction."""
        return self.skew > HUBBY


@dataclass(frozen=True)
class Gap:
    """Where two views lie in the space.

    Attributes:
        a: First view.
        b: Second view.
        gap: Distance between their centroids, 0…2.
        true_cosine: Median cosine of the true pairs.
        other_cosine: Median cosine of all other pairs.
    """

    a: str
    b: str
    gap: float
    true_cosine: float
    other_cosine: float


def hubs(query: str, gallery: str, folds: Sequence[Scored], *, back: bool) -> Hubs:
    """Hubness of one direction over folds.

    Args:
        query: View of the queries.
        gallery: View of what is found.
        folds: Held-out scores with queries in rows.
        back: Whether queries are in columns instead.
    """
    skews: list[tuple[float, float]] = []
    counted: dict[int, list[tuple[float, float]]] = {}
    expected = []
    k = cutoff(float(np.mean([len(fold.rows) for fold in folds])))
    for fold in folds:
        both = [s.T if back else s for s in (fold.cosine, fold.instance)]
        few = min(k, len(fold.rows))
        skews.append((hubness_skew(both[0], few), hubness_skew(both[1], few)))
        expected.append(few / len(fold.rows))
        shares = np.stack([_shares(scores, few) for scores in both], axis=1)
        for row, share in zip(fold.rows, shares, strict=True):
            counted.setdefault(int(row), []).append((float(share[0]), float(share[1])))
    means = {row: np.mean(shares, axis=0) for row, shares in counted.items()}
    most = sorted(means, key=lambda row: -means[row][0])[:SHOWN]
    skew = np.mean(skews, axis=0)
    return Hubs(
        query,
        gallery,
        k,
        float(skew[0]),
        float(skew[1]),
        float(np.mean(expected)),
        tuple(Hub(row, float(means[row][0]), float(means[row][1])) for row in most),
    )


def gap(a: str, b: str, folds: Sequence[Scored]) -> Gap:
    """The view gap and the cosines of true and other pairs, means over folds."""
    other = [float(np.median(f.cosine[~np.eye(len(f.rows), dtype=bool)])) for f in folds]
    return Gap(
        a,
        b,
        float(np.mean([modality_gap(fold.x, fold.y) for fold in folds])),
        float(np.mean([median_true_cosine(fold.x, fold.y) for fold in folds])),
        float(np.mean(other)),
    )


def _shares(scores: F32, k: int) -> F64:
    """Share of the rows that have each column among their ``k`` best."""
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    counts: F64 = np.bincount(best.ravel(), minlength=scores.shape[1]) / len(scores)
    return counts
