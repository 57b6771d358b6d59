"""Which two encoders to take: the best, or the cheaper one where the lead may be noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.audit.fit import DEALS, EncoderFit, Share, not_clearly_worse
from isthmus.core.linalg import F64


@dataclass(frozen=True)
class Recommendation:
    """The encoders to take for two views.

    Attributes:
        a: First view.
        b: Second view.
        encoder_a: Encoder of the first.
        encoder_b: Encoder of the second.
        fitted: Whether pairs are needed; if not, the model's own space is as good.
        best_a: Encoder of the first view in the combination that found most.
        best_b: That of the second.
        best_fitted: Whether that one was fitted.
        behind: By how much of the mean reciprocal rank it lies behind that.
        equals: Combinations that are not clearly worse than the best, itself included.
        compared: Combinations that were measured.
        record_ms: Milliseconds a record; None where it was not timed.
        best_record_ms: The same of the best.
        chosen: R@k of the choice on pairs that it was not made with: in every fold, that of what
            the other folds would have chosen.
    """

    a: str
    b: str
    encoder_a: str
    encoder_b: str
    fitted: bool
    best_a: str
    best_b: str
    best_fitted: bool
    behind: float
    equals: int
    compared: int
    record_ms: float | None
    best_record_ms: float | None
    chosen: Share

    @property
    def cheaper(self) -> bool:
        """Whether it was taken for its cost."""
        best = (self.best_a, self.best_b, self.best_fitted)
        return (self.encoder_a, self.encoder_b, self.fitted) != best


def recommend(fits: Sequence[EncoderFit], by_fold: Sequence[F64]) -> Recommendation | None:
    """Choose among fits of two views; None where none is better than shuffled pairs.

    Of all that are not clearly worse than the best, the one that costs least is taken. Noise is
    judged by the differences fold by fold, see :func:`isthmus.audit.fit.not_clearly_worse`.

    Args:
        fits: Best first.
        by_fold: MRR and R@k ``(2, f)`` of each, by the same folds.
    """
    usable = [i for i, fit in enumerate(fits) if fit.fits and fit.mrr is not None]
    if not usable:
        return None
    some = [fits[i] for i in usable]
    mrr, recall = (np.stack([by_fold[i][kind] for i in usable]) for kind in (0, 1))
    costs = [fit.record_ms for fit in some]
    winner = _choice(mrr, costs, DEALS)
    best, taken = int(mrr.mean(axis=1).argmax()), some[winner]
    equals = sum(not_clearly_worse(row, mrr[best]) for row in mrr)
    return Recommendation(
        a=taken.a,
        b=taken.b,
        encoder_a=taken.encoder_a,
        encoder_b=taken.encoder_b,
        fitted=taken.fitted,
        best_a=some[best].encoder_a,
        best_b=some[best].encoder_b,
        best_fitted=some[best].fitted,
        behind=float(mrr[best].mean() - mrr[winner].mean()),
        equals=equals,
        compared=len([fit for fit in fits if not fit.reason]),
        record_ms=taken.record_ms,
        best_record_ms=some[best].record_ms,
        chosen=_unseen(mrr, recall, costs),
    )


def _choice(mrr: F64, costs: Sequence[float | None], deals: int) -> int:
    """Row of the cheapest that is not clearly worse than the best; of the best, if none costs."""
    best = int(mrr.mean(axis=1).argmax())
    equal = [i for i, row in enumerate(mrr) if not_clearly_worse(row, mrr[best], deals)]
    timed = [(cost, i) for i in equal if (cost := costs[i]) is not None]
    return min(timed)[1] if timed else best


def _unseen(mrr: F64, recall: F64, costs: Sequence[float | None]) -> Share:
    """R@k in each fold of what the other folds of its deal would have chosen."""
    folds = mrr.shape[1]
    per_deal = max(1, folds // DEALS)
    values = np.zeros(folds)
    for fold in range(folds):
        deal = range(fold // per_deal * per_deal, min(folds, (fold // per_deal + 1) * per_deal))
        others = [i for i in deal if i != fold] or [fold]
        values[fold] = recall[_choice(mrr[:, others], costs, 1), fold]
    return Share.of(values, per_deal)
