"""Scores that mean something: the probability that a hit matches, learned on held-out pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import Aligner
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, l2_normalize, top_k_mean
from isthmus.core.types import PairedVectors
from isthmus.metrics.calibration import expected_calibration_error
from isthmus.space.folds import bank
from isthmus.space.measure import direct_pairs
from isthmus.space.readout import NEIGHBOURS
from isthmus.space.starter import Familiar

MIN_PAIRS = 40
"""Held-out pairs below which a direction stays uncalibrated."""
SHOWN = 10
"""Hits of each query on which the calibration error is measured: those that people see."""
MAX_NATIVE = 1000
"""Rows of a native bank."""
STRANGE = 0.08
"""Share of held-out queries that may be taken for strange to the space."""
FAINT = 0.04
"""Share of held-out queries whose best hit may be taken for too faint to be a match."""
CROWDED = 0.5
"""Exponent of the number of items in the odds of a match; 1 if all were alike, 0 if none were.
Among 5,000 items it cuts the calibration error to a third (``benchmarks/calibration.py``)."""
_INPUTS = 4
_PENALTY = 1e-3


@dataclass(frozen=True, slots=True)
class Background:
    """What a query is like before anything is looked at; ``(q,)`` each.

    Attributes:
        nearest: Mean cosine to its nearest in the bank of the items' modality.
        familiar: Mean cosine to its nearest in the bank of its own modality.
        native: The same of native vectors, where they are known. It tells nonsense from
            questions far better: heads look for what modalities share, and nonsense is odd in
            what they do not.
    """

    nearest: F32
    familiar: F32
    native: F32 | None = None


@dataclass(frozen=True, eq=False)
class Calibration:
    """From what a search knows of a query and a hit to the probability that they match.

    A logistic regression on the cosine, its margin over the query's background, its margin over
    the item's background, and how familiar the query is. It is pointwise: ten pictures that
    match equally well do not share one probability. What it says holds for a choice among
    ``gallery`` items of which one belongs. Among more, chance finds better-looking strangers, so
    where the number is told the odds are divided by the square root of how many times more: the
    whole factor would be right if all were as alike as held-out records are.

    Attributes:
        weights: ``(4,)`` of the inputs.
        intercept: Of the regression.
        threshold: Probability below which the best hit is no match.
        least_familiar: Queries less familiar than this are strange to the space, if nothing is
            known of their native vectors.
        least_native: Queries whose native vectors are less familiar than this are; None where
            the space has no native bank.
        true_probabilities: Of held-out true pairs, ascending; what conformal sets are cut by.
        gallery: Among how many items a partner was looked for.
        pairs: How many held-out pairs it was learned from.
        ece: Calibration error on folds it was not learned from: ``before`` of cosines taken for
            probabilities, ``after`` of the regression.
    """

    weights: F64
    intercept: float
    threshold: float
    least_familiar: float
    true_probabilities: F64
    gallery: int
    pairs: int
    ece: Mapping[str, float] = field(default_factory=dict)
    least_native: float | None = None

    def probability(
        self, cosine: F32, hubness: F32, background: Background, size: int | None = None
    ) -> F32:
        """P(match) of hits.

        Args:
            cosine: ``(n,)`` to the query, or ``(q, n)`` to several.
            hubness: ``(n,)``, mean cosine of each item to its nearest in the bank of the
                query's modality.
            background: Of the query or queries.
            size: Among how many items; None for as many as in calibration.

        Returns:
            As ``cosine``, float32 in 0…1.
        """
        single = cosine.ndim == 1
        inputs = _inputs(np.atleast_2d(cosine), hubness, background)
        logits = inputs @ self.weights + self.intercept + self._shift(size)
        out = np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), dtype=np.float32)
        return out[0] if single else out

    def strange(self, background: Background) -> bool:
        """Whether a query is unlike anything the space was made from."""
        return bool(self.all_strange(background)[0])

    def all_strange(self, background: Background) -> NDArray[np.bool_]:
        """The same of several queries, ``(q,)``."""
        if self.least_native is None or background.native is None:
            return np.asarray(background.familiar < self.least_familiar)
        return np.asarray(background.native < self.least_native)

    def least(self, size: int | None = None) -> float:
        """:attr:`threshold` as it is among ``size`` items."""
        return self._sized(self.threshold, size)

    def matches(self, probabilities: F32, background: Background, size: int | None = None) -> bool:
        """Whether any hit passes for a match; probabilities ``(n,)``, among ``size`` items."""
        if not len(probabilities) or self.strange(background):
            return False
        return bool(probabilities.max() >= self.least(size))

    def conformal(self, coverage: float, size: int | None = None) -> float:
        """The probability from which on items form a set that holds the partner.

        Split conformal prediction (Vovk, Gammerman & Shafer 2005): of sets cut here, at least
        ``coverage`` hold the true partner, if queries are like the held-out ones.

        Args:
            coverage: Such as 0.9.
            size: As for :meth:`probability`.

        Returns:
            The cut; 0, which takes in everything, where the pairs are too few for it.

        Raises:
            InputError: If ``coverage`` is no share.
        """
        if not 0 < coverage < 1:
            raise InputError(f"coverage must lie between 0 and 1, got {coverage}")
        n = len(self.true_probabilities)
        place = int(np.floor((n + 1) * (1 - coverage)))
        return self._sized(float(self.true_probabilities[place - 1]), size) if place > 0 else 0.0

    def _shift(self, size: int | None) -> float:
        """What the number of items adds to the logarithm of the odds."""
        if size is None or self.gallery < 2:
            return 0.0
        return CROWDED * float(np.log((self.gallery - 1) / (max(size, 2) - 1)))

    def _sized(self, probability: float, size: int | None) -> float:
        odds = probability / max(1 - probability, 1e-12) * np.exp(self._shift(size))
        return float(odds / (1 + odds))

    def to_json(self) -> dict[str, Any]:
        """For the document of a space."""
        return {
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
            "threshold": self.threshold,
            "least_familiar": self.least_familiar,
            "true_probabilities": np.round(self.true_probabilities, 6).tolist(),
            "gallery": self.gallery,
            "pairs": self.pairs,
            "ece": dict(self.ece),
            "least_native": self.least_native,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Calibration:
        """What :meth:`to_json` wrote."""
        arrays = {
            name: np.asarray(document[name], dtype=np.float64)
            for name in ("weights", "true_probabilities")
        }
        return cls(**{**document, **arrays})


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
    aligner: Aligner,
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
        a: Modality of the queries.
        b: Modality of the items.
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


def nearness(x: F32, bank_rows: F32) -> F32:
    """``(n,)`` mean cosine of rows to their ten nearest in a bank."""
    return np.asarray(top_k_mean(x @ bank_rows.T, NEIGHBOURS), dtype=np.float32)


def native_bank(pairs: PairedVectors, modality: str) -> F32:
    """Native training vectors of unit length, ``(b, dim)``, among which queries are familiar."""
    return np.asarray(l2_normalize(bank(pairs, modality, limit=MAX_NATIVE)), dtype=np.float32)


def native_nearness(native: F32, bank_rows: F32) -> F32:
    """``(n,)`` mean cosine of native vectors to their ten nearest in a native bank."""
    return nearness(np.asarray(l2_normalize(native), dtype=np.float32), bank_rows)


def calibrate(
    folds: Sequence[tuple[Aligner, PairedVectors, PairedVectors]],
    familiar: Mapping[str, Familiar] | None = None,
) -> dict[str, Calibration]:
    """Calibrations of every direction that has enough held-out pairs.

    Args:
        folds: An aligner, the rows it was fitted on, and rows it has not seen.
        familiar: What is known of native vectors by modality; else the rows themselves say it.

    Returns:
        By direction, ``"text→image"``.
    """
    found: dict[str, Calibration] = {}
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
            found[f"{a}→{b}"] = fit_calibration(seen, most_native=least)
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
        float(np.quantile(np.concatenate(best), FAINT)),
        float(np.quantile(np.concatenate(familiar), STRANGE)),
        np.sort(np.concatenate(true).astype(np.float64)),
        round(float(np.mean(sizes))),
        sum(sizes),
        _errors(folds),
        _least(native, most_native) if len(native) == len(folds) else None,
    )


def _least(native: Sequence[F32], most: float) -> float:
    return min(float(np.quantile(np.concatenate(native), STRANGE)), most)


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


def _inputs(cosine: F32, hubness: F32, background: Background) -> F64:
    """``(q, n, 4)``."""
    out = np.empty((*cosine.shape, _INPUTS))
    out[..., 0] = cosine
    out[..., 1] = cosine - background.nearest[:, None]
    out[..., 2] = cosine - hubness
    out[..., 3] = background.familiar[:, None]
    return out


def _logistic(folds: Sequence[HeldOut]) -> tuple[F64, float]:
    """Penalised logistic regression of truth on the inputs, by Newton's method.

    Inputs are standardised for the penalty's sake; weights are of the inputs as they are.
    """
    x = np.concatenate(
        [_inputs(f.cosine, f.hubness, f.background).reshape(-1, _INPUTS) for f in folds]
    )
    y = np.concatenate([np.eye(len(f.cosine)).ravel() for f in folds])
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    penalty = _PENALTY * y.sum() * np.diag([1.0] * _INPUTS + [0.0])
    beta = np.zeros(_INPUTS + 1)
    beta[-1] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -50, 50)))
        gradient = design.T @ (p - y) + penalty @ beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(beta)), gradient)
        beta -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    weights = beta[:-1] / scale
    return weights, float(beta[-1] - weights @ mean)
