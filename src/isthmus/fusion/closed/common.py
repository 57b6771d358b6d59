"""Fusion in a space that the views share: sums and products of canonical directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.traits import Params, Search
from isthmus.core.document import from_document
from isthmus.core.errors import InputError, NoSignalError
from isthmus.core.linalg import F32, F64, Array, symmetric_eigen
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need, split_names
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.closed.block import Block, Side, block_of_view
from isthmus.fusion.closed.heldout import deal
from isthmus.fusion.closed.joined import TARGET, Joined
from isthmus.fusion.closed.patterns import (
    LinearFusion,
    Pattern,
    Views,
    patterns_of,
    places_to_views,
)
from isthmus.fusion.closed.tuned import RIDGES, RowBench
from isthmus.fusion.target import Target
from isthmus.moments.selected import SelectedMoments
from isthmus.moments.spectra import RANK_TOLERANCE

_GRID: tuple[Params, ...] = tuple(
    {"components": components, "ridge": ridge}
    for components, ridge in ((64, 1.0), (16, 1.0), (64, 10.0), (256, 1.0), (256, 10.0))
)
_PRODUCT = "product"
_MOST_DEVIATIONS = 3.0
"""Larger components are cut off, so that no product of them explodes."""


class CommonSpace:
    """Each view mapped to the same directions of unit variance or less, the strongest first.

    They are canonical directions of the views (:class:`isthmus.aligners.CCA`), found without the
    target; of one view alone, and of views that share no signal, principal components.

    Args:
        joined: Moments of the views and a target.
        components: Directions at most.
        ridge: Of CCA.
    """

    def __init__(self, joined: Joined, components: int, ridge: float) -> None:
        views = tuple(view for view in joined.views if joined.useful(view))
        self.means = {view: joined.moments.mean(view) for view in views}
        maps = self._canonical(joined, views, components, ridge)
        if maps is None:
            maps = {view: _principal(joined, view, components, ridge) for view in views}
        width = max((each.shape[1] for each in maps.values()), default=1)
        self.maps = {
            view: np.pad(each, ((0, 0), (0, width - each.shape[1]))) for view, each in maps.items()
        }

    @staticmethod
    def _canonical(
        joined: Joined, views: Views, components: int, ridge: float
    ) -> dict[str, F64] | None:
        """Heads of CCA; None where there is no view, one has no other, or they share no signal."""
        moments = SelectedMoments(joined.moments, views)
        if not views or not all(moments.neighbours(view) for view in views):
            return None
        cca = CCA(ridge=ridge, power=0.0, components=components, scale=True)
        try:
            heads: Mapping[str, Any] = cca.fit_moments(moments).heads_
        except NoSignalError:
            return None
        return {view: np.asarray(heads[view].weight, dtype=np.float64) for view in views}


def _principal(joined: Joined, view: str, components: int, ridge: float) -> F64:
    """Principal components, whitened."""
    scales, values, vectors = joined.moments.spectrum(view, scale=True)
    shrunk = np.sqrt(values + ridge * values.sum() / joined.moments.dims[view])
    strongest = np.argsort(-values)[:components]
    whole: F64 = scales[:, None] * vectors[:, strongest] / shrunk[strongest]
    return whole


class _Common(Fusion):
    """Hyper-parameters of a fusion in a common space."""

    def __init__(self, components: int = 64, ridge: float = 1.0) -> None:
        if components < 1:
            raise InputError(f"components must be at least 1, got {components}")
        self.components = components
        self.ridge = check_positive(ridge, "ridge")

    def _prepared(
        self, rows: PairedVectors, target: Target, memo: Memo
    ) -> tuple[RowBench, CommonSpace]:
        joined = memo.get("joined", lambda: Joined.of(rows, target))
        held = memo.get("held", lambda: deal(rows, target))
        bench = memo.get("bench", lambda: RowBench(joined, held))
        key = ("common", self.components, self.ridge)
        return bench, memo.get(key, lambda: CommonSpace(joined, self.components, self.ridge))


class Add(_Common, LinearFusion):
    """One linear predictor of the mean of the views' canonical directions.

    For each set of views there is a predictor of the mean of these.

    Args:
        components: Directions of the common space at most.
        ridge: λ of the canonical correlation analysis.
    """

    name = "add"
    search = Search(place=60, grid=_GRID)

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        bench, space = self._prepared(rows, target, memo)
        prior = bench.joined.prior
        patterns: dict[Views, Pattern] = {(): Pattern(prior, {})}
        weights: dict[str, list[F64]] = {view: [] for view in space.maps}
        for views in patterns_of(rows, tuple(space.maps)):
            block = _mean_block(bench.joined, space, views)
            if block is None:
                patterns[views] = Pattern(prior, {})
                continue
            part = bench.tuned(block, RIDGES, "ridge")
            patterns[views] = Pattern(
                prior + part.fitted.offset, {v: (len(weights[v]), part.slope) for v in views}
            )
            for view, side in block.sides.items():
                weights[view].append(side.weight(part.inner.weight))
        self._learned(space.means, weights, patterns)


def _mean_block(joined: Joined, space: CommonSpace, views: Views) -> Block | None:
    """Uncorrelated directions of the mean of some views in the common space."""
    moments, share = joined.moments, 1 / len(views)
    maps = {view: share * space.maps[view] for view in views}
    width = next(iter(maps.values())).shape[1]
    whole = np.zeros((width, width))
    for a in views:
        whole += maps[a].T @ moments.covariance(a) @ maps[a]
        for b in views:
            if a != b and moments.count(a, b) > 0:
                whole += maps[a].T @ moments.cross(a, b) @ maps[b]
    values, turn = symmetric_eigen(whole)
    keep = values > RANK_TOLERANCE[moments.products] * values.max(initial=0.0)
    if not keep.any():
        return None
    values, turn = values[keep], turn[:, keep]
    onto: F64 = np.sum([(maps[v] @ turn).T @ joined.cross(v) for v in views], axis=0)
    sides = {view: Side(space.means[view], maps[view], turn) for view in views}
    count = min(moments.count(view, TARGET) for view in views)
    return Block(sides, values, onto, float(values.mean()), count)


@dataclass(frozen=True)
class _Heads:
    """Places of the views of each head."""

    heads: tuple[tuple[int, ...], ...]


class Multiply(_Common):
    """One linear predictor of the product of the views' canonical directions.

    Each view gives ``1 + z`` with ``z`` its components, so that a view that is missing leaves the
    product as it is, and what the others say counts also where one says nothing. For each set of
    views there is a predictor of the product of these.

    Args:
        components: Directions of the common space at most.
        ridge: λ of the canonical correlation analysis.
    """

    name = "multiply"
    search = Search(place=70, grid=_GRID)

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        bench, space = self._prepared(rows, target, memo)
        self._means, self._maps = space.means, space.maps
        self._heads: dict[Views, tuple[F64, F64, F64]] = {}
        self._prior = bench.joined.prior
        for views in patterns_of(rows, tuple(space.maps)):
            complete = rows.rows(*views)
            if len(complete) < 2:
                continue
            product = self._product(rows, views, complete)
            inside = PairedVectors({_PRODUCT: product}, groups=_groups(rows, complete))
            joined = Joined.of(inside, target.take(complete))
            if not joined.useful(_PRODUCT):
                continue
            own = RowBench(joined, deal(inside, target.take(complete)))
            part = own.tuned(block_of_view(joined, _PRODUCT, scale=False), RIDGES, "ridge")
            side = part.block.sides[_PRODUCT]
            rest = joined.prior + part.fitted.offset
            self._heads[views] = side.mean, part.slope * side.weight(part.inner.weight), rest

    def _product(self, rows: PairedVectors, views: Views, chosen: Array) -> F32:
        product = np.ones((len(chosen), next(iter(self._maps.values())).shape[1]))
        for view in views:
            parts = (rows.vectors[view][chosen] - self._means[view]) @ self._maps[view]
            product *= 1 + np.clip(parts, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
        # A constant column keeps rows from being only zeros.
        product = np.column_stack([product, np.ones(len(product))])
        return product.astype(np.float32)

    def _scores(self, rows: PairedVectors) -> F64:
        scores = np.tile(self._prior, (len(rows), 1))
        names = list(self._maps)
        if not names:
            return scores
        there = np.stack([rows.present[view] for view in names], axis=1)
        kinds, of_row = np.unique(there, axis=0, return_inverse=True)
        for number, kind in enumerate(kinds):
            chosen = np.flatnonzero(of_row.ravel() == number)
            views = tuple(view for view, has in zip(names, kind, strict=True) if has)
            known = (
                [views] if views in self._heads else [(v,) for v in views if (v,) in self._heads]
            )
            for each in known:
                mean, weight, rest = self._heads[each]
                said = rest - self._prior + (self._product(rows, each, chosen) - mean) @ weight
                scores[chosen] += said / len(known)
        return scores

    def state(self) -> State:
        """Maps of the views, and the predictor of each set of them."""
        place = {view: number for number, view in enumerate(self.views_)}
        tensors: dict[str, Array] = {"prior": self._prior}
        for view in self._maps:
            tensors[f"{place[view]}.mean"] = self._means[view]
            tensors[f"{place[view]}.map"] = self._maps[view]
        for number, head in enumerate(self._heads.values()):
            for name, value in zip(("mean", "weight", "rest"), head, strict=True):
                tensors[f"head.{number}.{name}"] = value
        return {"heads": [[place[view] for view in views] for views in self._heads]}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        read = from_document(_Heads, dict(document), self.name)
        groups, width = split_names(tensors), self.target_.width
        self._prior = exact(groups.pop("prior", {}), {"w": width}, **{"": "w"})[""]
        heads = split_names(groups.pop("head", {}))
        self._means, self._maps, self._heads = {}, {}, {}
        columns = 0
        for place, (view, dim) in enumerate(self.views_.items()):
            if str(place) in groups:
                sizes = {"d": dim} | ({"c": columns} if columns else {})
                arrays = exact(groups.pop(str(place)), sizes, mean="d", map="dc")
                self._means[view], self._maps[view] = arrays["mean"], arrays["map"]
                columns = arrays["map"].shape[1]
        for number, places in enumerate(read.heads):
            views = places_to_views(places, self.views_)
            need(views != () and set(views) <= set(self._maps), "a head is of views without a map")
            sizes = {"q": columns + 1, "w": width}
            own = exact(heads.pop(str(number), {}), sizes, mean="q", weight="qw", rest="w")
            self._heads[views] = own["mean"], own["weight"], own["rest"]
        need(not groups and not heads, "there are arrays of no view and no head")
        need(len(self._heads) == len(read.heads), "two heads are of the same views")


def _groups(rows: PairedVectors, chosen: Array) -> Array | None:
    return None if rows.groups is None else np.asarray(rows.groups)[chosen]
