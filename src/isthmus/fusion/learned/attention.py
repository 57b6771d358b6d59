"""Attention over views: how much each view counts depends on what all of them say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.fusion.learned.readings import Readings
from isthmus.fusion.learned.trained import STARTS, WORTH_TRAINING, Split, Weights, near_identity

_TINY = 1e-12


class Attention(Split):
    """``s = Σ_v a_v · W_v h_v`` with ``a_v ∝ σ(Σ_u U_vu h_u + b_v)`` over the views that are there.

    ``h_v`` is what is read of view ``v``; ``W_v`` starts by handing on what its predictor says,
    and the ``a_v`` start equal. Given the ``a_v`` of a record, its scores are linear in the
    views, so that the shares are ``a_v · W_v h_v``.

    Args: see :class:`isthmus.fusion.learned.trained.Trained`.
    """

    name = "attention"
    search = Search(
        place=200,
        grid=({}, {"learning_rate": 1e-2}, {"dropout": 0.5}),
        cost=2.0,
        trained=True,
        conditions=(WORTH_TRAINING,),
        starts=STARTS,
    )

    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """No view counts more than another."""
        weights: dict[str, F64] = {"bias": np.zeros(len(sizes))}
        for place, size in enumerate(sizes):
            weights[f"value.{place}"] = near_identity(size, width)
            weights[f"query.{place}"] = np.zeros((size, len(sizes)))
        return weights

    def join_views(self, xp: Any, weights: Weights, readings: Readings) -> list[Any]:
        """Each view's values by its weight."""
        places = range(len(readings.hidden))
        asked = sum(readings.hidden[place] @ weights[f"query.{place}"] for place in places)
        open_ = readings.there * sigmoid(xp, asked + weights["bias"])
        # Relative to equal weights, for which late fusion has its own.
        share = readings.gain * readings.count * open_ / (open_.sum(axis=1)[:, None] + _TINY)
        return [
            share[:, [place]] * (readings.hidden[place] @ weights[f"value.{place}"])
            for place in places
        ]


def sigmoid(xp: Any, x: Any) -> Any:
    """Of numpy or torch, without overflow."""
    return (1 + xp.tanh(x / 2)) / 2
