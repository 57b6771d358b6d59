"""Methods that keep every shot: a cache of keys, and kernel ridge on what words leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.methods.base import Fold, Params
from isthmus.prompts.support import Scorer, Support


def gaussian(x: F64, y: F64, sharpness: float) -> F64:
    """``exp(−β(1 − cos))`` of unit vectors ``(m, d)`` and ``(n, d)``."""
    return np.asarray(np.exp(-sharpness * (1.0 - x @ y.T)), dtype=np.float64)


class TipAdapter:
    """Zero-shot logits plus ``α·exp(−β(1 − x·Sᵀ))Y``: each shot votes for its class."""

    name = "tip-adapter"
    paper = "Zhang et al., Tip-Adapter, 2022"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple(
        {"weight": a, "sharpness": b} for b in (3.0, 8.0) for a in (1.0, 3.0, 10.0)
    )
    prior: ClassVar[Params] = {"weight": 3.0, "sharpness": 5.0}
    serves_unseen = True
    transductive = False

    def work(self, support: Support) -> float:
        """Votes of all shots for a fold."""
        return float(support.items.size * support.classes) / 8

    def fit(self, support: Support, params: Params) -> Scorer:
        """Keep the shots; the votes of a class with many of them are averaged."""
        share = support.onehot / np.maximum(support.counts, 1.0)

        def score(x: F64) -> F64:
            near = gaussian(x, support.items, params["sharpness"])
            votes: F64 = params["weight"] * (near @ share)
            return support.zero_shot(x) + votes

        return score

    def left_out(
        self, support: Support, grid: Sequence[Params], folds: Sequence[Fold]
    ) -> list[F64]:
        """The votes of a fold are taken out; kernels are made once for each sharpness."""
        known = support.zero_shot(support.items)
        apart = 1.0 - support.items @ support.items.T
        sharpness = dict.fromkeys(each["sharpness"] for each in grid)
        kernels = {each: np.exp(-each * apart) for each in sharpness}
        said: list[list[F64]] = [[] for _ in grid]
        for fold in folds:
            votes = support.onehot.copy()
            votes[fold] = 0.0
            share = votes / np.maximum(votes.sum(axis=0), 1.0)
            near = {sharpness: kernel[fold] @ share for sharpness, kernel in kernels.items()}
            for place, each in enumerate(grid):
                said[place].append(known[fold] + each["weight"] * near[each["sharpness"]])
        return [np.vstack(rows) for rows in said]


class ProKeR:
    """``f_zs(x) + k(x,S)(K + λI)⁻¹(Y − f_zs(S))``: kernel ridge on what zero-shot leaves.

    ``f_zs`` is the zero-shot logit over the scale, so that labels and cosines are of one size.
    """

    name = "proker"
    paper = "Bendou et al., ProKeR: a kernel perspective on few-shot adaptation, 2025"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple(
        {"ridge": r, "sharpness": b} for b in (1.0, 3.0) for r in (0.1, 0.3, 1.0)
    )
    prior: ClassVar[Params] = {"ridge": 0.3, "sharpness": 3.0}
    serves_unseen = True
    transductive = False

    def work(self, support: Support) -> float:
        """One inverse serves all folds."""
        return float(len(support.items) ** 3) / 4

    def fit(self, support: Support, params: Params) -> Scorer:
        """Solve for the weights of the shots."""
        cosines = support.items @ support.items.T
        solved = np.linalg.solve(self._system(cosines, params), self._rest(support))

        def score(x: F64) -> F64:
            near = gaussian(x, support.items, params["sharpness"])
            return support.zero_shot(x) + support.scale * (near @ solved)

        return score

    def left_out(
        self, support: Support, grid: Sequence[Params], folds: Sequence[Fold]
    ) -> list[F64]:
        """Exactly what fits without each fold say of it: what is missed is ``(G_BB)⁻¹(G·rest)_B``.

        ``G`` is the inverse of the whole system, so there is one for each point of the grid.
        """
        rest, known = self._rest(support), support.zero_shot(support.items)
        cosines = support.items @ support.items.T
        said = []
        for params in grid:
            inverse = _inverse(self._system(cosines, params))
            solved = inverse @ rest
            rows = []
            for fold in folds:
                missed = np.linalg.solve(inverse[np.ix_(fold, fold)], solved[fold])
                rows.append(known[fold] + support.scale * (rest[fold] - missed))
            said.append(np.vstack(rows))
        return said

    def _system(self, cosines: F64, params: Params) -> F64:
        kernel = np.exp(-params["sharpness"] * (1.0 - cosines))
        kernel[np.diag_indices_from(kernel)] += params["ridge"]
        return np.asarray(kernel, dtype=np.float64)

    def _rest(self, support: Support) -> F64:
        rest: F64 = support.onehot - support.zero_shot(support.items) / support.scale
        return rest


def _inverse(system: F64) -> F64:
    """Of a symmetric positive definite matrix, by its Cholesky factor: a third of LU's time."""
    from scipy.linalg import lapack

    factor, failed = lapack.dpotrf(system, lower=1)
    lower, singular = lapack.dpotri(factor, lower=1)
    if failed or singular:  # a ridge keeps it from that, but for rounding
        return np.asarray(np.linalg.pinv(system), dtype=np.float64)
    half = np.tril(lower)
    whole: F64 = half + half.T
    whole[np.diag_indices_from(whole)] *= 0.5
    return whole
