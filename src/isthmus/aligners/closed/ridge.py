"""Ridge regression of every view onto one pivot view."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, check_positive, pivot_of
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.traits import Search
from isthmus.core.contracts import Head
from isthmus.core.linalg import F64
from isthmus.moments.moments import Moments


class Ridge(MomentsAligner):
    """Predict the pivot's vectors from every other view's, by ridge regression.

    ``W = (Cxx + λ·tr(Cxx)/d·I)⁻¹ Cxy``; the space is the pivot's own, centred.
    Hoerl & Kennard 1970.

    Args:
        ridge: λ, relative to the mean eigenvalue of the covariance.
        pivot: The view that the others are mapped onto; None chooses.
    """

    name = "ridge"
    search = Search(place=40, grid=tuple({"ridge": ridge} for ridge in (0.1, 1.0, 10.0)))

    def __init__(self, ridge: float = 1.0, pivot: str | None = None) -> None:
        self.ridge = check_positive(ridge, "ridge")
        self.pivot = pivot

    def _heads(self, moments: Moments) -> dict[str, Head]:
        pivot = pivot_of(moments, self.pivot)
        return {
            m: LinearHead(
                moments.mean(m),
                np.eye(moments.dims[m]) if m == pivot else self._weights(moments, m, pivot),
            )
            for m in moments.views
        }

    def _weights(self, moments: Moments, m: str, pivot: str) -> F64:
        _, values, vectors = moments.spectrum(m)
        penalty = self.ridge * values.sum() / moments.dims[m]
        shrunk = (vectors.T @ moments.cross(m, pivot)) / (values + penalty)[:, None]
        weight: F64 = vectors @ shrunk
        return weight
