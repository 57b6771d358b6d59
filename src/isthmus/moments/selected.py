"""Moments of some of the views, which share what was computed of all."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.linalg import F64
from isthmus.core.paired import Pairs
from isthmus.moments.moments import Moments


class SelectedMoments(Moments):
    """The moments of some views of others; spectra are computed once for both.

    Args:
        whole: Of all views; must not change any more.
        views: Those that are kept.
    """

    def __init__(self, whole: Moments, views: Sequence[str]) -> None:
        encoders = {view: name for view, name in whole.encoders.items() if view in views}
        dims = {view: whole.dims[view] for view in views}
        super().__init__(dims, products=whole.products, encoders=encoders)
        self._whole: Moments | None = whole
        self._reduced = whole._reduced
        self._sums = {key: whole._sums[key] for key in self._sums}

    def update(self, pairs: Pairs, *, weight: float = 1.0) -> Moments:
        """Add rows; from then on nothing is shared."""
        self._sums = {key: value.copy() for key, value in self._sums.items()}
        self._whole = None
        return super().update(pairs, weight=weight)

    def _spectrum(self, m: str, scale: bool) -> tuple[F64, F64, F64]:
        if self._whole is None:
            return super()._spectrum(m, scale)
        return self._whole.spectrum(m, scale=scale)

    def _between(self, a: str, b: str, scale: bool) -> F64:
        if self._whole is None:
            return super()._between(a, b, scale)
        return self._whole.between(a, b, scale=scale)
