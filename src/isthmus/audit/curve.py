"""What more pairs would bring: a learning curve, drawn out beyond its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.fit import Share
from isthmus.audit.heldout import Joint, cutoff, scored
from isthmus.core.contracts import Progress
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.moments import Moments
from isthmus.pipeline.splits import fold_labels
from isthmus.selection.folds import MAX_HELD
from isthmus.selection.parallel import side_by_side

DEALS = 3
MORE = 100
SIZES = 10
SMALLEST = 8
DRAWS = 200
_WINDOWS = (4, 5, 6, 8)
_EXPONENTS = np.geomspace(0.05, 2.0, 25)
_LOGARITHM = np.array([1e-3])  # a power law of nearly zero exponent is a line in log n
_LIMITS = (2.5, 97.5)


@dataclass(frozen=True)
class Gain:
    """What more pairs are expected to bring.

    Attributes:
        more: How many.
        value: Expected rise.
        low: Lower end of the 95 % interval of what would be measured.
        high: Upper end.
    """

    more: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Held-out quality as a function of the number of training pairs.

    Attributes:
        a: First view.
        b: Second view.
        pairs: How many the records hold.
        gallery: Among how many held-out rows partners were looked for.
        k: First places that count as found: 10, or 1 where the gallery is small.
        folds: Folds averaged over, of all deals.
        sizes: Numbers of training pairs that were measured, ascending.
        recall: R@k at each size, both directions.
        mrr: Mean reciprocal rank at each size.
        beyond: Sizes from the last measured to all pairs and more.
        recall_beyond: R@k drawn out to those; empty where there are too few sizes.
        mrr_beyond: The same of the mean reciprocal rank.
        recall_gain: What more pairs would bring; None where there are too few sizes.
        mrr_gain: The same of the mean reciprocal rank.
    """

    a: str
    b: str
    pairs: int
    gallery: int
    k: int
    folds: int
    sizes: tuple[int, ...]
    recall: tuple[Share, ...]
    mrr: tuple[Share, ...]
    beyond: tuple[int, ...] = ()
    recall_beyond: tuple[Share, ...] = ()
    mrr_beyond: tuple[Share, ...] = ()
    recall_gain: Gain | None = None
    mrr_gain: Gain | None = None


def learning_curve(
    joint: Joint,
    links: NDArray[np.intp],
    *,
    seed: int,
    progress: Progress | None = None,
    deals: int = DEALS,
) -> LearningCurve | None:
    """Fit on ever more of the pairs and score the same held-out ones.

    Each fold of each deal is held out once; from the others the training pairs are drawn
    at random, the smaller sets being parts of the larger.

    Args:
        joint: Rows of two views.
        links: ``(n,)`` labels that no split may straddle.
        seed: Of deals and draws.
        progress: Told as folds are done.
        deals: How often the rows are dealt into folds.

    Returns:
        The curve; None where folds leave too few rows to learn from.
    """
    splits = [
        (np.flatnonzero(labels != fold), np.flatnonzero(labels == fold), deal)
        for deal in range(deals)
        for labels in [fold_labels(links, seed=seed + deal)]
        for fold in range(int(labels.max()) + 1)
    ]
    sizes = sizes_for(min(len(pool) for pool, *_ in splits))
    if not sizes or min(len(held) for _, held, _ in splits) < 2:
        return None

    gallery = round(float(np.mean([min(MAX_HELD, len(held)) for _, held, _ in splits])))

    def measure(split: tuple[NDArray[np.intp], NDArray[np.intp], int]) -> F64:
        pool, held, deal = split
        order = np.random.default_rng([seed, deal, int(held[0])]).permutation(pool)
        return curve_of_fold(joint, order, thin(held, MAX_HELD), sizes, cutoff(gallery))

    values = np.stack(
        side_by_side(
            measure, splits, progress=progress, phase=f"learning curve {joint.a}–{joint.b}"
        )
    )
    return drawn_out(
        joint.a,
        joint.b,
        values,
        sizes,
        pairs=len(joint),
        gallery=gallery,
        deals=deals,
        seed=seed,
    )


def sizes_for(most: int) -> tuple[int, ...]:
    """A geometric grid of training sizes up to ``most``; empty if that is too few.

    Examples:
        >>> sizes_for(540)
        (34, 46, 62, 85, 116, 157, 214, 292, 397, 540)
    """
    if most < 2 * SMALLEST:
        return ()
    grid = np.geomspace(max(SMALLEST, most / 16), most, SIZES).round().astype(int)
    return tuple(int(n) for n in np.unique(grid))


def curve_of_fold(
    joint: Joint, order: NDArray[np.intp], held: NDArray[np.intp], sizes: Sequence[int], k: int
) -> F64:
    """R@k and mean reciprocal rank ``(sizes, 2)`` of one fold."""
    moments: Moments | None = None
    found, before = [], 0
    for n in sizes:  # moments add, so every size costs only its new rows
        added = Moments.of(joint.pairs.take(order[before:n]))
        moments, before = added if moments is None else moments + added, n
        train: PairedVectors = joint.pairs.take(order[:n])
        place = scored(joint, joint.fit(moments), train, held).ranks()
        found.append([np.mean(place <= k), np.mean(1 / place)])
    return np.array(found)


