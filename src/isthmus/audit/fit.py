"""Which encoders fit together, before anything is fitted and after a cheap fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.encoded import EncodedViews
from isthmus.audit.heldout import Joint, Scored, cutoff, scored_folds
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
        recall: R@k of held-out pairs after the cheap closed form, both directions.
        k: First places that count as found: 10, or 1 where the gallery is small.
        mrr: Mean reciprocal rank of the same.
        chance: What a random order gets.
        gallery: Among how many.
        p_value: Of the permutation test on the held-out pairs.
        tied: Whether it is not clearly worse than the best of its views.
        reason: Why nothing could be measured, or empty.
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

    @property
    def fits(self) -> bool:
        """Whether held-out pairs are found better than shuffled ones."""
        return not self.reason and self.p_value <= LEVEL


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fits of two views; the folds are those of the first encoder of each."""

    fits: list[EncoderFit]
    joint: Joint | None
    folds: list[Scored]


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

    def measure(names: tuple[str, str]) -> tuple[EncoderFit, F64, Joint | None, list[Scored]]:
        x, y = encoded.vectors[a][names[0]][rows], encoded.vectors[b][names[1]][rows]
        plain = EncoderFit(a, b, *names, len(rows))
        try:
            joint = Joint.of(a, b, x, y)
            folds = scored_folds(joint, links, deals=DEALS, seed=seed)
        except (DataError, NoSignalError) as error:
            return replace(plain, reason=str(error)), np.zeros(0), None, []
        likeness = _likeness(sides[a, names[0]], sides[b, names[1]], seed)
        found, by_fold = _held_out(plain, folds, seed)
        first = names == (encoded.encoders(a)[0], encoded.encoders(b)[0])
        return replace(found, **likeness), by_fold, joint, folds if first else []

    jobs = list(product(encoded.encoders(a), encoded.encoders(b)))
    done = side_by_side(measure, jobs, progress=progress, phase=f"fit {a} and {b}")
    fits = _mark_ties([one for one, *_ in done], [by_fold for _, by_fold, *_ in done])
    return Fitted(fits, done[0][2], done[0][3])


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


def _held_out(plain: EncoderFit, folds: Sequence[Scored], seed: int) -> tuple[EncoderFit, F64]:
    """Figures on the held-out rows, and the mean reciprocal rank of every fold."""
    places = [fold.ranks() for fold in folds]
    sizes = np.array([len(fold.rows) for fold in folds])
    k = cutoff(float(sizes.mean()))
    recall = np.array([np.mean(place <= k) for place in places])
    mrr = np.array([np.mean(1 / place) for place in places])
    per_deal = max(1, len(folds) // DEALS)
    found = replace(
        plain,
        recall=Share.of(recall, per_deal),
        mrr=Share.of(mrr, per_deal),
        k=k,
        chance=float(np.mean(np.minimum(1.0, k / sizes))),
        gallery=float(sizes.mean()),
        # one deal, so that every row counts once, as the test supposes
        p_value=permutation_p([fold.instance for fold in folds[:per_deal]], seed=seed),
    )
    return found, mrr


def _mark_ties(fits: list[EncoderFit], by_fold: list[F64]) -> list[EncoderFit]:
    """Best first, with a mark on those that are not clearly worse, fold by fold."""
    means = [-1.0 if fit.mrr is None else fit.mrr.value for fit in fits]
    best = by_fold[int(np.argmax(means))]
    marked = []
    for fit, folds in zip(fits, by_fold, strict=True):
        tied = False
        if len(folds) == len(best) and len(folds):
            behind = best - folds
            error = behind.std(ddof=1) / np.sqrt(len(folds) / DEALS) if len(folds) > 1 else 0.0
            tied = bool(behind.mean() <= _SURE * error)
        marked.append(replace(fit, tied=tied))
    order = np.argsort([-mean for mean in means], kind="stable")
    return [marked[i] for i in order]
