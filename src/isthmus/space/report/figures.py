"""Figures of retrieval and geometry, measured once or summarised over folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import numpy as np

from isthmus.core.document import Json, to_object
from isthmus.core.view import Direction, ViewPair

N = TypeVar("N", "float", "Spread")
"""A number, or what it is over several folds or seeds."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over several folds or seeds.

    Attributes:
        mean: Of all.
        sd: Standard deviation between them; None where there is only one.
        n: How many there are.
    """

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more.

        Examples:
            >>> Spread.of([0.1, 0.3]).mean
            0.2
        """
        numbers = np.array(values, dtype=float)
        sd = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
        return cls(float(numbers.mean()), sd, len(numbers))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.sd is None else f"{self.mean:.3f} ± {self.sd:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalFigures(Generic[N]):
    """How well queries of one view find items of another under one read-out.

    Fields are those of :class:`isthmus.metrics.RetrievalReport`. ``map``, ``ndcg10`` and
    ``chance_map`` are by group; they are None where some record has no group.
    """

    r1: N
    r5: N
    r10: N
    medr: N
    mrr: N
    n_queries: N
    n_gallery: N
    chance_r1: N
    chance_r10: N
    map: N | None = None
    ndcg10: N | None = None
    chance_map: N | None = None


@dataclass(frozen=True, slots=True)
class Readouts(Generic[N]):
    """One direction.

    Attributes:
        instance: For finding the one that belongs.
        semantic: For finding what is alike in kind.
    """

    instance: RetrievalFigures[N]
    semantic: RetrievalFigures[N]


@dataclass(frozen=True, slots=True)
class Geometry(Generic[N]):
    """How the vectors of two views lie; each field is described by its name in ``metrics``."""

    median_true_cosine: N
    modality_gap: N
    alignment: N
    uniformity: N
    hubness_skew: N
    foscttm: N


@dataclass(frozen=True)
class Quality(Generic[N]):
    """How well a space finds things.

    Attributes:
        directions: Every one that was measured, with both read-outs.
        geometry: By pair of views.

    Examples:
        ``quality[Direction("text", "image")].instance.r10``
    """

    directions: Mapping[Direction, Readouts[N]]
    geometry: Mapping[ViewPair, Geometry[N]]

    def __getitem__(self, direction: Direction) -> Readouts[N]:
        return self.directions[direction]

    def __iter__(self) -> Iterator[Direction]:
        return iter(self.directions)

    def to_json(self) -> dict[str, Json]:
        """Plain values: one row a direction, one row a pair of views."""
        return to_object(self)


Evaluation = Quality[float]
"""Measured once: what :func:`isthmus.space.evaluate` returns."""
Summary = Quality[Spread]
"""Over folds or seeds."""


def mean_recall(found: Evaluation | Summary) -> tuple[float, float]:
    """Mean R@1 and R@10 of all directions under the ``instance`` read-out."""
    rows = [each.instance for each in found.directions.values()]
    return _mean(row.r1 for row in rows), _mean(row.r10 for row in rows)


def mean_chance(found: Evaluation | Summary) -> tuple[float, float]:
    """What a random order gets for both of :func:`mean_recall`."""
    rows = [each.instance for each in found.directions.values()]
    return _mean(row.chance_r1 for row in rows), _mean(row.chance_r10 for row in rows)


def _mean(values: Iterable[float | Spread]) -> float:
    numbers = [_number(value) for value in values]
    return sum(numbers) / len(numbers)


def _number(value: float | Spread) -> float:
    return value.mean if isinstance(value, Spread) else value


def summarise(folds: Sequence[Evaluation]) -> Summary:
    """Mean and standard deviation of every figure over folds or seeds.

    Args:
        folds: One evaluation each; a direction may be missing in some.
    """
    ways = dict.fromkeys(way for fold in folds for way in fold.directions)
    pairs = dict.fromkeys(pair for fold in folds for pair in fold.geometry)
    return Quality(
        {way: _readouts([f.directions[way] for f in folds if way in f.directions]) for way in ways},
        {
            pair: _geometry([f.geometry[pair] for f in folds if pair in f.geometry])
            for pair in pairs
        },
    )


def _readouts(found: Sequence[Readouts[float]]) -> Readouts[Spread]:
    return Readouts(
        _retrieval([each.instance for each in found]), _retrieval([each.semantic for each in found])
    )


def _retrieval(found: Sequence[RetrievalFigures[float]]) -> RetrievalFigures[Spread]:
    return RetrievalFigures(**_spreads(found))


def _geometry(found: Sequence[Geometry[float]]) -> Geometry[Spread]:
    return Geometry(**_spreads(found))


def _spreads(
    found: Sequence[RetrievalFigures[float]] | Sequence[Geometry[float]],
) -> dict[str, Spread]:
    """Spread by name of a field; names of which no fold has a value are left out."""
    values = {
        each.name: [v for one in found if (v := getattr(one, each.name)) is not None]
        for each in fields(found[0])
    }
    return {name: Spread.of(numbers) for name, numbers in values.items() if numbers}
