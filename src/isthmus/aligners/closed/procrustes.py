"""Orthogonal Procrustes after a principal component analysis of each view."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, Projection, SharedRows, pivot_of
from isthmus.aligners.closed.components import components, f32
from isthmus.aligners.heads import LinearHead, unit_rows
from isthmus.aligners.traits import Search
from isthmus.core.contracts import Head
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64
from isthmus.moments.moments import Moments


class Procrustes(MomentsAligner):
    """Rotate the principal components of every view onto those of the pivot.

    Both are projected to a common number of principal components; the rotation is
    ``UVᵀ`` from ``svd(XᵀY)``. Schönemann, "A generalized solution of the orthogonal
    Procrustes problem", Psychometrika 1966.

    Args:
        components: Dimensions kept; capped by the smallest rank.
        pivot: The view that the others are rotated onto; None chooses.
    """

    name = "procrustes"
    search = Search(place=50, grid=tuple({"components": each} for each in (50, 100, 200)))

    def __init__(self, components: int = 200, pivot: str | None = None) -> None:
        if components < 1:
            raise InputError(f"components must be at least 1, got {components}")
        self.components = components
        self.pivot = pivot

    def _heads(self, moments: Moments) -> dict[str, Head]:
        return {
            m: LinearHead(moments.mean(m), moments.spectrum(m)[2][:, ::-1][:, : len(turn)] @ turn)
            for m, turn in self._turns(moments).items()
        }

    def projection_of(self, moments: Moments) -> Projection:
        """As ``fit_moments``; rows are decomposed once for all dimensions."""
        self._check_moments(moments)
        turns = {m: f32(turn) for m, turn in self._turns(moments).items()}

        def project(rows: SharedRows, view: str) -> F32:
            leading = components(rows, moments, view)[:, ::-1]
            return unit_rows(leading[:, : len(turns[view])] @ turns[view])

        return project

    def _turns(self, moments: Moments) -> dict[str, F64]:
        """Rotations of the leading principal components of every view, ``(k, k)``."""
        pivot = pivot_of(moments, self.pivot)
        k = min(self.components, *(len(moments.spectrum(m)[1]) for m in moments.views))
        turns = {m: np.eye(k) for m in moments.views}
        for m in moments.views:
            if m != pivot:
                u, _, vt = np.linalg.svd(moments.between(m, pivot)[::-1, ::-1][:k, :k])
                turns[m] = u @ vt
        return turns
