"""Heads of new views that lead into a space that stays as it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from isthmus.aligners.affine import AffineHead, LinearHead, UnitHead
from isthmus.aligners.base import Aligner, MomentsAligner, Projection, SharedRows, check_positive
from isthmus.aligners.heads import MLPHead
from isthmus.aligners.kernel import Centres, HiddenLayer, in_canonical_order
from isthmus.aligners.traits import Abilities, Search
from isthmus.core.contracts import Head
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32, F64, symmetric_eigen
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.moments.moments import Moments

_CENTRES = 1000
"""As many as :class:`KernelCCA` places."""
_RANK = 1e-9
"""Eigenvalues below this share of the largest are rounding."""


@dataclass(frozen=True)
class Fixed:
    """Views whose vectors lie in a space already, and are not moved.

    Attributes:
        views: At least one; their rows are unit vectors of the space.
        fingerprint: Of the space.
    """

    views: tuple[str, ...]
    fingerprint: str


class Onto(MomentsAligner):
    """Maps new views onto the vectors of fixed ones, which keep theirs.

    A new view is paired with one fixed view or more. The covariances with all of them are added,
    each by how many records it has: every pair counts the same. Vectors of a trained model lie in
    a narrow cone, another for each view (Liang et al., "Mind the gap", NeurIPS 2022). A new view
    is placed about the mean of the fixed vectors, and as widely spread as they are; or with
    ``centred`` about zero, so that where the cone lies has no part in what it finds.

    Args:
        fixed: What stays.
        centred: Whether new views lie about zero.
        target: The fixed view whose pairs count; None for all.
    """

    abilities = Abilities(missing_rows=True, many_views=True, incremental=True)

    def __init__(self, fixed: Fixed, centred: bool = False, target: str | None = None) -> None:
        self.fixed = fixed
        self.centred = bool(centred)
        self.target = _checked(target, fixed)

    @abstractmethod
    def _map(self, moments: Moments, view: str, target: _Target) -> F64:
        """``(d, k)``, from centred native vectors of a view to centred vectors of the space."""

    def _heads(self, moments: Moments) -> dict[str, Head]:
        fixed = [m for m in moments.views if m in self.fixed.views]
        heads: dict[str, Head] = {m: UnitHead(moments.dims[m]) for m in fixed}
        for m in moments.views:
            if m not in heads:
                taught = [f for f in fixed if self.target in (None, f)]
                target = _Target.of(moments, m, taught)
                heads[m] = self._head(moments, m, target)
        return heads

    def _head(self, moments: Moments, view: str, target: _Target) -> Head:
        mean, weight = moments.mean(view), self._map(moments, view, target)
        if self.centred:
            return LinearHead(mean, weight)
        spread = float(np.einsum("ij,ik,kj->", weight, moments.covariance(view), weight))
        scale = np.sqrt(target.variance / max(spread, 1e-12))
        return AffineHead(mean, scale * weight, target.mean)


def _checked(target: str | None, fixed: Fixed) -> str | None:
    """The same, or a refusal if there is no such view.

    Raises:
        InputError: If there is none.
    """
    if target is not None and target not in fixed.views:
        raise InputError(f"target must be one of {', '.join(fixed.views)}, got {target!r:.80}")
    return target


@dataclass(frozen=True, eq=False)
class _Target:
    """What of the fixed views belongs to one new view.

    Attributes:
        cross: ``(d, k)``, its covariance with them.
        mean: ``(k,)`` of theirs.
        covariance: ``(k, k)`` of theirs, made when it is asked for.
        variance: The trace of that.
    """

    cross: F64
    mean: F64
    covariance: Callable[[], F64]
    variance: float

    @classmethod
    def of(cls, moments: Moments, view: str, fixed: Sequence[str]) -> _Target:
        counts = {m: moments.count(view, m) for m in fixed if m in moments.neighbours(view)}
        if not counts:
            raise DataError(
                f"no record has {view} and one of {', '.join(fixed)}, whose vectors are fixed; add "
                "records that have both"
            )
        total = sum(counts.values())
        shares = {m: n / total for m, n in counts.items()}

        def pooled(part: Callable[[str], F64]) -> F64:
            return np.asarray(sum(share * part(m) for m, share in shares.items()))

        return cls(
            moments.memo(
                ("onto all", view, tuple(shares)),
                lambda: pooled(lambda m: moments.cross(view, m)),
            ),
            pooled(moments.mean),
            lambda: pooled(moments.covariance),
            float(sum(share * np.trace(moments.covariance(m)) for m, share in shares.items())),
        )


class RidgeOnto(Onto):
    """Ridge regression of new views onto the fixed unit vectors.

    ``W = (Cxx + λ·tr(Cxx)/d·I)⁻¹ Cxy``; Hoerl & Kennard 1970.

    Args:
        fixed: What stays.
        ridge: λ, relative to the mean eigenvalue of the covariance.
        centred: Whether new views lie about zero.
        target: The fixed view whose pairs count; None for all.
    """

    name = "ridge-onto"
    search = Search(
        place=1,
        grid=tuple(
            {"ridge": ridge, "centred": centred}
            for ridge in (1.0, 0.1, 10.0)
            for centred in (False, True)
        ),
    )

    def __init__(
        self,
        fixed: Fixed,
        ridge: float = 1.0,
        centred: bool = False,
        target: str | None = None,
    ) -> None:
        super().__init__(fixed, centred, target)
        self.ridge = check_positive(ridge, "ridge")

    def _map(self, moments: Moments, view: str, target: _Target) -> F64:
        _, values, vectors = moments.spectrum(view)
        inner = vectors.T @ target.cross
        inner /= (values + self.ridge * values.sum() / moments.dims[view])[:, None]
        weight: F64 = vectors @ inner
        return weight


class ProcrustesOnto(Onto):
    """Rotates the principal components of new views onto those of the fixed unit vectors.

    Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966.

    Args:
        fixed: What stays.
        components: Dimensions kept; capped by the smaller rank.
        centred: Whether new views lie about zero.
        target: The fixed view whose pairs count; None for all.
    """

    name = "procrustes-onto"
    search = Search(
        place=2,
        grid=tuple(
            {"components": components, "centred": centred}
            for components in (100, 50)
            for centred in (False, True)
        ),
    )

    def __init__(
        self,
        fixed: Fixed,
        components: int = 100,
        centred: bool = False,
        target: str | None = None,
    ) -> None:
        super().__init__(fixed, centred, target)
        if components < 1:
            raise InputError(f"components must be at least 1, got {components}")
        self.components = components

    def _map(self, moments: Moments, view: str, target: _Target) -> F64:
        _, values, vectors = moments.spectrum(view)
        own = vectors[:, ::-1]
        others = moments.memo(
            ("axes of the fixed", view, self.target), lambda: _axes(target.covariance())
        )
        k = min(self.components, len(values), others.shape[1])
        u, _, vt = np.linalg.svd(own[:, :k].T @ target.cross @ others[:, :k])
        weight: F64 = own[:, :k] @ (u @ vt) @ others[:, :k].T
        return weight


def _axes(covariance: F64) -> F64:
    """Principal axes ``(k, r)`` with variance, the widest first."""
    values, vectors = symmetric_eigen(covariance)
    return vectors[:, values > _RANK * values.max(initial=0.0)][:, ::-1]


class KernelOnto(Aligner):
    """Kernel ridge regression of new views onto the fixed unit vectors.

    New views go through the Gaussian units of :class:`KernelCCA`; what those say is mapped by
    :class:`RidgeOnto`. Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual
    variables", 1998.

    Args:
        fixed: What stays.
        ridge: λ, relative to the mean eigenvalue of the components' covariance.
        sharpness: Larger looks only at near neighbours.
        centred: Whether new views lie about zero.
        target: The fixed view whose pairs count; None for all.
        max_centres: More rows than this are thinned out evenly.
    """

    name = "kernel-onto"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=3,
        grid=tuple(
            {"ridge": ridge, "sharpness": sharpness}
            for sharpness in (2.0, 4.0)
            for ridge in (1.0, 0.3)
        ),
    )

    def __init__(
        self,
        fixed: Fixed,
        ridge: float = 1.0,
        sharpness: float = 2.0,
        centred: bool = False,
        target: str | None = None,
        max_centres: int = _CENTRES,
    ) -> None:
        self.inner = RidgeOnto(fixed, ridge, centred, target)
        self.fixed, self.ridge, self.centred, self.target = fixed, ridge, centred, target
        self.sharpness = check_positive(sharpness, "sharpness")
        self.max_centres = max_centres

    def fit(self, pairs: Pairs) -> Self:
        """Place the units, then regress on what they say."""
        self.heads_ = self._heads(self.admit(pairs), Memo())
        return self

    def projection(self, pairs: PairedVectors, memo: Memo) -> Projection:
        """As ``fit``; the units are placed once for all ridges."""
        heads = self._heads(self.admit(pairs), memo)

        def project(rows: SharedRows, view: str) -> F32:
            return heads[view](rows.x)

        return project

    def _heads(self, pairs: PairedVectors, memo: Memo) -> dict[str, Head]:
        key = ("onto units", self.fixed, self.sharpness, self.max_centres)
        layers, moments = memo.get(key, lambda: self._hidden(pairs))
        inner = self.inner.fit_moments(moments).heads_
        return {m: _after(layers[m], head) if m in layers else head for m, head in inner.items()}

    def _hidden(self, pairs: PairedVectors) -> tuple[dict[str, HiddenLayer], Moments]:
        """The units of new views, and the moments of what they say."""
        ordered = in_canonical_order(pairs)
        layers, rows = {}, dict(ordered.vectors)
        for m in (m for m in ordered.views if m not in self.fixed.views):
            here = ordered.present[m]
            known = Centres.among(ordered.vectors[m][here], self.max_centres)
            layers[m] = HiddenLayer.around(known, sharpness=self.sharpness, linear=0.0)
            rows[m] = np.zeros((len(ordered), layers[m].width), np.float32)
            rows[m][here] = layers[m].of(known.own)
        return layers, Moments.of(PairedVectors(rows, ordered.present))


def _after(layer: HiddenLayer, head: Head) -> MLPHead:
    """A map of what units say, as one head with them."""
    assert isinstance(head, LinearHead | AffineHead)
    made = layer.head(head.mean, head.weight)
    if isinstance(head, AffineHead):
        made.bias = made.bias + head.bias
    return made


ONTO: tuple[type[Onto | KernelOnto], ...] = (RidgeOnto, ProcrustesOnto, KernelOnto)
"""All of them, those that most often win first."""
LINEAR_ONTO: tuple[type[Onto | KernelOnto], ...] = (RidgeOnto, ProcrustesOnto)
"""Those that map what lies off the rows they learned from as they map the rows: the vectors of
another view of one model lie off by the gap between the two."""
