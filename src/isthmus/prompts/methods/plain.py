"""Words, means of shots, and what lies between them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from isthmus.core.linalg import F64, Floats, l2_normalize
from isthmus.prompts.methods.base import Params
from isthmus.prompts.support import Scorer, Support


def linear(weights: Floats, scale: float, bias: F64 | None = None) -> Scorer:
    """Logits ``scale · x wᵀ + bias``."""
    offset = np.zeros(len(weights)) if bias is None else bias

    def score(x: F64) -> F64:
        logits: F64 = scale * (x @ weights.T) + offset
        return logits

    return score


class ZeroShot:
    """Words alone."""

    name = "zero-shot"
    paper = "Radford et al., Learning transferable visual models, 2021"
    least_shots = 0
    grid: ClassVar[tuple[Params, ...]] = ({},)
    prior: ClassVar[Params] = {}
    serves_unseen = True
    transductive = False

    def work(self, support: Support) -> float:
        """Nothing is fitted."""
        return 0.0

    def fit(self, support: Support, params: Params) -> Scorer:
        """Logits by words."""
        return support.zero_shot


class TextAndMean:
    """``w_k = l2(c·t_k + n_k·mean_k)``: words count as much as ``c`` shots.

    So a class with many shots trusts them, and one with a single shot its words.
    """

    name = "text+mean"
    paper = "Snell et al., Prototypical networks, 2017, with words as a prior"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple({"words": c} for c in (1.0, 2.0, 4.0, 8.0, 16.0))
    prior: ClassVar[Params] = {"words": 4.0}
    serves_unseen = True
    transductive = False

    def work(self, support: Support) -> float:
        """One pass over the shots."""
        return float(support.items.size)

    def fit(self, support: Support, params: Params) -> Scorer:
        """Blend by counts."""
        counts = np.maximum(support.counts, 1.0)[:, None]
        blended = params["words"] * support.prototypes + counts * support.means
        return linear(l2_normalize(blended), support.scale)


class SSText:
    """``w_k = l2(t_k + β·n_k·mean_k / K)``: the closed form of a support-set loss near the words.

    With ``λ_k = 1/n_k`` the paper's ``s·Σf/(N λ_k)`` gives shots the weight ``s·n/K``, which grows
    without bound where classes are few; so it is capped at :attr:`most`.
    """

    name = "ss-text"
    paper = "Silva-Rodríguez et al., A closer look at the few-shot adaptation of VLMs, 2024"
    least_shots = 1
    grid: ClassVar[tuple[Params, ...]] = tuple({"pull": b} for b in (0.1, 0.3, 1.0))
    prior: ClassVar[Params] = {"pull": 0.3}
    serves_unseen = True
    transductive = False
    most = 4.0
    """Weight of shots against words; beyond it words no longer matter."""

    def work(self, support: Support) -> float:
        """One pass over the shots."""
        return float(support.items.size)

    def fit(self, support: Support, params: Params) -> Scorer:
        """The closed form."""
        weight = params["pull"] * support.scale * np.maximum(support.counts, 1.0) / support.classes
        weight = np.minimum(weight, self.most)[:, None]
        return linear(l2_normalize(support.prototypes + weight * support.means), support.scale)
