"""Ridge regression of every view onto one pivot view."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, Projection, SharedRows, check_positive, pivot_of
from isthmus.aligners.closed.components import components, f32
from isthmus.aligners.heads import LinearHead, unit_rows
from isthmus.aligners.traits import Search
from isthmus.core.contracts import Head
from isthmus.core.linalg import F32, F64
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
        weight: F64 = moments.spectrum(m)[2] @ self._inner(moments, m, pivot)
        return weight

    def _inner(self, moments: Moments, m: str, pivot: str) -> F64:
        """Weights of the principal components of a view, ``(r, d)``."""
        _, values, vectors = moments.spectrum(m)
        onto = moments.memo(("onto", m, pivot), lambda: vectors.T @ moments.cross(m, pivot))
        shrunk: F64 = onto / (values + self.ridge * values.sum() / moments.dims[m])[:, None]
        return shrunk

    def projection_of(self, moments: Moments) -> Projection:
        """As ``fit_moments``; rows are decomposed once for all ridges."""
        self._check_moments(moments)
        pivot = pivot_of(moments, self.pivot)
        inner = {m: f32(self._inner(moments, m, pivot)) for m in moments.views if m != pivot}

        def project(rows: SharedRows, view: str) -> F32:
            if view == pivot:
                return unit_rows(rows.x - f32(moments.mean(view)))
            return unit_rows(components(rows, moments, view) @ inner[view])

        return project
