"""Learning, on held-out pairs, what scores mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.view import Direction
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.selection.folds import bank
from isthmus.selection.kinds import class_scale
from isthmus.selection.logistic import fit_logistic
from isthmus.selection.measure import Transforms, direct_pairs
from isthmus.selection.parallel import side_by_side
from isthmus.space.calibration import (
    BROAD_INPUTS,
    INPUTS,
    Background,
    Calibration,
    calibration_inputs,
    native_nearness,
    nearness,
)
from isthmus.space.starter import Familiar

MIN_PAIRS = 40
"""Held-out pairs below which a direction stays uncalibrated."""
SHOWN = 10
"""Hits of each query on which the calibration error is measured: those that people see."""
MAX_NATIVE = 1000
"""Rows of a native bank."""
OUT_OF_DISTRIBUTION_QUANTILE = 0.08
"""Share of held-out queries that may be told to be out of distribution (Sun, Ming, Zhu & Li,
"Out-of-distribution detection with deep nearest neighbors", 2022). ``benchmarks/calibration.py``
weighs questions that are then refused against nonsense that is then answered."""
FALSE_REJECTION_RATE = 0.04
"""Share of held-out queries whose best hit may be rejected as no match (the reject option of Chow,
"On optimum recognition error and reject tradeoff", 1970)."""
BEST = 40
"""Hits of each query that the regression of a space with broad queries learns from: what lies
further down is never shown, and there is so much of it that it would decide."""
_PENALTY = 1e-3
"""Of squared weights, so that they stay finite where a line parts the classes. Not tuned."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one fold: row ``i`` belongs to column ``i``, unless ``relevant`` says more.

    Attributes:
        cosine: ``(q, n)``.
        hubness: ``(n,)`` of the items.
        background: Of the queries.
        relevant: ``(q, n)``, which items a query means; None for its partner alone.
        kind: Of the queries. Each kind counts the same in the regression.
        fold: Number of the fold; what has one number is left out together. None for a fold of
            its own.
    """

    cosine: F32
    hubness: F32
    background: Background
    relevant: NDArray[np.bool_] | None = None
    kind: str = "partners"
    fold: int | None = None

    @property
    def truth(self) -> NDArray[np.bool_]:
        """``(q, n)``, which items are relevant."""
        return np.eye(len(self.cosine), dtype=bool) if self.relevant is None else self.relevant


def held_out(
    aligner: Transforms,
    train: PairedVectors,
    held: PairedVectors,
    a: str,
    b: str,
    native: F32 | None = None,
    banks: Mapping[str, F32] | None = None,
) -> HeldOut:
    """What a search from ``a`` to ``b`` sees of held-out rows that have both.

    Relevant are the partner and every item whose own or whose partner's vector is the same, such as
    another dog with the caption "a dog".

    Args:
        aligner: Fitted on ``train``.
        train: Rows that it has seen.
        held: Rows that it has not.
        a: View of the queries.
        b: View of the items.
        native: Native bank of the queries; default: that of ``train``.
        banks: Vectors of the space by view, where it has learned from others than ``train``.
    """
    x, y = held.pair(a, b)
    queries, items = aligner.transform(x, a), aligner.transform(y, b)
    own, other = (
        banks[m] if banks and m in banks else aligner.transform(bank(train, m), m) for m in (a, b)
    )
    known = native_bank(train, a) if native is None else native
    return HeldOut(
        queries @ items.T,
        nearness(items, own),
        Background(nearness(queries, other), nearness(queries, own), native_nearness(x, known)),
        _alike(x) | _alike(y),
    )


def _alike(native: F32) -> NDArray[np.bool_]:
    """``(n, n)``, which rows are the same, as two dogs are by the caption "a dog"."""
    same = np.unique(native, axis=0, return_inverse=True)[1].ravel()
    return np.asarray(same[:, None] == same[None, :])


def native_bank(pairs: PairedVectors, view: str) -> F32:
    """Native training vectors of unit length, ``(b, dim)``, among which queries are familiar."""
    return np.asarray(l2_normalize(bank(pairs, view, limit=MAX_NATIVE)), dtype=np.float32)


def calibrate(
    folds: Sequence[tuple[Transforms, PairedVectors, PairedVectors]],
    familiar: Mapping[str, Familiar] | None = None,
    banks: Mapping[str, F32] | None = None,
    *,
    csls_strength: float = 1.0,
) -> dict[Direction, Calibration]:
    """Calibrations of every direction that has enough held-out pairs.

    Args:
        folds: An aligner, the rows it was fitted on, and rows it has not seen.
        familiar: What is known of native vectors by view; else the rows themselves say it.
        banks: Vectors of the space by view, where it has learned from others than these rows.
        csls_strength: Of the space.

    Returns:
        By direction.
    """

    def learned(way: tuple[str, str]) -> Calibration | None:
        a, b = way
        known = (familiar or {}).get(a)
        seen = [
            held_out(aligner, train, held, a, b, None if known is None else known.bank, banks)
            for aligner, train, held in folds
            if len(held.rows(a, b)) > SHOWN
        ]
        if sum(len(each.cosine) for each in seen) < MIN_PAIRS or len(seen) < 2:
            return None
        most = math.inf if known is None else known.least
        made = fit_calibration(seen, most_native=most, csls_strength=csls_strength)
        return replace(made, class_scale=class_scale(folds, a, b))

    names = dict.fromkeys(pair for _, train, _ in folds for pair in direct_pairs(train))
    ways = [each for pair in names for each in (pair, pair[::-1])]
    found = zip(ways, side_by_side(learned, ways), strict=True)
    return {Direction(*way): each for way, each in found if each is not None}


def fit_calibration(
    folds: Sequence[HeldOut],
    *,
    others: Sequence[HeldOut] = (),
    most_native: float = math.inf,
    csls_strength: float = 1.0,
) -> Calibration:
    """Learn a calibration from held-out scores, and measure it on folds left out in turn.

    Within a query, a hit of a higher score is never less likely: items enter by their score alone.

    Args:
        folds: What was left out of the aligners, where row ``i`` has column ``i`` for a partner.
        others: Queries without a partner, such as names of groups, with what they mean.
        most_native: ``least_native`` is no higher: captions alone do not say what else people ask.
        csls_strength: How strongly the scores are corrected for hubness.
    """
    weights, intercept = _logistic([*folds, *others], csls_strength)
    draft = Calibration(weights, intercept, 0.0, -1.0, np.zeros(0), 0, 0)
    best, true, familiar, native = [], [], [], []
    for fold in folds:
        p = draft.probability(fold.cosine, fold.hubness, fold.background)
        best.append(p.max(axis=1))
        true.append(np.diagonal(p))
        familiar.append(fold.background.familiar)
        if fold.background.native is not None:
            native.append(fold.background.native)
    sizes = [len(fold.cosine) for fold in folds]
    return Calibration(
        weights,
        intercept,
        float(np.quantile(np.concatenate(best), FALSE_REJECTION_RATE)),
        float(np.quantile(np.concatenate(familiar), OUT_OF_DISTRIBUTION_QUANTILE)),
        np.sort(np.concatenate(true).astype(np.float64)),
        round(float(np.mean(sizes))),
        sum(sizes),
        _errors(folds, others, (weights, intercept), csls_strength),
        _least(native, most_native) if len(native) == len(folds) else None,
        depth=partner_depth(folds, csls_strength),
    )


def partner_depth(folds: Sequence[HeldOut], csls_strength: float = 1.0) -> float:
    """Mean place, from 1, of the partners of queries by score; of equal scores the mean place."""
    places = []
    for fold in folds:
        score = 2 * fold.cosine - csls_strength * fold.hubness
        own = np.diagonal(score)[:, None]
        above, same = (score > own).sum(axis=1), (score == own).sum(axis=1)
        places.append(1 + above + (same - 1) / 2)
    return round(float(np.mean(np.concatenate(places))), 2)


def _least(native: Sequence[F32], most: float) -> float:
    return min(float(np.quantile(np.concatenate(native), OUT_OF_DISTRIBUTION_QUANTILE)), most)


def shown_hits(
    probability: F32, relevant: NDArray[np.bool_] | None = None, *, shown: int = SHOWN
) -> tuple[F32, F32]:
    """Probability and truth of the best hits of each query.

    Args:
        probability: ``(q, n)``.
        relevant: ``(q, n)``; default: row ``i`` is column ``i``'s.
        shown: Hits a query.

    Returns:
        Two arrays ``(n · shown,)``.
    """
    order = np.argsort(-probability, axis=1, kind="stable")[:, :shown]
    truth = order == np.arange(len(probability))[:, None]
    if relevant is not None:
        truth = np.take_along_axis(relevant, order, axis=1)
    return np.take_along_axis(probability, order, axis=1).ravel(), truth.ravel()


def _errors(
    folds: Sequence[HeldOut], others: Sequence[HeldOut], near: tuple[F64, float], strength: float
) -> dict[str, float]:
    """ECE of what people see, each fold by a regression on the others."""
    numbers = [place if fold.fold is None else fold.fold for place, fold in enumerate(folds)]
    drafts: dict[int, Calibration] = {}
    for number in dict.fromkeys(numbers):
        known = [f for f, own in zip(folds, numbers, strict=True) if own != number]
        rest = [*known, *(o for o in others if o.fold != number)]
        weights, intercept = _logistic(rest, strength, near)
        drafts[number] = Calibration(weights, intercept, 0.0, -1.0, np.zeros(0), 0, 0)
    said: dict[str, list[F32]] = {"before": [], "after": []}
    truth: dict[str, list[F32]] = {"before": [], "after": []}
    for number, fold in zip(numbers, folds, strict=True):
        after = drafts[number].probability(fold.cosine, fold.hubness, fold.background)
        for name, p in (("before", np.clip(fold.cosine, 0, 1)), ("after", after)):
            shown, true = shown_hits(p, fold.truth)
            said[name].append(shown)
            truth[name].append(true)
    return {
        name: round(
            expected_calibration_error(np.concatenate(said[name]), np.concatenate(truth[name])), 4
        )
        for name in said
    }


def _logistic(
    folds: Sequence[HeldOut], strength: float, near: tuple[F64, float] | None = None
) -> tuple[F64, float]:
    """Weights and intercept that tell what is relevant from the rest by a calibration's inputs."""
    broad = all(fold.background.breadth is not None for fold in folds)
    count = INPUTS + BROAD_INPUTS if broad else INPUTS
    parts = [_rows(fold, count, strength, best=BEST if broad else None) for fold in folds]
    kinds = [fold.kind for fold in folds]
    totals = dict.fromkeys(kinds, 0)
    for fold in folds:
        totals[fold.kind] += len(fold.cosine)
    share = len(totals) / sum(totals.values())
    weights = [
        np.full(len(truth), 1 / (share * totals[kind]))
        for kind, (_, truth) in zip(kinds, parts, strict=True)
    ]
    inputs, truth = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    broadest = inputs[:, INPUTS].max() if broad else 0.0
    found = (np.zeros(count), 0.0)
    for tied in _ties(count, strength, broadest):
        start = None if near is None else (np.linalg.pinv(tied) @ near[0], near[1])
        slopes, intercept = fit_logistic(
            inputs @ tied, truth, penalty=_PENALTY, weights=np.concatenate(weights), near=start
        )
        found = tied @ slopes, intercept
        if _least_slope(found[0], broadest) >= 0:
            break
    return found


