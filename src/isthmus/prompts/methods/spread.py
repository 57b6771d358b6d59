"""Label propagation: items that are asked about help one another."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from isthmus.core.linalg import F64
from isthmus.graph.propagate import label_propagation
from isthmus.prompts.methods.base import Params
from isthmus.prompts.support import Scorer, Support


class LabelPropagation:
    """Words and shots spread their labels over a graph of all items that are asked about.

    Transductive: what it says of an item depends on the other items, so it never takes part in
    the automatic choice.
    """

    name = "label-propagation"
    paper = "Stojnić et al., Label propagation for zero-shot classification, 2024"
    least_shots = 0
    grid: ClassVar[tuple[Params, ...]] = ({"neighbours": 8, "gamma": 10.0, "alpha": 0.5},)
    prior: ClassVar[Params] = grid[0]
    serves_unseen = True
    transductive = True

    def work(self, support: Support) -> float:
        """Nothing before items are asked about."""
        return 0.0

    def fit(self, support: Support, params: Params) -> Scorer:
        """Keep words and shots for the graph."""
        known = np.vstack([support.prototypes, support.items])
        given = np.vstack([np.eye(support.classes), support.onehot])

        def score(x: F64) -> F64:
            spread = label_propagation(
                np.vstack([known, x]),
                np.vstack([given, np.zeros((len(x), support.classes))]),
                k=int(params["neighbours"]),
                gamma=params["gamma"],
                alpha=params["alpha"],
            )[len(known) :]
            share = spread / np.maximum(spread.sum(axis=1, keepdims=True), 1e-12)
            return np.asarray(np.log(np.maximum(share, 1e-6)), dtype=np.float64)

        return score
