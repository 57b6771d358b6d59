"""Fusions that are linear in every view, with weights of their own for each pattern of views."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.document import from_document
from isthmus.core.linalg import F64, Array
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need, split_names
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.shapley import Shares

Views = tuple[str, ...]
_ALL_PATTERNS_OF = 5
"""Of more views only the patterns that training records have, one view, and all but one."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """What is said of records that have exactly certain views.

    Attributes:
        rest: ``(width,)``, what no view can claim.
        terms: By view, the number of its weights and what they are multiplied by.
    """

    rest: F64
    terms: Mapping[str, tuple[int, float]]


@dataclass(frozen=True)
class _PatternRow:
    """Places of views; and of each term the place of its view, the number, and the factor."""

    views: tuple[int, ...]
    terms: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class _Document:
    patterns: tuple[_PatternRow, ...]


class LinearFusion(Fusion):
    """Scores that are a sum of linear maps of the views that a record has.

    Subclasses fill what is learned by :meth:`_learned`.
    """

    def _learned(
        self,
        means: Mapping[str, F64],
        weights: Mapping[str, Sequence[F64]],
        patterns: Mapping[Views, Pattern],
    ) -> None:
        """Keep what was learned.

        Args:
            means: ``(d,)`` by view that says something.
            weights: ``(d, width)`` of these, one or several a view.
            patterns: By views in the order of ``views_``; that of no view at all, and of each
                alone, must be there.
        """
        self._means = dict(means)
        self._weights = {view: list(several) for view, several in weights.items()}
        self._patterns = dict(patterns)

    def answer_as(self, other: Fusion, views: Collection[str]) -> None:
        """Answer records that have exactly these views as another fusion does.

        Args:
            other: Linear, fitted on the same rows.
            views: Some of those that records may have.
        """
        there = self._known_views(views)
        if not isinstance(other, LinearFusion) or there != other._known_views(views):
            return
        theirs, unit = other._pattern(there), other.scale_.unit / self.scale_.unit
        rest = unit * theirs.rest + (other.scale_.origin - self.scale_.origin) / self.scale_.unit
        terms: dict[str, tuple[int, float]] = {}
        for view, (number, factor) in theirs.terms.items():
            weight = other._weights[view][number]
            rest = rest + unit * factor * ((self._means[view] - other._means[view]) @ weight)
            terms[view] = (len(self._weights[view]), unit * factor)
            self._weights[view].append(weight)
        self._patterns[there] = Pattern(rest, terms)

    def linear(self, view: str, there: Collection[str]) -> tuple[F64, F64]:
        """Mean ``(d,)`` and weight ``(d, width)``: the share of a view is ``(x − mean) @ weight``.

        Args:
            view: The view, one of ``there``.
            there: All views that the record has.
        """
        pattern = self._pattern(self._known_views(there))
        if view not in pattern.terms:
            dim = self.views_[view]
            return np.zeros(dim), np.zeros((dim, self.target_.width))
        number, factor = pattern.terms[view]
        return self._means[view], self.scale_.unit * factor * self._weights[view][number]

    def _known_views(self, there: Collection[str]) -> Views:
        return tuple(view for view in self.views_ if view in there and view in self._means)

    def _pattern(self, views: Views) -> Pattern:
        """That of exactly these views; where nobody had them, the mean of each alone."""
        if views in self._patterns:
            return self._patterns[views]
        alone = [self._patterns[view,] for view in views]
        terms = {
            view: (number, factor / len(views))
            for each in alone
            for view, (number, factor) in each.terms.items()
        }
        return Pattern(np.mean([each.rest for each in alone], axis=0), terms)

    def _scores(self, rows: PairedVectors) -> F64:
        scores = np.zeros((len(rows), self.target_.width))
        for chosen, pattern in self._by_pattern(rows):
            scores[chosen] = pattern.rest
            for view in pattern.terms:
                scores[chosen] += self._term(rows, view, pattern, chosen)
        return scores

    def _shares(self, rows: PairedVectors) -> Shares:
        rest = np.zeros((len(rows), self.target_.width))
        views = {view: np.zeros_like(rest) for view in self.views_}
        for chosen, pattern in self._by_pattern(rows):
            rest[chosen] = pattern.rest
            for view in pattern.terms:
                views[view][chosen] = self._term(rows, view, pattern, chosen)
        return Shares(views, rest)

    def _by_pattern(self, rows: PairedVectors) -> Iterator[tuple[NDArray[np.intp], Pattern]]:
        names = list(self._means)
        there = np.stack([rows.present[view] for view in names], axis=1) if names else None
        if there is None:
            yield np.arange(len(rows)), self._patterns[()]
            return
        kinds, of_row = np.unique(there, axis=0, return_inverse=True)
        for number, kind in enumerate(kinds):
            views = tuple(view for view, has in zip(names, kind, strict=True) if has)
            yield np.flatnonzero(of_row.ravel() == number), self._pattern(views)

    def _term(
        self, rows: PairedVectors, view: str, pattern: Pattern, chosen: NDArray[np.intp]
    ) -> F64:
        number, factor = pattern.terms[view]
        x = rows.vectors[view]
        x = x if len(chosen) == len(x) else x[chosen]
        term: F64 = factor * ((x - self._means[view]) @ self._weights[view][number])
        return term

    def state(self) -> State:
        """Means, weights and patterns; views go by their place."""
        place = {view: number for number, view in enumerate(self.views_)}
        tensors: dict[str, Array] = {f"{place[v]}.mean": mean for v, mean in self._means.items()}
        for view, several in self._weights.items():
            tensors[f"{place[view]}.weight"] = np.stack(several)
        tensors["rest"] = np.stack([each.rest for each in self._patterns.values()])
        patterns = [
            {
                "views": [place[view] for view in views],
                "terms": [[place[v], number, factor] for v, (number, factor) in each.terms.items()],
            }
            for views, each in self._patterns.items()
        ]
        return {"patterns": patterns}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        read = from_document(_Document, dict(document), self.name)
        groups, width = split_names(tensors), self.target_.width
        sizes = {"p": len(read.patterns), "w": width}
        rest = exact(groups.pop("rest", {}), sizes, **{"": "pw"})[""]
        names = {str(place): view for place, view in enumerate(self.views_)}
        means: dict[str, F64] = {}
        weights: dict[str, F64] = {}
        for place, view in names.items():
            if place in groups:
                sizes = {"d": self.views_[view], "w": width}
                arrays = exact(groups.pop(place), sizes, mean="d", weight="kdw")
                means[view], weights[view] = arrays["mean"], arrays["weight"]
        need(not groups, f"there are arrays of no view: {', '.join(sorted(groups))[:80]}")
        patterns: dict[Views, Pattern] = {}
        for row, own in zip(read.patterns, rest, strict=True):
            views = places_to_views(row.views, self.views_)
            terms = {
                v: t for (v,), t in ((places_to_views(t[:1], self.views_), t) for t in row.terms)
            }
            fits = all(v in views and 0 <= t[1] < len(weights.get(v, ())) for v, t in terms.items())
            need(fits and len(terms) == len(row.terms), "a pattern has terms of other views")
            patterns[views] = Pattern(own, {v: (t[1], t[2]) for v, t in terms.items()})
        alone = {(), *((view,) for view in means)}
        need(alone <= set(patterns), "a pattern of no view, and of each alone, must be there")
        self._learned(means, {view: list(several) for view, several in weights.items()}, patterns)


def places_to_views(places: Sequence[int], views: Mapping[str, int]) -> Views:
    """Views by their places, each once and in order.

    Raises:
        ArtifactError: If they are something else.
    """
    names = list(views)
    fits = all(0 <= place < len(names) for place in places)
    need(
        fits and sorted(set(places)) == list(places), f"{list(places)!r:.40} are no places of views"
    )
    return tuple(names[place] for place in places)


def patterns_of(rows: PairedVectors | None, views: Views) -> list[Views]:
    """Sets of views for which weights are learned; each view alone and all together are there.

    Args:
        rows: Training records, where there are any.
        views: That say something, in order.
    """
    if len(views) <= _ALL_PATTERNS_OF:
        return [c for size in range(1, len(views) + 1) for c in combinations(views, size)]
    seen: set[Views] = set()
    if rows is not None:
        there = np.unique(np.stack([rows.present[view] for view in views], axis=1), axis=0)
        seen = {tuple(v for v, has in zip(views, row, strict=True) if has) for row in there}
    one_gone = {tuple(each for each in views if each != view) for view in views}
    chosen = seen | one_gone | {(view,) for view in views} | {views}
    return sorted(chosen - {()}, key=lambda each: (len(each), each))
