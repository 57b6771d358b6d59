"""Late fusion: one linear predictor a view, their scores joined."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.evidence import Evidence
from isthmus.fusion.closed.likelihood import Calibrated
from isthmus.fusion.closed.patterns import Pattern, Views, patterns_of
from isthmus.fusion.closed.tuned import Bench, Tuned
from isthmus.fusion.closed.views import GRID, ClosedFusion


class LateFusion(ClosedFusion):
    """One linear predictor a view; subclasses say how much each counts.

    Scores are the prior plus a weighted sum of what each view adds to it. Weights are learned from
    rows that are held out of the predictors, for each set of views that a record may have. So a
    record that lacks a view is answered by the predictor of those that it has.
    """

    def _fit_bench(self, bench: Bench, memo: Memo, rows: PairedVectors | None) -> None:
        parts = self._tuned(bench, memo)
        patterns: dict[Views, Pattern] = {(): Pattern(bench.joined.prior, {})}
        for views in patterns_of(rows, tuple(parts)):
            patterns[views] = self._pattern_of(bench, views, [parts[view] for view in views])
        sides = {view: part.block.sides[view] for view, part in parts.items()}
        self._learned(
            {view: side.mean for view, side in sides.items()},
            {view: [side.weight(parts[view].inner.weight)] for view, side in sides.items()},
            patterns,
        )

    def _pattern_of(self, bench: Bench, views: Views, parts: Sequence[Tuned]) -> Pattern:
        joined, joint = bench.joined, parts[0].fitted
        if len(views) > 1:
            evidence = bench.evidence(parts)
            joint = _mean(parts) if evidence is None else self._join(parts, evidence)
        biases = np.stack([part.inner.bias for part in parts])
        terms = {v: (0, float(w)) for v, w in zip(views, joint.weights, strict=True)}
        return Pattern(joined.prior + joint.offset + joint.weights @ biases, terms)

    @abstractmethod
    def _join(self, parts: Sequence[Tuned], evidence: Evidence) -> Calibrated:
        """Weights ``(v,)`` of the views' scores, and an offset.

        Args:
            parts: Predictors of the views.
            evidence: What is known of them on records that they have not seen.
        """


class Late(LateFusion):
    """The mean of the views' calibrated log-probabilities; one factor makes it probable again."""

    name = "late"
    search = Search(place=10, grid=GRID)

    def _join(self, parts: Sequence[Tuned], evidence: Evidence) -> Calibrated:
        return _rescaled(_mean(parts).weights, evidence)


class Weighted(LateFusion):
    """The mean of the views' calibrated log-probabilities, each weighted by its own held-out gain.

    The gain is what the likelihood of held-out rows exceeds that of the prior by.
    """

    name = "weighted"
    search = Search(place=30, grid=GRID)

    def _join(self, parts: Sequence[Tuned], evidence: Evidence) -> Calibrated:
        gains = np.array([part.gain for part in parts])
        if not gains.any():
            gains = np.ones(len(parts))
        return _rescaled(_slopes(parts) * gains / gains.sum(), evidence)


class Stacked(LateFusion):
    """The sum of the views' scores under the weights that make held-out rows most probable.

    No weight is negative (Breiman, "Stacked Regressions", 1996).
    """

    name = "stacked"
    search = Search(place=20, grid=GRID)

    def _join(self, parts: Sequence[Tuned], evidence: Evidence) -> Calibrated:
        return evidence.best(np.eye(len(parts)))


class Product(LateFusion):
    """The product of what each view says, as if views were independent given the target.

    The sum of the views' calibrated log-probabilities less ``v − 1`` times the log prior; of
    numbers, means weighted by their precision in excess of the prior's (Hinton, "Training Products
    of Experts", 2002).
    """

    name = "product"
    search = Search(place=40, grid=GRID)

    def _join(self, parts: Sequence[Tuned], evidence: Evidence) -> Calibrated:
        offset: F64 = np.sum([part.fitted.offset for part in parts], axis=0)
        if self.target_.kind != "number":
            return Calibrated(_slopes(parts), offset, 0.0)
        # Precisions in units of the prior's, none below its own.
        precisions = np.maximum(1 / np.maximum(evidence.errors, _CERTAIN), 1.0)
        weights = _slopes(parts) * precisions / (precisions.sum() - len(parts) + 1)
        return Calibrated(weights, np.zeros_like(offset), 0.0)


_CERTAIN = 1e-9
"""Share of the variance below which an error is taken for none."""


def _slopes(parts: Sequence[Tuned]) -> F64:
    return np.array([part.slope for part in parts])


def _mean(parts: Sequence[Tuned]) -> Calibrated:
    """The mean of calibrated scores, with the mean offset."""
    offset: F64 = np.mean([part.fitted.offset for part in parts], axis=0)
    return Calibrated(_slopes(parts) / len(parts), offset, 0.0)


def _rescaled(weights: F64, evidence: Evidence) -> Calibrated:
    """Weights times the one factor, and the offset, that are best."""
    fitted = evidence.best(weights[None])
    return Calibrated(weights * fitted.weights[0], fitted.offset, fitted.loss)
