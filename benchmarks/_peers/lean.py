"""Models of cca-zoo without what only inspects them, which takes most of their time."""

from __future__ import annotations

from cca_zoo.linear import RidgeCCA
from cca_zoo.nonparametric import KCCA

from isthmus.core.linalg import F64


class CanonicalRidge(RidgeCCA):
    """Canonical ridge without maps back to the views and importances of features."""

    def _fit_maps_and_importances(self, views: list[F64]) -> None:
        self.n_components_ = self.weights_[0].shape[1]


class Kernel(KCCA):
    """Kernel CCA without maps back to the views and importances of features."""

    def _fit_maps_and_importances(self, views: list[F64]) -> None:
        self.n_components_ = self.weights_[0].shape[1]