def drawn_out(
    a: str,
    b: str,
    values: F64,
    sizes: tuple[int, ...],
    *,
    pairs: int,
    gallery: int,
    deals: int,
    seed: int,
) -> LearningCurve:
    """Means with intervals, and what lies beyond the last size.

    Args:
        a: First view.
        b: Second view.
        values: R@k and mean reciprocal rank by fold and size, ``(f, s, 2)``.
        sizes: ``s`` numbers of pairs.
        pairs: How many the records hold.
        gallery: Of the held-out rows.
        deals: Of which the folds are.
        seed: Of the bootstrap.
    """
    independent = max(1, len(values) // deals)
    shares = [
        tuple(Share.of(values[:, i, kind], independent) for i in range(len(sizes)))
        for kind in (0, 1)
    ]
    plain = LearningCurve(
        a, b, pairs, gallery, cutoff(gallery), len(values), sizes, shares[0], shares[1]
    )
    if len(sizes) < _WINDOWS[0]:
        return plain
    more = min(MORE, pairs)
    beyond = tuple(int(n) for n in np.linspace(sizes[-1], pairs + more, 9).round())
    ends = [
        extrapolate(values[:, :, kind], sizes, (*beyond, pairs), independent=independent, seed=seed)
        for kind in (0, 1)
    ]
    bands = [tuple(_share(draws[:, i]) for i in range(len(beyond))) for draws, _ in ends]
    gains = [_gain(more, draws[:, -2] - draws[:, -1], noise) for draws, noise in ends]
    return replace(
        plain,
        beyond=beyond,
        recall_beyond=bands[0],
        mrr_beyond=bands[1],
        recall_gain=gains[0],
        mrr_gain=gains[1],
    )


def extrapolate(
    values: F64,
    sizes: Sequence[int],
    beyond: Sequence[int],
    *,
    independent: int,
    seed: int = 0,
) -> tuple[F64, F64]:
    """Draws of what curves of these folds would reach.

    Each draw takes folds at random, averages them, and fits ``a − b·n^−c`` with ``b ≥ 0``
    by least squares to the last four, five, six or eight sizes, with ``c`` free or nearly
    zero, which is ``a + b·log n``. So the spread holds what the folds and what the choice
    of the curve leave open.

    Args:
        values: By fold and size, ``(f, s)``.
        sizes: ``s`` numbers of pairs, four or more.
        beyond: Numbers of pairs to reach out to.
        independent: Folds a draw takes: those of one deal, as other deals hold the same rows.
        seed: Of the draws.

    Returns:
        ``(draws, len(beyond))`` in 0…1, and ``(draws,)`` what the draw of the new pairs adds
        to a measured difference.
    """
    rng = np.random.default_rng(seed)
    n = np.asarray(sizes, dtype=np.float64)
    found, noise = [], []
    step = values[:, -1] - values[:, -2]
    for window in _WINDOWS:
        for exponents in (_EXPONENTS, _LOGARITHM):
            picked = rng.integers(0, len(values), (DRAWS, independent))
            means = values[picked].mean(axis=1)[:, -window:]
            a, b, c = power_law(n[-window:], means, exponents)
            reached = a[:, None] - b[:, None] * np.asarray(beyond, float) ** -c[:, None]
            found.append(np.clip(reached, 0.0, 1.0))
            other = rng.integers(0, len(values), (DRAWS, len(values)))
            noise.append(step[other].mean(axis=1) - step.mean())
    return np.concatenate(found), np.concatenate(noise)


def power_law(n: F64, means: F64, exponents: F64) -> tuple[F64, F64, F64]:
    """Least squares of ``a − b·n^−c``, ``b ≥ 0``, for every row of ``means``.

    For a given exponent the rest is linear, so every exponent is tried: no start, no failure
    to converge.

    Args:
        n: ``(s,)``.
        means: ``(r, s)``.
        exponents: Values of ``c`` to choose from.

    Returns:
        ``a``, ``b`` and ``c``, ``(r,)`` each.

    Examples:
        >>> n = np.array([50.0, 100.0, 200.0, 400.0])
        >>> a, b, c = power_law(n, (0.8 - 2 * n**-0.5)[None], np.array([0.25, 0.5, 1.0]))
        >>> [round(float(v[0]), 6) for v in (a, b, c)]
        [0.8, 2.0, 0.5]
    """
    best = np.full(len(means), np.inf)
    out = np.zeros((3, len(means)))
    middle = means.mean(axis=1)
    for c in exponents:
        z = n**-c
        away = z - z.mean()
        b = np.maximum(-((means - middle[:, None]) @ away) / np.square(away).sum(), 0.0)
        a = middle + b * z.mean()
        error = np.square(means - a[:, None] + b[:, None] * z).sum(axis=1)
        better = error < best
        best[better] = error[better]
        out[:, better] = np.stack([a, b, np.full(len(means), c)])[:, better]
    return out[0], out[1], out[2]


def _share(draws: F64) -> Share:
    low, high = np.percentile(draws, _LIMITS)
    return Share(float(np.median(draws)), float(low), float(high))


def _gain(more: int, draws: F64, noise: F64) -> Gain:
    low, high = np.percentile(draws + noise, _LIMITS)
    return Gain(more, float(np.median(draws)), float(low), float(high))
