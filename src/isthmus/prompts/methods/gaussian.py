"""Gaussian discriminant analysis from sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments
from isthmus.prompts.methods.base import Fold, Params
from isthmus.prompts.methods.plain import linear
from isthmus.prompts.support import Scorer, Support

_ITEM, _CLASS = "item", "class"
_LEAST = 1e-9
"""Ridge where all shots of a class are one and the covariance is nothing."""


def class_moments(support: Support) -> Moments:
    """Sums of shots, of their products and of each class; they add."""
    rows = {_ITEM: support.items, _CLASS: support.onehot}
    return Moments.of(PairedVectors({view: x.astype(np.float32) for view, x in rows.items()}))


def within(moments: Moments) -> tuple[F64, F64, F64]:
    """Counts ``(K,)``, class means ``(K, d)`` and the pooled covariance ``(d, d)`` about them."""
    n = moments.count(_ITEM)
    shares, mean = moments.mean(_CLASS), moments.mean(_ITEM)
    sums = moments.cross(_CLASS, _ITEM) + np.outer(shares, mean)  # over n
    means = sums / np.maximum(shares, 1e-12)[:, None]
    second = moments.covariance(_ITEM) + np.outer(mean, mean)
    return n * shares, means, second - (means * shares[:, None]).T @ means


class GDA:
    """``s·x·t + α(x·Pμ_k − ½μ_kᵀPμ_k)`` with ``P = (Σ + tr(Σ)/(N−1)·I)⁻¹``.

    A class without a shot has its words, moved by the gap, for a mean.
    """

    name = "gda"
    paper = "Wang et al., A hard-to-beat baseline for training-free CLIP adaptation, 2024"
    least_shots = 4
    grid: ClassVar[tuple[Params, ...]] = tuple({"weight": a} for a in (0.01, 0.03, 0.1, 0.3))
    prior: ClassVar[Params] = {"weight": 0.1}
    serves_unseen = False
    transductive = False

    def work(self, support: Support) -> float:
        """One solution serves every weight."""
        d = support.items.shape[1]
        return float(d**3) / 2

    def fit(self, support: Support, params: Params) -> Scorer:
        """From the moments of the shots."""
        return self._scorer(support, *self._solved(support, class_moments(support)), params)

    def left_out(
        self, support: Support, grid: Sequence[Params], folds: Sequence[Fold]
    ) -> list[F64]:
        """The moments of a fold are subtracted, which is as if it had never been seen."""
        whole = class_moments(support)
        said: list[list[F64]] = [[] for _ in grid]
        for fold in folds:
            rest = np.ones(len(support.items), dtype=bool)
            rest[fold] = False
            known = support.take(rest)
            solved = self._solved(known, whole - class_moments(support.take(fold)))
            for place, params in enumerate(grid):
                scorer = self._scorer(known, *solved, params)
                said[place].append(scorer(support.items[fold]))
        return [np.vstack(rows) for rows in said]

    def _solved(self, support: Support, moments: Moments) -> tuple[F64, F64]:
        """Weights ``Pμ_k`` ``(K, d)`` and biases ``−½μ_kᵀPμ_k`` ``(K,)``."""
        counts, means, covariance = within(moments)
        means = np.where(counts[:, None] > 0.5, means, support.means)
        shrink = np.trace(covariance) / max(counts.sum() - 1, 1.0) + _LEAST
        weights = np.linalg.solve(covariance + shrink * np.eye(len(covariance)), means.T).T
        return weights, -0.5 * np.einsum("kd,kd->k", weights, means)

    def _scorer(self, support: Support, weights: F64, bias: F64, params: Params) -> Scorer:
        mixed = support.scale * support.prototypes + params["weight"] * weights
        return linear(mixed, 1.0, params["weight"] * bias)
