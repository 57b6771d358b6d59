"""Late fusion: one linear predictor a view, their scores joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.base import Fusion, Shares, State
from isthmus.fusion.target import Target
from isthmus.moments.rows import of_rows

_TARGET = "\0target"
"""Name of the target among the views of moments; no view of a user's can have it."""


class Late(Fusion):
    """The mean of what one ridge regression a view says, of the views that are there.

    Args:
        ridge: λ, relative to the mean eigenvalue of the covariance of each view.
    """

    name = "late"
    search = Search(place=10, grid=tuple({"ridge": ridge} for ridge in (0.1, 1.0, 10.0)))

    def __init__(self, ridge: float = 1.0) -> None:
        self.ridge = check_positive(ridge, "ridge")

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        # A constant column keeps rows of a target from being only zeros.
        known = np.column_stack([target.matrix, np.ones(len(target))])
        self._rest = target.matrix.mean(axis=0)
        self._means: dict[str, F64] = {}
        self._weights: dict[str, F64] = {}
        for view in rows.views:
            joined = {view: rows.vectors[view], _TARGET: known.astype(np.float32)}
            moments = of_rows(PairedVectors(joined, {view: rows.present[view]}))
            _, values, vectors = moments.spectrum(view)
            cross = vectors.T @ moments.cross(view, _TARGET)[:, :-1]
            shrunk = values + self.ridge * values.sum() / moments.dims[view]
            self._means[view] = moments.mean(view)
            self._weights[view] = vectors @ (cross / shrunk[:, None])

    def _scores(self, rows: PairedVectors) -> F64:
        return self._shares(rows).total

    def _shares(self, rows: PairedVectors) -> Shares:
        there = np.maximum(np.sum(list(rows.present.values()), axis=0), 1)
        shares = {
            view: np.where(
                rows.present[view][:, None],
                (rows.vectors[view] - self._means[view]) @ self._weights[view],
                0.0,
            )
            / there[:, None]
            for view in self.views_
        }
        return Shares(shares, np.tile(self._rest, (len(rows), 1)))

    def state(self) -> State:
        """Means, weights and what is left, by place of the view."""
        tensors: dict[str, Array] = {"rest": self._rest}
        for place, view in enumerate(self.views_):
            tensors[f"{place}.mean"] = self._means[view]
            tensors[f"{place}.weight"] = self._weights[view]
        return {}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        self._rest = np.asarray(tensors["rest"], dtype=np.float64)
        places = dict(enumerate(self.views_))
        self._means = {v: np.asarray(tensors[f"{i}.mean"]) for i, v in places.items()}
        self._weights = {v: np.asarray(tensors[f"{i}.weight"]) for i, v in places.items()}
