"""Late fusion: one linear predictor a view, their scores joined."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.heldout import Held
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.likelihood import Calibrated, calibrate
from isthmus.fusion.closed.patterns import Pattern, Views, patterns_of
from isthmus.fusion.closed.tuned import Tuned
from isthmus.fusion.closed.views import GRID, ClosedFusion
from isthmus.fusion.target import Target

_FEWEST = 8
"""Held-out records that must have certain views for these to get weights of their own."""


class LateFusion(ClosedFusion):
    """One linear predictor a view; subclasses say how much each counts.

    Scores are the prior plus a weighted sum of what each view adds to it. Weights are learned from
    rows that are held out of the predictors, for each set of views that a record may have. So a
    record that lacks a view is answered by the predictor of those that it has.
    """

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        joined, held = self._of_rows(rows, target, memo)
        parts = self._tuned(joined, held, memo)
        patterns = {(): Pattern(joined.prior, {})}
        for chosen in patterns_of(rows, tuple(parts)):
            patterns[chosen] = self._pattern_of(joined, held, chosen, parts)
        sides = {view: part.block.sides[view] for view, part in parts.items()}
        self._learned(
            {view: side.mean for view, side in sides.items()},
            {view: [side.weight(parts[view].inner.weight)] for view, side in sides.items()},
            patterns,
        )

    def _pattern_of(
        self, joined: Joined, held: Held, views: Views, parts: dict[str, Tuned]
    ) -> Pattern:
        there, chosen = held.there(views), [parts[view] for view in views]
        if len(views) == 1:
            joint = chosen[0].fitted
        elif there.sum() < _FEWEST:
            slopes = np.array([part.slope for part in chosen])
            joint = Calibrated(slopes / len(views), np.zeros(joined.width), 0.0)
        else:
            outside = [part.held[there] for part in chosen]
            joint = self._join(chosen, outside, held.truth.take(there), joined.prior)
        biases = np.stack([part.inner.bias for part in chosen])
        terms = {v: (0, float(w)) for v, w in zip(views, joint.weights, strict=True)}
        return Pattern(joined.prior + joint.offset + joint.weights @ biases, terms)

    @abstractmethod
    def _join(
        self, parts: Sequence[Tuned], held: Sequence[F64], truth: Target, prior: F64
    ) -> Calibrated:
        """Weights ``(v,)`` of the views' scores, and an offset.

        Args:
            parts: Predictors of the views.
            held: Their scores ``(h, width)`` of rows that have all of the views.
            truth: Of these rows.
            prior: ``(width,)``.
        """


class Late(LateFusion):
    """The mean of the views' calibrated log-probabilities; one factor makes it probable again."""

    name = "late"
    search = Search(place=10, grid=GRID)

    def _join(
        self, parts: Sequence[Tuned], held: Sequence[F64], truth: Target, prior: F64
    ) -> Calibrated:
        slopes = np.array([part.slope for part in parts])
        return _rescaled(slopes / len(parts), held, truth, prior)


class Weighted(LateFusion):
    """The mean of the views' calibrated log-probabilities, each weighted by its own held-out gain.

    The gain is what the likelihood of held-out rows exceeds that of the prior by.
    """

    name = "weighted"
    search = Search(place=30, grid=GRID)

    def _join(
        self, parts: Sequence[Tuned], held: Sequence[F64], truth: Target, prior: F64
    ) -> Calibrated:
        gains = np.array([part.gain for part in parts])
        if not gains.any():
            gains = np.ones(len(parts))
        slopes = np.array([part.slope for part in parts])
        return _rescaled(slopes * gains / gains.sum(), held, truth, prior)


class Stacked(LateFusion):
    """The sum of the views' scores under the weights that make held-out rows most probable.

    No weight is negative (Breiman, "Stacked Regressions", 1996).
    """

    name = "stacked"
    search = Search(place=20, grid=GRID)

    def _join(
        self, parts: Sequence[Tuned], held: Sequence[F64], truth: Target, prior: F64
    ) -> Calibrated:
        return calibrate(held, truth, prior)


class Product(LateFusion):
    """The product of what each view says, as if views were independent given the target.

    The sum of the views' calibrated log-probabilities less ``v − 1`` times the log prior; of
    numbers, means weighted by their precision in excess of the prior's (Hinton, "Training Products
    of Experts", 2002).
    """

    name = "product"
    search = Search(place=40, grid=GRID)

    def _join(
        self, parts: Sequence[Tuned], held: Sequence[F64], truth: Target, prior: F64
    ) -> Calibrated:
        slopes = np.array([part.slope for part in parts])
        offset: F64 = np.sum([part.fitted.offset for part in parts], axis=0)
        if truth.kind != "number":
            return Calibrated(slopes, offset, 0.0)
        spread = float(np.mean((truth.matrix - prior) ** 2))
        errors = [
            float(np.mean((truth.matrix - prior - slope * part) ** 2))
            for slope, part in zip(slopes, held, strict=True)
        ]
        # Precisions in units of the prior's, at least its own.
        precise = np.array([max(spread / max(error, 1e-9 * spread), 1.0) for error in errors])
        total = max(float(precise.sum()) - len(parts) + 1, 1.0)
        return Calibrated(slopes * precise / total, np.zeros_like(prior), 0.0)


def _rescaled(weights: F64, held: Sequence[F64], truth: Target, prior: F64) -> Calibrated:
    """Weights times the one factor, and the offset, that make held-out rows most probable."""
    total: F64 = np.tensordot(weights, np.stack(held), 1)
    fitted = calibrate([total], truth, prior)
    return Calibrated(weights * fitted.weights[0], fitted.offset, fitted.loss)
