"""Learning, on held-out pairs, what scores mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F32, F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.view import Direction
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.selection.folds import bank
from isthmus.selection.logistic import fit_logistic
from isthmus.selection.measure import Transforms, direct_pairs
from isthmus.space.calibration import (
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
_PENALTY = 1e-3
"""Of squared weights, so that they stay finite where a line parts the classes. Not tuned."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one fold: row ``i`` belongs to column ``i``.

    Attributes:
        cosine: ``(n, n)``.
        hubness: ``(n,)`` of the items.
        background: Of the queries.
    """

    cosine: F32
    hubness: F32
    background: Background


def held_out(
    aligner: Transforms,
    train: PairedVectors,
    held: PairedVectors,
    a: str,
    b: str,
    native: F32 | None = None,
) -> HeldOut:
    """What a search from ``a`` to ``b`` sees of held-out rows that have both.

    Args:
        aligner: Fitted on ``train``.
        train: Rows that it has seen.
        held: Rows that it has not.
        a: View of the queries.
        b: View of the items.
        native: Native bank of the queries; default: that of ``train``.
    """
    x, y = held.pair(a, b)
    queries, items = aligner.transform(x, a), aligner.transform(y, b)
    own, other = (aligner.transform(bank(train, m), m) for m in (a, b))
    known = native_bank(train, a) if native is None else native
    return HeldOut(
        queries @ items.T,
        nearness(items, own),
        Background(nearness(queries, other), nearness(queries, own), native_nearness(x, known)),
    )


def native_bank(pairs: PairedVectors, view: str) -> F32:
    """Native training vectors of unit length, ``(b, dim)``, among which queries are familiar."""
    return np.asarray(l2_normalize(bank(pairs, view, limit=MAX_NATIVE)), dtype=np.float32)


def calibrate(
    folds: Sequence[tuple[Transforms, PairedVectors, PairedVectors]],
    familiar: Mapping[str, Familiar] | None = None,
) -> dict[Direction, Calibration]:
    """Calibrations of every direction that has enough held-out pairs.

    Args:
        folds: An aligner, the rows it was fitted on, and rows it has not seen.
        familiar: What is known of native vectors by view; else the rows themselves say it.

    Returns:
        By direction.
    """
    found: dict[Direction, Calibration] = {}
    names = dict.fromkeys(pair for _, train, _ in folds for pair in direct_pairs(train))
    for a, b in [each for pair in names for each in (pair, pair[::-1])]:
        known = (familiar or {}).get(a)
        seen = [
            held_out(aligner, train, held, a, b, None if known is None else known.bank)
            for aligner, train, held in folds
            if len(held.rows(a, b)) > SHOWN
        ]
        if sum(len(each.cosine) for each in seen) >= MIN_PAIRS and len(seen) > 1:
            least = math.inf if known is None else known.least
            found[Direction(a, b)] = fit_calibration(seen, most_native=least)
    return found


def fit_calibration(folds: Sequence[HeldOut], *, most_native: float = math.inf) -> Calibration:
    """Learn a calibration from held-out scores, and measure it on folds left out in turn.

    Args:
        folds: What was left out of the aligners.
        most_native: ``least_native`` is no higher: captions alone do not say what else people ask.
    """
    weights, intercept = _logistic(folds)
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
        _errors(folds),
        _least(native, most_native) if len(native) == len(folds) else None,
    )


def _least(native: Sequence[F32], most: float) -> float:
    return min(float(np.quantile(np.concatenate(native), OUT_OF_DISTRIBUTION_QUANTILE)), most)


def shown_hits(probability: F32, *, shown: int = SHOWN) -> tuple[F32, F32]:
    """Probability and truth of the best hits of each query, where row ``i`` is column ``i``'s.

    Args:
        probability: ``(n, n)``.
        shown: Hits a query.

    Returns:
        Two arrays ``(n · shown,)``.
    """
    order = np.argsort(-probability, axis=1, kind="stable")[:, :shown]
    truth = order == np.arange(len(probability))[:, None]
    return np.take_along_axis(probability, order, axis=1).ravel(), truth.ravel()


def _errors(folds: Sequence[HeldOut]) -> dict[str, float]:
    """ECE of what people see, each fold by a regression on the others."""
    said: dict[str, list[F32]] = {"before": [], "after": []}
    truth: dict[str, list[F32]] = {"before": [], "after": []}
    for place, fold in enumerate(folds):
        weights, intercept = _logistic([f for i, f in enumerate(folds) if i != place])
        draft = Calibration(weights, intercept, 0.0, -1.0, np.zeros(0), 0, 0)
        after = draft.probability(fold.cosine, fold.hubness, fold.background)
        for name, p in (("before", np.clip(fold.cosine, 0, 1)), ("after", after)):
            shown, true = shown_hits(p)
            said[name].append(shown)
            truth[name].append(true)
    return {
        name: round(
            expected_calibration_error(np.concatenate(said[name]), np.concatenate(truth[name])), 4
        )
        for name in said
    }


def _logistic(folds: Sequence[HeldOut]) -> tuple[F64, float]:
    """Weights and intercept that tell partners from the rest by the inputs of a calibration."""
    x = np.concatenate(
        [calibration_inputs(f.cosine, f.hubness, f.background).reshape(-1, INPUTS) for f in folds]
    )
    y = np.concatenate([np.eye(len(f.cosine)).ravel() for f in folds])
    return fit_logistic(x, y, penalty=_PENALTY)
