"""Published methods without a package of their own, from their formulas, and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge

from _peers.lean import CanonicalRidge
from _peers.method import Candidates, Heads, Method, upto
from _peers.views import Axes
from isthmus.core.linalg import F64, l2_normalize

ASIF_K, ASIF_POWER = 800, 8
"""As published, for a collection of 1.6 million pairs."""


def csa(x: F64, y: F64, seed: int) -> Candidates:
    """CSA as published: unregularised CCA and a correlation-weighted cosine.

    Both views are centred; CCA without regularisation needs more pairs than dimensions,
    which its code asserts. Where there are fewer, or few more, the views are first reduced
    to principal components. The dimension of these and of the similarity are chosen. Li,
    Chinchali & Topcu, ICLR 2025.
    """
    first, second = Axes(x), Axes(y)
    limit = min(first.rank, second.rank, len(x) // 2)

    @cache
    def fit(size: int) -> CanonicalRidge:
        return CanonicalRidge(n_components=size).fit([first(x, size), second(y, size)])

    def heads(size: int, dim: int) -> Heads:
        inner = csa_heads(fit(size), first(x, size), second(y, size), dim)
        return Heads(lambda v: inner.first(first(v, size)), lambda v: inner.second(second(v, size)))

    return {
        f"pca={most} dim={name}": partial(heads, size, dim)
        for most, size in upto(limit, (8, 16, 32, 64, 128, 256, 512)).items()
        for name, dim in upto(size, (8, 16, 32, 64, 128, 256, 512)).items()
    }


def csa_ridge(x: F64, y: F64, seed: int) -> Candidates:
    """The similarity of CSA on regularised CCA: what its authors might do with few pairs."""
    first, second = Axes(x, "whole"), Axes(y, "whole")
    limit = min(first.rank, second.rank)

    @cache
    def fit(shrinkage: float) -> CanonicalRidge:
        return CanonicalRidge(n_components=limit, shrinkage=shrinkage).fit([first(x), second(y)])

    def heads(shrinkage: float, dim: int) -> Heads:
        inner = csa_heads(fit(shrinkage), first(x), second(y), dim)
        return Heads(lambda v: inner.first(first(v)), lambda v: inner.second(second(v)))

    return {
        f"c={shrinkage} dim={name}": partial(heads, shrinkage, dim)
        for shrinkage in (0.3, 0.5, 0.75, 0.9, 0.97)
        for name, dim in upto(limit, (8, 16, 32, 64, 128, 512)).items()
    }


def csa_heads(model: CanonicalRidge, x: F64, y: F64, dim: int) -> Heads:
    """Heads whose product of rows is the similarity of CSA, ``Σ ρᵢaᵢbᵢ / (|a||b|)``.

    ``a`` and ``b`` are the first ``dim`` canonical variates and ``ρᵢ`` their correlation on
    the training pairs, ``Σ aᵢbᵢ / n``. The weights come after the normalisation, so that
    the vectors do not have unit length.

    Args:
        model: CCA fitted on the training pairs; shrinkage 0 as published.
        x: ``(n, d)`` first view.
        y: ``(n, e)`` second view.
        dim: Variates kept.
    """
    means, weights = model.means_, [w[:, :dim] for w in model.weights_]
    a, b = (x - means[0]) @ weights[0], (y - means[1]) @ weights[1]
    root = np.sqrt(np.clip((a * b).mean(axis=0), 0, None))
    return Heads(
        lambda v: l2_normalize((v - means[0]) @ weights[0]) * root,
        lambda v: l2_normalize((v - means[1]) @ weights[1]) * root,
    )


def asif_heads(x: F64, y: F64, k: int, power: float) -> Heads:
    """ASIF: cosines with the training rows, the largest ``k`` of them, to a power.

    Not centred. ``r(x) = l2(top-k(max(0, x·anchorsᵀ))^power)``. Norelli et al., NeurIPS 2023.
    """

    def head(known: F64, v: F64) -> F64:
        cosine = l2_normalize(v) @ known.T
        edge = np.partition(cosine, -k, axis=1)[:, -k][:, None]
        return l2_normalize(np.where(cosine >= edge, np.maximum(cosine, 0), 0) ** power)

    return Heads(partial(head, l2_normalize(x)), partial(head, l2_normalize(y)))


def asif_published(x: F64, y: F64, seed: int) -> Candidates:
    """ASIF with k = 800 and p = 8 as published; k at most a quarter of the pairs."""
    k = max(1, min(ASIF_K, len(x) // 4))
    return {f"k={k} p={ASIF_POWER}": partial(asif_heads, x, y, k, ASIF_POWER)}


def asif(x: F64, y: F64, seed: int) -> Candidates:
    """ASIF with k and p chosen; k as a share of the pairs, since folds have fewer."""
    return {
        f"k={share:g}n p={power}": partial(asif_heads, x, y, max(1, round(share * len(x))), power)
        for share in (0.02, 0.05, 0.1, 0.2, 0.4)
        for power in (1, 2, 4, 8, 16)
    }


def ridge(x: F64, y: F64, seed: int) -> Candidates:
    """Ridge regression of one view on the other, compared by cosine; direction chosen."""
    axes = Axes(x), Axes(y)
    views = axes[0](x), axes[1](y)

    def heads(strength: float, source: int) -> Heads:
        alpha = strength * float(np.square(views[source]).sum()) / (x, y)[source].shape[1]
        model = Ridge(alpha=alpha).fit(views[source], views[1 - source])
        predicted = lambda v: l2_normalize(model.predict(axes[source](v)))  # noqa: E731
        itself = lambda v: l2_normalize(axes[1 - source](v))  # noqa: E731
        return Heads(itself, predicted) if source else Heads(predicted, itself)

    return {
        f"λ={strength:g} from view {source + 1}": partial(heads, strength, source)
        for strength in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
        for source in (0, 1)
    }


def procrustes(x: F64, y: F64, seed: int) -> Candidates:
    """Orthogonal Procrustes on leading principal components of unit rows."""
    first, second = Axes(x), Axes(y)

    def heads(size: int) -> Heads:
        turn, _ = orthogonal_procrustes(first(x, size), second(y, size))
        return Heads(
            lambda v: l2_normalize(first(v, size) @ turn), lambda v: l2_normalize(second(v, size))
        )

    limit = min(first.rank, second.rank)
    sizes = upto(limit, (8, 16, 32, 64, 128, 256, 512))
    return {f"pca={name}": partial(heads, size) for name, size in sizes.items()}


METHODS: Sequence[Method] = (
    Method("csa", csa),
    Method("csa ridge", csa_ridge),
    Method("asif published", asif_published),
    Method("asif", asif, choose_on=1000),
    Method("ridge", ridge),
    Method("procrustes", procrustes),
)
