"""One cheap closed form, fitted without some rows and scored on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import CCA
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, F64, l2_normalize, symmetric_eigen
from isthmus.core.paired import PairedVectors
from isthmus.metrics import ranks
from isthmus.moments import Moments
from isthmus.pipeline.splits import fold_labels
from isthmus.selection.folds import Folds, bank
from isthmus.space.readout import score

RIDGE = 3.0
POWER = 1.0
DIRECTIONS = 256
"""Principal directions kept of each encoder: a fit takes a tenth of the time and ranks alike."""

_NOTHING = 1e-10
_LARGE_GALLERY = 50


def cutoff(gallery: float) -> int:
    """How many first places count as found: ten, or one where ten would be a fifth of all."""
    return 10 if gallery >= _LARGE_GALLERY else 1


@dataclass(frozen=True, eq=False)
class Joint:
    """Rows that two views share, on the leading directions of one encoder each.

    Attributes:
        a: First view.
        b: Second view.
        pairs: ``(n, k)`` of both; the directions are those of all rows, found without
            looking at which rows belong together.
        ridge: By view, such that the penalty is what :data:`RIDGE` is on all columns.
    """

    a: str
    b: str
    pairs: PairedVectors
    ridge: dict[str, float]

    @classmethod
    def of(cls, a: str, b: str, x: F32, y: F32) -> Joint:
        """From native vectors ``(n, d)`` and ``(n, e)``, row ``i`` of both one record."""
        (x, ridge_a), (y, ridge_b) = leading(x), leading(y)
        return cls(a, b, PairedVectors({a: x, b: y}), {a: ridge_a, b: ridge_b})

    def __len__(self) -> int:
        return len(self.pairs)

    def fit(self, moments: Moments) -> CCA:
        """The closed form: CCA with ridge 3 and power 1."""
        return CCA(ridge=self.ridge, power=POWER).fit_moments(moments)

    def deal(self, links: NDArray[np.intp], seed: int) -> Folds:
        """The rows dealt into folds that no link straddles."""
        return Folds(self.pairs, fold_labels(links, seed=seed))


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that a fit has not seen, with their scores among themselves.

    Attributes:
        rows: ``(h,)`` rows of the :class:`Joint`.
        cosine: ``(h, h)``, row ``i`` of the first view with column ``j`` of the second.
        instance: The same under the ``instance`` read-out.
        x: ``(h, k)`` unit vectors of the first view.
        y: ``(h, k)`` unit vectors of the second.
    """

    rows: NDArray[np.intp]
    cosine: F32
    instance: F32
    x: F32
    y: F32

    def ranks(self) -> F64:
        """Rank of the true partner, ``(2, h)``: from the first view, from the second."""
        truth = np.arange(len(self.rows))
        return np.stack([ranks(self.instance, truth), ranks(self.instance.T, truth)])


def scored(joint: Joint, aligner: CCA, train: PairedVectors, rows: NDArray[np.intp]) -> Scored:
    """Scores among ``rows``, with hubs measured on the rows the aligner was fitted on."""
    held = joint.pairs.take(rows)
    x, y = (aligner.transform(held.vectors[m], m) for m in (joint.a, joint.b))
    banks = [aligner.transform(bank(train, m), m) for m in (joint.a, joint.b)]
    cosine = score(x, y, readout="semantic", query_bank=banks[0], gallery_bank=banks[1])
    instance = score(x, y, readout="instance", query_bank=banks[0], gallery_bank=banks[1])
    return Scored(rows, cosine, instance, x, y)


def scored_folds(joint: Joint, links: NDArray[np.intp], *, deals: int, seed: int) -> list[Scored]:
    """Every fold of several deals, scored by a fit on the other folds of its deal."""
    found = []
    for deal in range(deals):
        folds = joint.deal(links, seed + deal)
        for fold in range(folds.count):
            train = folds.without(fold)
            if len(rows := folds.held(fold)) > 1:
                found.append(scored(joint, joint.fit(train.moments), train.rows, rows))
    return found


def unfitted(x: F32, y: F32, folds: Sequence[Scored]) -> list[Scored]:
    """The same folds scored by the cosines of vectors of one space, without a fit.

    Args:
        x: ``(n, d)`` native vectors of the first view.
        y: ``(n, d)`` of the second.
        folds: Whose rows are scored.
    """
    found = []
    for fold in folds:
        u, v = (np.asarray(l2_normalize(z[fold.rows]), dtype=np.float32) for z in (x, y))
        cosine = u @ v.T
        found.append(Scored(fold.rows, cosine, cosine, u, v))
    return found


def leading(x: F32, most: int = DIRECTIONS) -> tuple[F32, float]:
    """Coordinates on the leading principal directions, and the ridge that belongs to them.

    Args:
        x: ``(n, d)``.
        most: Directions kept, where there are more.

    Returns:
        ``(n, min(d, most))`` float32, and the ridge relative to the mean eigenvalue of these
        coordinates whose absolute penalty is that of :data:`RIDGE` on all columns. Vectors of
        few columns come back as they are.

    Raises:
        DataError: If all rows are the same.
    """
    if x.shape[1] <= most:
        return x, RIDGE
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    total = float(np.square(centred).sum())
    if len(x) < x.shape[1]:
        values, vectors = symmetric_eigen(centred @ centred.T)
        kept = values > _NOTHING * values.max(initial=0.0)
        values, vectors = values[kept][::-1][:most], vectors[:, kept][:, ::-1][:, :most]
        basis = centred.T @ (vectors / np.sqrt(values))
    else:
        values, vectors = symmetric_eigen(centred.T @ centred)
        values, basis = values[::-1][:most], vectors[:, ::-1][:, :most]
    if not len(values) or not values[0] > 0:
        raise DataError("all vectors are the same, so nothing can be aligned")
    ridge = RIDGE * total / float(values.sum()) * basis.shape[1] / x.shape[1]
    return (x @ basis).astype(np.float32), ridge
