"""Orthogonal Procrustes after a principal component analysis of each view."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, pivot_of
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.traits import Search
from isthmus.core.contracts import Head
from isthmus.core.errors import InputError
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
        pivot = pivot_of(moments, self.pivot)
        ranks = [len(moments.spectrum(m)[1]) for m in moments.views]
        k = min(self.components, *ranks)
        bases = {m: moments.spectrum(m)[2][:, ::-1][:, :k] for m in moments.views}
        heads: dict[str, Head] = {}
        for m in moments.views:
            weight = bases[m]
            if m != pivot:
                u, _, vt = np.linalg.svd(bases[m].T @ moments.cross(m, pivot) @ bases[pivot])
                weight = bases[m] @ (u @ vt)
            heads[m] = LinearHead(moments.mean(m), weight)
        return heads