def _ties(count: int, strength: float, broadest: float) -> list[F64]:
    """Maps ``(count, k)`` from weights of tied inputs to those of a calibration.

    Free weights of its margins over the query's background and over the item's would let a
    probability fall where the score rises; tied ones add up to the score and to what only the
    query decides. Where even the tied ones fall, the next map is taken: with the second the score
    says nothing to the broadest queries, with the last to none.
    """
    first = np.zeros((INPUTS + BROAD_INPUTS, 6))
    first[1:3, 0] = first[5:7, 4] = 2 - strength, strength
    first[:2, 1] = 1, -1
    first[(3, 4, 7), (2, 3, 5)] = 1
    if count == INPUTS:
        return [first[:INPUTS, :3], first[:INPUTS, 1:3]]
    second = np.delete(first, 4, axis=1)
    second[5:7, 0] = -first[1:3, 0] / max(broadest, 1e-9)
    return [first, second, second[:, 1:]]


def _least_slope(weights: F64, broadest: float) -> float:
    """The lowest rise of the log-odds with a score among narrow and broad queries."""
    narrow = weights[:3].sum()
    return float(min(narrow, narrow + broadest * weights[5:7].sum())) + 1e-9


def _rows(fold: HeldOut, count: int, strength: float, *, best: int | None) -> tuple[F64, F64]:
    """Inputs ``(m, count)`` and truth ``(m,)`` of the best hits of each query, or of all."""
    x = calibration_inputs(fold.cosine, fold.hubness, fold.background)[..., :count]
    truth = fold.truth
    if best is not None and best < truth.shape[1]:
        score = 2 * fold.cosine - strength * fold.hubness
        order = np.argsort(-score, axis=1, kind="stable")[:, :best]
        x = np.take_along_axis(x, order[..., None], axis=1)
        truth = np.take_along_axis(truth, order, axis=1)
    return x.reshape(-1, count), truth.ravel().astype(np.float64)
