"""Softmax regressions on the shots: without words, beside them, and held near them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.methods.base import Params
from isthmus.prompts.methods.plain import linear
from isthmus.prompts.support import Scorer, Support, softmax

_STEPS = 60
"""Of L-BFGS: weights of unit vectors settle in a few dozen."""


def softmax_regression(
    x: F64, onehot: F64, *, centre: F64, pull: F64, scale: float, free: float = 0.0
) -> F64:
    """Weights ``(K, d)`` that minimise cross-entropy and stay near a centre.

    ``−mean log softmax(scale·x wᵀ) + ½Σ_k pull_k(‖u_k‖² − free·(u_k·centre_k)²)`` with
    ``u_k = w_k − centre_k``; all classes weigh the same.

    Args:
        x: ``(n, d)``.
        onehot: ``(n, K)``.
        centre: ``(K, d)`` unit vectors or zeros, where the search begins, too.
        pull: ``(K,)``.
        scale: Of the logits.
        free: Share of the pull that is lifted along the centre of each class, 0 … 1.
    """
    from scipy.optimize import minimize

    share = onehot.sum(axis=0)
    weight = (onehot / np.maximum(share, 1.0)).sum(axis=1)
    weight /= weight.sum()

    def loss(flat: F64) -> tuple[float, F64]:
        w = flat.reshape(centre.shape)
        probability = softmax(scale * (x @ w.T))
        own = np.maximum((probability * onehot).sum(axis=1), 1e-300)
        away = w - centre
        along = (away * centre).sum(axis=1)
        pulled = pull[:, None] * (away - free * along[:, None] * centre)
        value = 0.5 * float((pulled * away).sum()) - float(weight @ np.log(own))
        slope = scale * ((probability - onehot) * weight[:, None]).T @ x + pulled
        return value, slope.ravel()

    found = minimize(loss, centre.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(found.x, dtype=np.float64).reshape(centre.shape)


class _Regression:
    """What the three share; cross-entropy pushes classes without shots away from all shots."""

    serves_unseen = False
    transductive = False

    def work(self, support: Support) -> float:
        """Two products a step."""
        return 2.0 * _STEPS * support.items.size * support.classes


class LinearProbe(_Regression):
    """Logistic regression on the shots, without words."""

    name = "linear-probe"
    paper = "Radford et al., 2021, section 3.2"
    least_shots = 2
    grid: ClassVar[tuple[Params, ...]] = tuple({"ridge": r} for r in (0.01, 0.1))
    prior: ClassVar[Params] = {"ridge": 0.1}

    def fit(self, support: Support, params: Params) -> Scorer:
        """Weights that start at nothing."""
        zero = np.zeros_like(support.words)
        pull = np.full(support.classes, params["ridge"])
        w = softmax_regression(
            support.items, support.onehot, centre=zero, pull=pull, scale=support.scale
        )
        return linear(w, support.scale)


class LinearProbePlus(_Regression):
    """LP++: ``x·(w_k + α_k t_k)``, a probe in which each class weighs its words.

    With a ridge on ``w_k`` and none on ``α_k``, ``v_k = w_k + α_k t_k`` is pulled to the words, but
    not along them. So the objective is solved for ``v_k`` by L-BFGS instead of the paper's blocks.
    """

    name = "lp++"
    paper = "Huang et al., LP++: a surprisingly strong linear probe, 2024"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple({"ridge": r} for r in (0.03, 0.3))
    prior: ClassVar[Params] = {"ridge": 0.3}

    def fit(self, support: Support, params: Params) -> Scorer:
        """Weights of items and of words together."""
        w = softmax_regression(
            support.items,
            support.onehot,
            centre=support.prototypes,
            pull=np.full(support.classes, params["ridge"]),
            scale=support.scale,
            free=1.0,
        )
        return linear(w, support.scale)


class CLAP(_Regression):
    """A probe that starts at the words and is pulled back to them, most where they serve well.

    ``λ_k`` is the mean zero-shot probability of the true class over its shots, times a pull.
    """

    name = "clap"
    paper = "Silva-Rodríguez et al., A closer look at the few-shot adaptation of VLMs, 2024"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple({"pull": p} for p in (0.1, 1.0))
    prior: ClassVar[Params] = {"pull": 1.0}

    def fit(self, support: Support, params: Params) -> Scorer:
        """Weights near the words."""
        own = (softmax(support.zero_shot(support.items)) * support.onehot).sum(axis=0)
        trust = own / np.maximum(support.counts, 1.0)
        trust[support.counts == 0] = 1.0
        w = softmax_regression(
            support.items,
            support.onehot,
            centre=support.prototypes,
            pull=params["pull"] * np.maximum(trust, 0.05),
            scale=support.scale,
        )
        return linear(w, support.scale)
