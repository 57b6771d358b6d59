"""The figures of every direction, whether measured once or averaged over folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.core.view import TEXT, Direction
from isthmus.metrics import wilson_interval
from isthmus.report.kit.plot import Figure
from isthmus.report.kit.views import Views
from isthmus.space import Evaluation, Readout
from isthmus.space.report import Null, Readouts, RetrievalFigures, Spread, Summary

CHANCE = "pure chance"
SHUFFLED = "shuffled pairs"
RANDOM = "random encoders"

_Cells = RetrievalFigures[float] | RetrievalFigures[Spread]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the space itself, or what it is compared with."""

    label: str
    r1: Figure
    r10: Figure
    medr: Figure
    map: Figure | None


@dataclass(frozen=True, slots=True)
class DirectionFigures:
    """One direction under one read-out.

    Attributes:
        direction: From what is asked to what is found.
        rows: The space first, then shuffled pairs, random encoders and pure chance.
        queries: How many queries (a fold, where there are folds).
        gallery: Among how many things each was looked for.
    """

    direction: Direction
    rows: list[Row]
    queries: float
    gallery: float

    @property
    def found(self) -> Row:
        """The space itself."""
        return self.rows[0]

    @property
    def chance(self) -> Row:
        """What a random order gets."""
        return self.rows[-1]

    def null(self, label: str) -> Row | None:
        """A comparison by its label."""
        return next((row for row in self.rows[1:] if row.label == label), None)


def direction_figures(
    measured: Evaluation | Summary,
    views: Views,
    readout: Readout = "instance",
    null: Null | None = None,
) -> list[DirectionFigures]:
    """The rows of every direction.

    Args:
        measured: By :func:`isthmus.space.evaluate`, or its summary over folds.
        views: Tell which views are text.
        readout: Which of both.
        null: What no signal gives, where it is known.

    Returns:
        Those from text first, in the order measured.
    """
    nulls: dict[str, Mapping[Direction, Readouts[Spread]]] = (
        {} if null is None else {SHUFFLED: null.shuffled, RANDOM: null.random}
    )
    found = []
    for direction, readouts in measured.directions.items():
        cells: _Cells = getattr(readouts, readout)
        rows = [_row("this space", cells)]
        rows += [
            _row(label, getattr(by_direction[direction], readout))
            for label, by_direction in nulls.items()
            if direction in by_direction
        ]
        rows.append(_chance(cells))
        sizes = (mean(cells.n_queries), mean(cells.n_gallery))
        found.append(DirectionFigures(direction, rows, *sizes))
    return sorted(found, key=lambda each: views.modality(each.direction.query) != TEXT)


def mean(cell: float | Spread) -> float:
    """A number, or the mean of several."""
    return float(cell.mean if isinstance(cell, Spread) else cell)


def _row(label: str, cells: _Cells) -> Row:
    n = mean(cells.n_queries)
    return Row(
        label,
        _figure(cells.r1, n),
        _figure(cells.r10, n),
        _figure(cells.medr),
        None if cells.map is None else _figure(cells.map),
    )


def _figure(cell: float | Spread, n: float | None = None) -> Figure:
    """Mean ± sd over folds, or a share counted on ``n`` queries with Wilson's interval."""
    if isinstance(cell, Spread):
        if cell.sd is None:
            return Figure(cell.mean)
        top = 1.0 if n is not None else float("inf")
        return Figure(cell.mean, max(0.0, cell.mean - cell.sd), min(top, cell.mean + cell.sd))
    return Figure(float(cell), *(() if n is None else wilson_interval(float(cell), round(n))))


def _chance(cells: _Cells) -> Row:
    return Row(
        CHANCE,
        Figure(mean(cells.chance_r1)),
        Figure(mean(cells.chance_r10)),
        Figure((mean(cells.n_gallery) + 1) / 2),
        None if cells.chance_map is None else Figure(mean(cells.chance_map)),
    )
