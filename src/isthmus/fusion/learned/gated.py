"""Gated multimodal units: gates, opened by all views, mix hidden features of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.fusion.learned.attention import sigmoid
from isthmus.fusion.learned.readings import Readings
from isthmus.fusion.learned.trained import STARTS, WORTH_TRAINING, Split, Weights


class Gated(Split):
    """``s = late + O Σ_v z_v ∘ tanh(W_v h_v)`` with gates ``z_v = σ(Σ_u U_vu h_u + b_v)``.

    ``O`` starts at zero, so that training starts at late fusion. Given the gates of a record,
    what each view adds is known; these are the shares.

    Args:
        params: See :class:`isthmus.fusion.learned.trained.Trained`.

    References:
        Arevalo et al., "Gated multimodal units for information fusion", 2017.
    """

    name = "gated"
    search = Search(
        place=210,
        grid=({}, {"learning_rate": 1e-2}, {"dropout": 0.5}),
        cost=2.0,
        trained=True,
        conditions=(WORTH_TRAINING,),
        starts=STARTS,
    )

    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """Hidden features are drawn; nothing is made of them yet."""
        rng = np.random.default_rng(self.seed)
        views = len(sizes)
        weights: dict[str, F64] = {
            "bias": np.zeros(views * UNITS),
            "out": np.zeros((UNITS, width)),
        }
        for place, size in enumerate(sizes):
            weights[f"in.{place}"] = rng.normal(size=(size, UNITS)) / np.sqrt(size)
            weights[f"gate.{place}"] = np.zeros((size, views * UNITS))
        return weights

    def join_views(self, xp: Any, weights: Weights, readings: Readings) -> list[Any]:
        """What the view's predictor says, and its gated features."""
        places = range(len(readings.hidden))
        asked = sum(readings.hidden[place] @ weights[f"gate.{place}"] for place in places)
        gates = sigmoid(xp, asked + weights["bias"])
        gain, parts = readings.gain, []
        for place in places:
            gate = gates[:, place * UNITS : (place + 1) * UNITS]
            features = gate * xp.tanh(readings.hidden[place] @ weights[f"in.{place}"])
            said = gain[:, [place]] * readings.says[place]
            # A missing view has readings of zero, and so features of zero.
            parts.append(said + features @ weights["out"])
        return parts


UNITS = 16
"""Hidden features; with few records more of them fit noise."""
