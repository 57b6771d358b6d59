"""Low-rank tensor fusion: products of features of all views, without the tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.fusion.learned.readings import Readings
from isthmus.fusion.learned.trained import STARTS, WORTH_TRAINING, Trained, Weights

RANK = 16
"""Products; Liu et al. use 4 to 16."""


class LowRank(Trained):
    """``s = late + O (Π_v (b_v + F_v h_v) − Π_v b_v)``, a tensor over the views of rank ``r``.

    A view that is missing leaves its ``b_v``, so that products of the others remain. ``O`` starts
    at zero, so that training starts at late fusion. The scores are no sum over views: shares are
    Shapley's values.

    Args: see :class:`isthmus.fusion.learned.trained.Trained`.

    References:
        Liu et al., "Efficient low-rank multimodal fusion with modality-specific factors", 2018.
    """

    name = "low-rank"
    search = Search(
        place=220,
        grid=({}, {"learning_rate": 1e-2}, {"dropout": 0.5}),
        cost=2.0,
        trained=True,
        conditions=(WORTH_TRAINING,),
        starts=STARTS,
    )

    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """Factors are drawn about one; nothing is made of their products yet."""
        rng = np.random.default_rng(self.seed)
        weights: dict[str, F64] = {"out": np.zeros((RANK, width))}
        for place, size in enumerate(sizes):
            weights[f"factor.{place}"] = rng.normal(size=(size, RANK)) / np.sqrt(size)
            weights[f"bias.{place}"] = np.ones(RANK)
        return weights

    def join(self, xp: Any, weights: Weights, readings: Readings) -> Any:
        """Late fusion and the products."""
        product, alone = 1.0, 1.0
        for place, hidden in enumerate(readings.hidden):
            bias = weights[f"bias.{place}"]
            product = product * (bias + hidden @ weights[f"factor.{place}"])
            alone = alone * bias
        return readings.late + (product - alone) @ weights["out"]
