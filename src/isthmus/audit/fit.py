"""Which encoders fit together, before anything is fitted and after a cheap fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.encoded import EncodedViews
from isthmus.audit.heldout import Joint, Scored, cutoff, scored_folds, unfitted
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32, F64, Array, l2_normalize
from isthmus.core.rows import thin
from isthmus.metrics import mutual_knn
from isthmus.selection.null import permutation_p
from isthmus.selection.parallel import side_by_side
from isthmus.space.evaluate import LEVEL

MAX_ROWS = 1000
"""Rows that likeness is measured on; it settles long before."""
SHUFFLES = 99
NEIGHBOURS = 10
DEALS = 2
_SURE = 2.0  # standard errors


@dataclass(frozen=True)
class Likeness:
    """A measure of two encoders, with its values when partners are shuffled."""

    value: float
    null_mean: float
    null_sd: float

    @property
    def sds(self) -> float:
        """How many standard deviations the value lies above the shuffled ones."""
        return (self.value - self.null_mean) / max(self.null_sd, 1e-12)


@dataclass(frozen=True)
class Share:
    """A mean over folds with its 95 % interval, two standard errors either way."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, folds: F64, independent: int) -> Share:
        """Mean of ``(f,)`` values in 0…1, of which so many come from rows of their own."""
        mean = float(folds.mean())
        spread = float(folds.std(ddof=1)) if len(folds) > 1 else 0.0
        half = _SURE * spread / float(np.sqrt(independent))
        return cls(mean, max(0.0, mean - half), min(1.0, mean + half))


