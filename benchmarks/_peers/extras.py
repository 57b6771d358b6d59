"""Methods of mvlearn and POT, which ``make peers`` installs, as a user of them would run them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import ot
from mvlearn.compose import SimpleSplitter
from mvlearn.embed import GCCA, KMCCA, MCCA
from sklearn.base import BaseEstimator

from _peers.formulas import procrustes
from _peers.method import Candidates, Heads, Method, upto
from _peers.packages import cosine, distinct, inverse_spread
from _peers.views import Axes
from isthmus.core.linalg import F64, l2_normalize

if not hasattr(SimpleSplitter, "get_params"):  # mvlearn 0.5 is older than scikit-learn's tags
    SimpleSplitter.__sklearn_tags__ = lambda self: BaseEstimator().__sklearn_tags__()


def mvlearn_cca(x: F64, y: F64, seed: int) -> Candidates:
    """Regularised CCA of mvlearn (its MCCA) on leading components, its ``signal_ranks``.

    It adds its penalty to the scatter, which is scaled to a mean eigenvalue of 1.
    """
    first, second = Axes(x, "whole"), Axes(y, "whole")
    root = np.sqrt(len(x))

    @cache
    def fit(rank: int, reg: float) -> MCCA:
        model = MCCA(n_components=rank, signal_ranks=rank, regs=reg)
        return model.fit([first(x) / root, second(y) / root])

    def heads(rank: int, reg: float, k: int) -> Heads:
        model = fit(rank, reg)
        return cosine(
            lambda v: model.transform_view(first(v) / root, 0),
            lambda v: model.transform_view(second(v) / root, 1),
            k,
        )

    return {
        f"rank={most} reg={reg} k={name}": partial(heads, rank, reg, k)
        for most, rank in upto(min(first.rank, second.rank), (64, 256)).items()
        for reg in (0.3, 0.6, 0.9, 0.97)
        for name, k in upto(rank, (8, 16, 64, 256)).items()
    }


def mvlearn_gcca(x: F64, y: F64, seed: int) -> Candidates:
    """GCCA of mvlearn: no penalty, but only leading components of each view."""

    @cache
    def fit(rank: int) -> GCCA:
        return GCCA(n_components=rank).fit([x.copy(), y.copy()])  # it writes into its input

    def head(view: int, model: GCCA, v: F64) -> F64:
        found: F64 = model.transform([v.copy()], view_idx=view)
        return found

    def heads(rank: int, k: int) -> Heads:
        model = fit(rank)
        return cosine(partial(head, 0, model), partial(head, 1, model), k)

    limit = min(len(x), x.shape[1], y.shape[1]) // 2
    return {
        f"rank={most} k={name}": partial(heads, rank, k)
        for most, rank in upto(limit, (8, 16, 32, 64, 128)).items()
        for name, k in upto(rank, (8, 32, 128)).items()
    }


def mvlearn_kernel(x: F64, y: F64, seed: int) -> Candidates:
    """Kernel CCA of mvlearn with an RBF kernel on unit rows."""
    a, b = l2_normalize(x), l2_normalize(y)
    limit = min(distinct(a, b) - 2, 256)

    @cache
    def fit(factor: float, reg: float) -> KMCCA:
        gamma = [{"gamma": factor * inverse_spread(v)} for v in (a, b)]
        model = KMCCA(
            n_components=limit, kernel="rbf", kernel_params=gamma, regs=reg, sval_thresh=1e-6
        )
        return model.fit([a, b])

    def heads(factor: float, reg: float, k: int) -> Heads:
        model = fit(factor, reg)
        return cosine(
            lambda v: model.transform_view(l2_normalize(v), 0),
            lambda v: model.transform_view(l2_normalize(v), 1),
            k,
        )

    return {
        f"γ={factor}/2σ² reg={reg} k={name}": partial(heads, factor, reg, k)
        for factor in (0.5, 1.0, 2.0, 4.0)
        for reg in (0.1, 0.5, 0.9)
        for name, k in upto(limit, (8, 16, 64, 256)).items()
    }


def pot_linear(x: F64, y: F64, seed: int) -> Candidates:
    """Procrustes on the pairs, then the linear map between Gaussians of POT.

    Optimal transport between two modalities needs comparable axes, which the pairs give by
    Procrustes; ``LinearTransport`` then matches means and covariances, without pairs.
    """
    coarse = procrustes(x, y, seed)

    @cache
    def turned(label: str) -> tuple[Heads, F64, F64]:
        heads = coarse[label]()
        return heads, heads.first(x), heads.second(y)

    def heads(label: str, reg: float) -> Heads:
        base, a, b = turned(label)
        model = ot.da.LinearTransport(reg=reg).fit(Xs=a, Xt=b)
        return Heads(lambda v: l2_normalize(model.transform(Xs=base.first(v))), base.second)

    return {
        f"{label} reg={reg:g}": partial(heads, label, reg)
        for label in coarse
        for reg in (1e-3, 1e-2, 1e-1)
    }


def pot_pairs(x: F64, y: F64, seed: int) -> Candidates:
    """Procrustes, then transport of POT along the known pairs.

    The number of the pair is given as the label of both rows, so that the coupling joins
    the pairs; a new row is moved as its nearest training row (Ferradans et al. 2014).
    """
    coarse = procrustes(x, y, seed)

    def heads(label: str) -> Heads:
        base = coarse[label]()
        number = np.arange(len(x))
        model = ot.da.EMDTransport(limit_max=10)
        model.fit(Xs=base.first(x), ys=number, Xt=base.second(y), yt=number)
        return Heads(lambda v: l2_normalize(model.transform(Xs=base.first(v))), base.second)

    return {label: partial(heads, label) for label in coarse}


METHODS: Sequence[Method] = (
    Method("mvlearn CCA", mvlearn_cca, folds=2),
    Method("mvlearn GCCA", mvlearn_gcca),
    Method("mvlearn KMCCA", mvlearn_kernel, folds=2, choose_on=600),
    Method("POT linear", pot_linear),
    Method("POT pairs", pot_pairs),
)
