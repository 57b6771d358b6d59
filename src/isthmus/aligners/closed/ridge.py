"""Ridge regression of every modality onto one hub modality."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import MomentsAligner, check_positive, hub_of
from isthmus.aligners.heads import LinearHead
from isthmus.core.contracts import Head
from isthmus.core.linalg import F64
from isthmus.moments.moments import Moments


class Ridge(MomentsAligner):
    """Predict the hub's vectors from every other modality's, by ridge regression.

    ``W = (Cxx + λ·tr(Cxx)/d·I)⁻¹ Cxy``; the space is the hub's own, centred.
    Hoerl & Kennard 1970.

    Args:
        ridge: λ, relative to the mean eigenvalue of the covariance.
        hub: The modality that the others are mapped onto; None chooses.
    """

    name = "ridge"

    def __init__(self, ridge: float = 1.0, hub: str | None = None) -> None:
        self.ridge = check_positive(ridge, "ridge")
        self.hub = hub

    def _heads(self, moments: Moments) -> dict[str, Head]:
        hub = hub_of(moments, self.hub)
        return {
            m: LinearHead(
                moments.mean(m),
                np.eye(moments.dims[m]) if m == hub else self._weights(moments, m, hub),
            )
            for m in moments.modalities
        }

    def _weights(self, moments: Moments, m: str, hub: str) -> F64:
        _, values, vectors = moments.spectrum(m)
        penalty = self.ridge * values.sum() / moments.dims[m]
        shrunk = (vectors.T @ moments.cross(m, hub)) / (values + penalty)[:, None]
        weight: F64 = vectors @ shrunk
        return weight
