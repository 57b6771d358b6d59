"""Canonical correlation analysis after a hidden layer of Gaussian units: a kernel CCA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import Aligner, Projection, SharedRows, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import LinearHead, MLPHead, gaussian_units
from isthmus.aligners.traits import Abilities, Growth, Search
from isthmus.core.artifact import content_hash
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64, Floats, l2_normalize, symmetric_eigen
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.core.rows import thin
from isthmus.moments.moments import Moments

_MIN_CENTRES = 2
"""A single centre lies at the mean and has no direction."""
_CENTRES = 1000
"""Placed unless told otherwise; the automatic choice widens the best kernels alone to 2,500."""
_RANK = 1e-6
"""Eigenvalues of the kernel below this share of the largest would blow up rounding."""


class KernelCCA(Aligner):
    """:class:`CCA` on what Gaussian units around known items say about an item.

    The kernel of two items of a view is ``exp(s (u − 1)) + a·u``, with ``u`` the cosine
    of their centred vectors. Items are described by kernel principal components spanned by
    up to ``max_centres`` rows (Schölkopf et al. 1998; Nyström: Williams and Seeger 2001), and
    those are joined by regularised CCA (Akaho 2001; Bach and Jordan 2002). With few pairs it
    finds partners better than the linear form; applying it costs one product with all centres.

    Args:
        ridge: λ of the CCA, relative to the mean eigenvalue of the components' covariance.
        power: Exponent of the canonical correlations.
        sharpness: ``s``; larger looks only at near neighbours.
        linear: ``a``, how much of the kernel is linear.
        max_centres: More rows than this are thinned out evenly.
        max_components: At most so many kernel principal components are kept.
    """

    name = "kernel-cca"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=8,
        grid=tuple(
            {"ridge": ridge, "power": power, "sharpness": sharpness}
            for sharpness in (2.0, 3.0)
            for ridge, power in ((1.0, 1.0), (1.0, 0.5), (0.3, 0.5), (0.3, 1.0), (3.0, 0.5))
        ),
        leads=True,
        grows=Growth(above=_CENTRES, params={"max_centres": 2500}),
    )

    def __init__(
        self,
        ridge: float = 1.0,
        power: float = 0.5,
        sharpness: float = 3.0,
        linear: float = 0.0,
        max_centres: int = _CENTRES,
        max_components: int = 800,
    ) -> None:
        CCA(ridge=ridge, power=power)  # refuses what it cannot use
        self.ridge = ridge
        self.power = power
        self.sharpness = check_positive(sharpness, "sharpness")
        if not (np.isfinite(linear) and linear >= 0):
            raise InputError(f"linear must not be negative, got {linear}")
        self.linear = linear
        if max_centres < _MIN_CENTRES:
            raise InputError(f"max_centres must be at least {_MIN_CENTRES}, got {max_centres}")
        if max_components < 1:
            raise InputError(f"max_components must be at least 1, got {max_components}")
        self.max_centres, self.max_components = max_centres, max_components

    def fit(self, pairs: Pairs) -> Self:
        """Place the units, then solve for the directions."""
        layers, moments = self._hidden(self.admit(pairs), Memo())
        cca = self._cca().fit_moments(moments)
        self.heads_ = {}
        for m, layer in layers.items():
            head = cca.heads_[m]
            assert isinstance(head, LinearHead)
            self.heads_[m] = layer.head(head.mean, head.weight)
        return self

    def projection(self, pairs: PairedVectors, memo: Memo) -> Projection:
        """As ``fit``; the hidden layer is made and applied once for all ridges and powers."""
        layers, moments = self._hidden(self.admit(pairs), memo)
        project_hidden = self._cca().projection_of(moments)

        def project(rows: SharedRows, view: str) -> F32:
            layer = layers[view]
            known = layer.known
            cosines = rows.memo.get(("cosines", known), lambda: known.cosines(rows.x))
            inner = rows.memo.get(("hidden", moments), lambda: SharedRows(layer.of(cosines)))
            return project_hidden(inner, view)

        return project

    def _cca(self) -> CCA:
        return CCA(ridge=self.ridge, power=self.power)

    def _hidden(self, pairs: PairedVectors, memo: Memo) -> tuple[dict[str, HiddenLayer], Moments]:
        """The layers, and the moments of what they make of the pairs."""

        def compute() -> tuple[dict[str, HiddenLayer], Moments]:
            ordered = memo.get("canonical order", lambda: in_canonical_order(pairs))
            known = memo.get(("centres", self.max_centres), lambda: self._centres(ordered))
            layers = {m: self._layer(known[m]) for m in ordered.views}
            inner = {
                m: np.zeros((len(ordered), layer.width), np.float32) for m, layer in layers.items()
            }
            for m, layer in layers.items():
                inner[m][ordered.present[m]] = layer.of(known[m].own)
            return layers, Moments.of(PairedVectors(inner, ordered.present))

        key = (self.sharpness, self.linear, self.max_centres, self.max_components)
        return memo.get(("hidden", key), compute)

    def layers(self, pairs: PairedVectors) -> dict[str, HiddenLayer]:
        """The hidden layer of each view, around the rows that have it."""
        return {m: self._layer(known) for m, known in self._centres(pairs).items()}

    def _centres(self, pairs: PairedVectors) -> dict[str, Centres]:
        return {
            m: Centres.among(pairs.vectors[m][pairs.present[m]], self.max_centres)
            for m in pairs.views
        }

    def _layer(self, known: Centres) -> HiddenLayer:
        return HiddenLayer.around(
            known,
            sharpness=self.sharpness,
            linear=self.linear,
            components=self.max_components,
        )


@dataclass(frozen=True, eq=False)
class Centres:
    """Where the hidden units of a view are placed.

    Attributes:
        mean: ``(d,)``.
        units: ``(m, d)`` unit vectors about the mean.
        own: ``(n, m)`` cosines of the rows among which they were placed.
        rows: ``(m,)``, which of these they are.
    """

    mean: F64
    units: F64
    own: F64
    rows: NDArray[np.intp]

    @classmethod
    def among(cls, x: F32, limit: int) -> Centres:
        """At these rows ``(n, d)``, thinned out evenly to ``limit``."""
        mean = x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(x.shape[1])
        about = np.asarray(l2_normalize(x - mean), np.float64)
        rows = thin(np.arange(len(x)), limit)
        return cls(mean, about[rows], about @ about[rows].T, rows)

    def cosines(self, x: Floats) -> F32:
        """Of native vectors ``(n, d)`` to every centre, ``(n, m)``."""
        mean, units = self.mean.astype(np.float32), self.units.astype(np.float32)
        cosines = l2_normalize(np.asarray(x, dtype=np.float32) - mean) @ units.T
        return cosines.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """Native vectors to kernel principal components.

    Attributes:
        known: Where the units are.
        components: ``(m, r)``, from units to components.
        sharpness: Of the kernel.
        linear: Of the kernel.
    """

    known: Centres
    components: F64
    sharpness: float
    linear: float

    @classmethod
    def around(
        cls, known: Centres, *, sharpness: float, linear: float, components: int = 800
    ) -> HiddenLayer:
        """The layer with units at these centres, whose components do not vary together.

        The kernel is centred first (Schölkopf et al., "Nonlinear component analysis as a kernel
        eigenvalue problem", 1998), so that no later step has to decorrelate the components.
        """
        units = gaussian_units(known.own[known.rows], sharpness=sharpness, linear=linear)
        kernel = np.asarray(units, np.float64)
        if len(kernel):
            kernel = kernel - kernel.mean(axis=0)
            kernel = kernel - kernel.mean(axis=1, keepdims=True)
        values, vectors = _leading(kernel, components)
        keep = values > _RANK * values.max(initial=0.0)
        return cls(known, vectors[:, keep] / np.sqrt(values[keep]), sharpness, linear)

    @property
    def width(self) -> int:
        """Components that there are."""
        return int(self.components.shape[1])

    def __call__(self, x: Floats) -> F32:
        """Components ``(n, r)`` of native vectors ``(n, d)``."""
        return self.of(self.known.cosines(x))

    def of(self, cosines: Floats) -> F32:
        """Components ``(n, r)`` of what has these cosines ``(n, m)`` to the centres."""
        units = gaussian_units(cosines, sharpness=self.sharpness, linear=self.linear)
        return np.asarray(units @ self.components.astype(units.dtype), dtype=np.float32)

    def head(self, mean: Floats, weight: Floats) -> MLPHead:
        """The head that goes on with ``(components − mean) weight``, ``(r,)`` and ``(r, k)``."""
        return MLPHead(
            self.known.mean,
            self.known.units,
            self.components @ weight,
            -(np.asarray(mean, np.float64) @ weight),
            sharpness=self.sharpness,
            linear=self.linear,
        )


def _leading(kernel: F64, count: int) -> tuple[F64, F64]:
    """The largest eigenvalues of a symmetric matrix, in rising order, with their vectors."""
    if len(kernel) <= count:
        return symmetric_eigen(kernel)
    from scipy.linalg import eigh

    values, vectors = eigh(kernel, subset_by_index=(len(kernel) - count, len(kernel) - 1))
    return values, vectors


def hidden(pairs: PairedVectors, layers: Mapping[str, HiddenLayer]) -> PairedVectors:
    """The same records, described by the layer of each view."""
    vectors = {m: layer(pairs.vectors[m]) for m, layer in layers.items()}
    return PairedVectors(vectors, pairs.present, pairs.ids, pairs.groups)


def in_canonical_order(pairs: PairedVectors) -> PairedVectors:
    """The records sorted by a hash of their content, so that their order does not matter."""
    keys = [
        content_hash(b"".join(x[i].tobytes() for x in pairs.vectors.values()))
        for i in range(len(pairs))
    ]
    return pairs.take(np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp))
