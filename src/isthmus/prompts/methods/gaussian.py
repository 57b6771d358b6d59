"""Gaussian discriminant analysis from sums."""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments
from isthmus.prompts.methods.base import Params
from isthmus.prompts.methods.plain import linear
from isthmus.prompts.support import Scorer, Support

_ITEM, _CLASS = "item", "class"


def class_moments(support: Support) -> Moments:
    """Sums of shots, of their products and of each class: all that the method needs, and they add."""
    return Moments.of(PairedVectors({_ITEM: support.items, _CLASS: support.onehot}))


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
    grid: tuple[Params, ...] = tuple({"weight": a} for a in (0.01, 0.03, 0.1, 0.3))
    prior: Params = {"weight": 0.1}
    transductive = False

    def work(self, support: Support) -> float:
        """Products of the shots, and one solution."""
        n, d = support.items.shape
        return float(n * d * d + d**3)

    def fit(self, support: Support, params: Params) -> Scorer:
        """From the moments of the shots."""
        counts, means, covariance = within(class_moments(support))
        means = np.where(counts[:, None] > 0, means, support.means)
        total = max(counts.sum() - 1, 1.0)
        shrunk = covariance + (np.trace(covariance) / total + 1e-9) * np.eye(len(covariance))
        weights = np.linalg.solve(shrunk, means.T).T
        bias = -0.5 * np.einsum("kd,kd->k", weights, means)
        mixed = support.scale * support.prototypes + params["weight"] * weights
        return linear(mixed, 1.0, params["weight"] * bias)
