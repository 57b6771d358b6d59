"""Methods of scikit-learn and cca-zoo, as a user of them would run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical

from _peers.lean import CanonicalRidge, Kernel
from _peers.method import Candidates, Heads, Method, upto
from _peers.views import Axes, Scaling
from isthmus.core.linalg import F64, l2_normalize

SCALINGS: tuple[Scaling, ...] = ("rows", "columns")


def cosine(first: Callable[[F64], F64], second: Callable[[F64], F64], k: int) -> Heads:
    """Heads that compare the first ``k`` coordinates by cosine."""
    return Heads(lambda v: l2_normalize(first(v)[:, :k]), lambda v: l2_normalize(second(v)[:, :k]))


def sklearn_cca(x: F64, y: F64, seed: int) -> Candidates:
    """CCA on principal components: it has no penalty and needs more pairs than columns."""
    first, second = Axes(x), Axes(y)

    @cache
    def fit(size: int) -> Any:
        return CCA(n_components=size).fit(first(x, size), second(y, size))

    def heads(size: int, k: int) -> Heads:
        a, b = _sides(fit(size))
        return cosine(lambda v: a(first(v, size)), lambda v: b(second(v, size)), k)

    limit = min(first.rank, second.rank, len(x) // 2)
    return {
        f"pca={most} k={name}": partial(heads, size, k)
        for most, size in upto(limit, (8, 16, 32, 64)).items()
        for name, k in upto(size, (8, 16, 32, 64)).items()
    }


def _sides(model: Any) -> tuple[Callable[[F64], F64], Callable[[F64], F64]]:
    """Both maps of a model of scikit-learn, whose ``transform`` wants both views for one."""

    def second(v: F64) -> F64:
        found: F64 = model.transform(np.zeros((len(v), model.n_features_in_)), v)[1]
        return found

    return model.transform, second


def plssvd(x: F64, y: F64, seed: int) -> Candidates:
    """PLSSVD, of unit rows or of standardised columns."""
    return _pls(PLSSVD, x, y, (8, 16, 32, 64, 128, 256))


def plscanonical(x: F64, y: F64, seed: int) -> Candidates:
    """PLSCanonical, of unit rows or of standardised columns."""
    return _pls(PLSCanonical, x, y, (8, 16, 32, 64))


def _pls(kind: Any, x: F64, y: F64, sizes: Sequence[int]) -> Candidates:
    """Scaling is done before the turn of the axes, to which PLS is indifferent."""
    limit = min(len(x) - 1, x.shape[1], y.shape[1])

    @cache
    def fit(scaling: Scaling) -> tuple[Axes, Axes, Any]:
        first, second = Axes(x, scaling), Axes(y, scaling)
        most = min(max(sizes), first.rank, second.rank)
        return first, second, kind(n_components=most, scale=False).fit(first(x), second(y))

    def heads(scaling: Scaling, k: int) -> Heads:
        first, second, model = fit(scaling)
        a, b = _sides(model)
        return cosine(lambda v: a(first(v)), lambda v: b(second(v)), k)

    return {
        f"{scaling} k={name}": partial(heads, scaling, k)
        for scaling in SCALINGS
        for name, k in upto(limit, sizes).items()
    }


def cca_zoo_ridge(x: F64, y: F64, seed: int) -> Candidates:
    """Canonical ridge of cca-zoo; views scaled so that its shrinkage has its full range."""

    @cache
    def axes(scaling: Scaling) -> tuple[Axes, Axes]:
        return Axes(x, scaling), Axes(y, scaling)

    @cache
    def fit(scaling: Scaling, shrinkage: float) -> CanonicalRidge:
        first, second = axes(scaling)
        model = CanonicalRidge(n_components=min(first.rank, second.rank), shrinkage=shrinkage)
        return model.fit([first(x), second(y)])

    def heads(scaling: Scaling, shrinkage: float, k: int) -> Heads:
        first, second = axes(scaling)
        model = fit(scaling, shrinkage)
        means, weights = model.means_, model.weights_
        return cosine(
            lambda v: (first(v) - means[0]) @ weights[0][:, :k],
            lambda v: (second(v) - means[1]) @ weights[1][:, :k],
            k,
        )

    limit = min(len(x) - 1, x.shape[1], y.shape[1])
    scalings: tuple[Scaling, ...] = ("whole", "columns")
    return {
        f"{scaling} c={shrinkage} k={name}": partial(heads, scaling, shrinkage, k)
        for scaling in scalings
        for shrinkage in (0.2, 0.4, 0.6, 0.8, 0.9, 0.97)
        for name, k in upto(limit, (8, 16, 32, 64, 128, 512)).items()
    }


def cca_zoo_kernel(x: F64, y: F64, seed: int) -> Candidates:
    """Kernel CCA of cca-zoo with an RBF kernel on unit rows."""
    a, b = l2_normalize(x), l2_normalize(y)
    limit = min(distinct(a, b) - 2, 256)

    @cache
    def fit(factor: float, shrinkage: float) -> Kernel:
        gamma = [factor * inverse_spread(v) for v in (a, b)]
        model = Kernel(n_components=limit, kernel="rbf", gamma=gamma, shrinkage=shrinkage)
        return model.fit([a, b])

    def head(view: int, model: Kernel, v: F64) -> F64:
        both = [np.zeros((len(v), a.shape[1])), np.zeros((len(v), b.shape[1]))]
        both[view] = l2_normalize(v)
        found: F64 = model.transform(both)[view]
        return found

    def heads(factor: float, shrinkage: float, k: int) -> Heads:
        model = fit(factor, shrinkage)
        return cosine(partial(head, 0, model), partial(head, 1, model), k)

    return {
        f"γ={factor}/2σ² c={shrinkage} k={name}": partial(heads, factor, shrinkage, k)
        for factor in (0.5, 1.0, 2.0, 4.0)
        for shrinkage in (0.01, 0.1)
        for name, k in upto(limit, (8, 32, 128, 256)).items()
    }


def distinct(*views: F64) -> int:
    """Distinct rows, which bound the rank of a kernel."""
    return min(len(np.unique(view, axis=0)) for view in views)


def inverse_spread(x: F64) -> float:
    """``1/2σ²``, with σ² the mean squared distance of rows from their mean."""
    return 1.0 / (2 * max(float(x.var(axis=0).sum()), 1e-9))


METHODS: Sequence[Method] = (
    Method("scikit-learn CCA", sklearn_cca, folds=2),
    Method("scikit-learn PLSSVD", plssvd),
    Method("scikit-learn PLSCanonical", plscanonical, folds=2),
    Method("cca-zoo rCCA", cca_zoo_ridge, folds=3),
    Method("cca-zoo KCCA", cca_zoo_kernel, folds=2, choose_on=600),
)
