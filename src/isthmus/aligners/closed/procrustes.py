"""Orthogonal Procrustes after a principal component analysis of each modality."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, hub_of
from isthmus.aligners.heads import LinearHead
from isthmus.core.contracts import Head
from isthmus.core.errors import InputError
from isthmus.moments.moments import Moments


class Procrustes(MomentsAligner):
    """Rotate the principal components of every modality onto those of the hub.

    Both are projected to a common number of principal components; the rotation is
    ``UVᵀ`` from ``svd(XᵀY)``. Schönemann, "A generalized solution of the orthogonal
    Procrustes problem", Psychometrika 1966.

    Args:
        components: Dimensions kept; capped by the smallest rank.
        hub: The modality that the others are rotated onto; None chooses.
    """

    name = "procrustes"

    def __init__(self, components: int = 200, hub: str | None = None) -> None:
        if components < 1:
            raise InputError(f"components must be at least 1, got {components}")
        self.components = components
        self.hub = hub

    def _heads(self, moments: Moments) -> dict[str, Head]:
        hub = hub_of(moments, self.hub)
        ranks = [len(moments.spectrum(m)[1]) for m in moments.modalities]
        k = min(self.components, *ranks)
        bases = {m: moments.spectrum(m)[2][:, ::-1][:, :k] for m in moments.modalities}
        heads: dict[str, Head] = {}
        for m in moments.modalities:
            weight = bases[m]
            if m != hub:
                u, _, vt = np.linalg.svd(bases[m].T @ moments.cross(m, hub) @ bases[hub])
                weight = bases[m] @ (u @ vt)
            heads[m] = LinearHead(moments.mean(m), weight)
        return heads