@dataclass(frozen=True)
class EncoderFit:
    """One encoder of one view with one of another.

    Attributes:
        a: First view.
        b: Second view.
        encoder_a: Encoder of the first.
        encoder_b: Encoder of the second.
        pairs: Records that both were measured on.
        cka: Linear CKA, debiased; None where it could not be measured, as are the next.
        knn: Share of the nearest neighbours that both encoders agree on.
        neighbours: How many nearest neighbours.
        recall: R@k of held-out pairs, both directions.
        k: First places that count as found: 10, or 1 where the gallery is small.
        mrr: Mean reciprocal rank of the same.
        chance: What a random order gets.
        gallery: Among how many.
        p_value: Of the permutation test on the held-out pairs.
        tied: Whether it is not clearly worse than the best of its views.
        reason: Why nothing could be measured, or empty.
        first: R@1 of the same pairs.
        shuffled: R@k with its mean and standard deviation if partners are shuffled.
        fitted: Whether the pairs were found by the cheap closed form; if not, by the cosines of
            the vectors as they are, which a model of several towers has aligned.
        record_ms: Milliseconds that both encoders need for one record here; None where neither
            was timed.
    """

    a: str
    b: str
    encoder_a: str
    encoder_b: str
    pairs: int
    cka: Likeness | None = None
    knn: Likeness | None = None
    neighbours: int = NEIGHBOURS
    recall: Share | None = None
    k: int = 10
    mrr: Share | None = None
    chance: float = 0.0
    gallery: float = 0.0
    p_value: float = 1.0
    tied: bool = False
    reason: str = ""
    first: Share | None = None
    shuffled: Likeness | None = None
    fitted: bool = True
    record_ms: float | None = None

    @property
    def fits(self) -> bool:
        """Whether held-out pairs are found better than shuffled ones."""
        return not self.reason and self.p_value <= LEVEL


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fits of two views; the folds are those of the first encoder of each.

    Attributes:
        fits: Best first.
        joint: What the fits of the first encoders are made from.
        folds: The held-out folds of the same.
        by_fold: Of every fit, in the order of ``fits``, MRR and R@k ``(2, f)`` by fold; empty
            where it could not be measured.
    """

    fits: list[EncoderFit]
    joint: Joint | None
    folds: list[Scored]
    by_fold: list[F64]


def encoder_fits(
    encoded: EncodedViews,
    a: str,
    b: str,
    rows: NDArray[np.intp],
    *,
    seed: int,
    progress: Progress | None,
) -> Fitted:
    """Compare every encoder of ``a`` with every encoder of ``b`` on the same rows and folds.

    Two towers of one model are compared twice: after a fit, and as they are.

    Args:
        encoded: Vectors by encoder.
        a: First view.
        b: Second view.
        rows: That all the encoders could read.
        seed: Of folds and shuffles.
        progress: Told as combinations are done.
    """
    few = thin(np.arange(len(rows)), MAX_ROWS)
    sides = {
        (m, name): _Side.of(x[rows][few]) for m in (a, b) for name, x in encoded.vectors[m].items()
    }
    links = encoded.ready.links[rows]

    def measure(names: tuple[str, str]) -> tuple[list[_Measured], Joint | None, list[Scored]]:
        x, y = encoded.vectors[a][names[0]][rows], encoded.vectors[b][names[1]][rows]
        plain = EncoderFit(
            a, b, *names, len(rows), record_ms=encoded.record_ms((a, names[0]), (b, names[1]))
        )
        try:
            joint = Joint.of(a, b, x, y)
            folds = scored_folds(joint, links, deals=DEALS, seed=seed)
        except (DataError, NoSignalError) as error:
            return [_Measured(replace(plain, reason=str(error)))], None, []
        plain = replace(plain, **_likeness(sides[a, names[0]], sides[b, names[1]], seed))
        found = [_held_out(plain, folds, seed)]
        if encoded.aligned((a, names[0]), (b, names[1])):
            as_it_is = replace(plain, fitted=False)
            found.append(_held_out(as_it_is, unfitted(x, y, folds), seed))
        first = names == (encoded.encoders(a)[0], encoded.encoders(b)[0])
        return found, joint, folds if first else []

    jobs = list(product(encoded.encoders(a), encoded.encoders(b)))
    done = side_by_side(measure, jobs, progress=progress, phase=f"fit {a} and {b}")
    measured = _mark_ties([one for found, *_ in done for one in found])
    return Fitted(
        [one.fit for one in measured], done[0][1], done[0][2], [one.by_fold for one in measured]
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """A fit, and MRR and R@k of every fold, ``(2, f)``."""

    fit: EncoderFit
    by_fold: F64 = field(default_factory=lambda: np.zeros((2, 0)))


@dataclass(frozen=True, eq=False)
class _Side:
    """What likeness needs of one encoder: vectors, double-centred products, neighbours."""

    x: F32
    products: F64
    near: NDArray[np.intp]

    @classmethod
    def of(cls, x: F32) -> _Side:
        return cls(x, centred_products(x), _nearest(x, neighbours_of(len(x))))


def neighbours_of(n: int) -> int:
    """Neighbours for mutual k-NN: ten, fewer where ten would be a third of all."""
    return max(1, min(NEIGHBOURS, (n - 1) // 3))


def centred_products(x: Array) -> F64:
    """Inner products of rows, U-centred: rows sum to zero and the diagonal is zero.

    Args:
        x: ``(n, d)``, four rows or more.

    Returns:
        ``(n, n)``. For two sets of vectors of the same rows the sum of the elementwise
        product of these matrices is, up to a factor, the unbiased estimate of HSIC.

    References:
        Székely and Rizzo, "Partial distance correlation with methods for dissimilarities",
        Annals of Statistics 2014; Song et al., "Feature selection via dependence
        maximization", JMLR 2012.
    """
    rows = np.asarray(x, dtype=np.float64)
    rows = rows - rows.mean(axis=0)
    n = len(rows)
    out: F64 = rows @ rows.T
    np.fill_diagonal(out, 0.0)
    sums = out.sum(axis=1)
    out -= (sums[:, None] + sums[None, :]) / (n - 2)
    out += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return out


def debiased_cka(a: F64, b: F64) -> float:
    """Linear CKA without its bias for few rows and many columns.

    Args:
        a: What :func:`centred_products` gave for one encoder, ``(n, n)``.
        b: The same for the other.

    Returns:
        At most 1; about 0 for unrelated vectors, where plain linear CKA is far above.

    References:
        Kornblith et al., ICML 2019; debiased: Nguyen, Raghu and Kornblith, "Do wide and
        deep networks learn the same things?", ICLR 2021.
    """
    own = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.vdot(a, b)) / own if own > 0 else 0.0


def _likeness(x: _Side, y: _Side, seed: int) -> dict[str, Any]:
    """CKA and mutual k-NN, and both again for shuffled partners."""
    n, k = len(x.x), x.near.shape[1]
    rng = np.random.default_rng(seed)
    close = np.zeros((n, n), dtype=bool)
    np.put_along_axis(close, y.near, values=True, axis=1)
    cka, knn = np.zeros(SHUFFLES), np.zeros(SHUFFLES)
    for i in range(SHUFFLES):
        deal = rng.permutation(n)
        cka[i] = debiased_cka(x.products, y.products[deal][:, deal])
        knn[i] = close[deal[:, None], deal[x.near]].mean()
    value = mutual_knn(x.x, y.x, k, max_rows=None)
    return {
        "cka": Likeness(
            debiased_cka(x.products, y.products), float(cka.mean()), float(cka.std(ddof=1))
        ),
        "knn": Likeness(value, float(knn.mean()), float(knn.std(ddof=1))),
        "neighbours": k,
    }


def _nearest(x: F32, k: int) -> NDArray[np.intp]:
    unit = l2_normalize(x)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    return np.argpartition(-cosine, k - 1, axis=1)[:, :k]


def _held_out(plain: EncoderFit, folds: Sequence[Scored], seed: int) -> _Measured:
    """What held-out pairs say, beside their shuffled selves."""
    places = [fold.ranks() for fold in folds]
    sizes = np.array([len(fold.rows) for fold in folds])
    k = cutoff(float(sizes.mean()))
    recall = np.array([np.mean(place <= k) for place in places])
    first = np.array([np.mean(place <= 1) for place in places])
    mrr = np.array([np.mean(1 / place) for place in places])
    per_deal = max(1, len(folds) // DEALS)
    null = _shuffled_recall(folds[:per_deal], k, seed)
    found = replace(
        plain,
        recall=Share.of(recall, per_deal),
        first=Share.of(first, per_deal),
        mrr=Share.of(mrr, per_deal),
        k=k,
        chance=float(np.mean(np.minimum(1.0, k / sizes))),
        shuffled=Likeness(
            float(recall[:per_deal].mean()), float(null.mean()), float(null.std(ddof=1))
        ),
        gallery=float(sizes.mean()),
        # one deal, so that every row counts once, as the test supposes
        p_value=permutation_p([fold.instance for fold in folds[:per_deal]], seed=seed),
    )
    return _Measured(found, np.stack([mrr, recall]))


def _shuffled_recall(folds: Sequence[Scored], k: int, seed: int) -> F64:
    """R@k of shuffled partners, the mean over folds, once a shuffle: ``(99,)``."""
    rng = np.random.default_rng(seed)
    found = np.zeros((len(folds), SHUFFLES))
    for i, fold in enumerate(folds):
        rows = np.arange(len(fold.rows))
        near = _among_first(fold.instance, k) + _among_first(fold.instance.T, k).T
        for j in range(SHUFFLES):
            found[i, j] = near[rows, rng.permutation(len(rows))].mean() / 2
    return np.asarray(found.mean(axis=0))


def _among_first(scores: F32, k: int) -> NDArray[np.int_]:
    """Whether a column is among the first ``k`` of its row, 0 or 1."""
    places = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    near = np.zeros(scores.shape, dtype=np.int_)
    np.put_along_axis(near, places, 1, axis=1)
    return near


def _mark_ties(measured: Sequence[_Measured]) -> list[_Measured]:
    """Best first, with a mark on those that are not clearly worse, fold by fold."""
    means = [-1.0 if one.fit.mrr is None else one.fit.mrr.value for one in measured]
    best = measured[int(np.argmax(means))].by_fold[0]
    marked = [
        replace(one, fit=replace(one.fit, tied=not_clearly_worse(one.by_fold[0], best)))
        for one in measured
    ]
    return [marked[i] for i in np.argsort([-mean for mean in means], kind="stable")]


def not_clearly_worse(folds: F64, best: F64, deals: int = DEALS) -> bool:
    """Whether what lies between two fits could be noise, by two standard errors of it.

    Args:
        folds: ``(f,)`` a measure by fold.
        best: The same of the better one, on the same folds.
        deals: How often the same rows were dealt; only the folds of one are independent.
    """
    if not len(folds) or len(folds) != len(best):
        return False
    behind = best - folds
    error = behind.std(ddof=1) / np.sqrt(len(folds) / deals) if len(folds) > 1 else 0.0
    return bool(behind.mean() <= _SURE * error)
