"""The figures of every direction, whether measured once or averaged over folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.report.kit.words import sides
from isthmus.space import wilson_interval

CHANCE = "pure chance"
_NULLS = {"shuffled": "shuffled pairs", "random": "random encoders"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval, which is None where none is known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the space itself, or what it is compared with."""

    label: str
    r1: Figure
    r10: Figure
    medr: Figure
    map: Figure | None


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction under one read-out.

    Attributes:
        name: ``"text→image"``.
        rows: The space first, then shuffled pairs, random encoders and pure chance.
        queries: How many queries (a fold, where there are folds).
        gallery: Among how many things each was looked for.
    """

    name: str
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


def directions(
    measured: Mapping[str, Any],
    readout: str = "instance",
    nulls: Mapping[str, Any] | None = None,
) -> list[Direction]:
    """Read what ``evaluate`` returned, or its summary over folds.

    Args:
        measured: With a key ``"directions"``.
        readout: ``"instance"`` or ``"semantic"``.
        nulls: ``space.report["null"]``, where there is one.

    Returns:
        Those from text first, in the order measured.
    """
    found = []
    for name, readouts in measured["directions"].items():
        cells = readouts.get(readout)
        if cells is None:
            continue
        rows = [_row("this space", cells)]
        for kind, label in _NULLS.items():
            null = (nulls or {}).get(kind, {}).get(name, {}).get(readout)
            if null is not None:
                rows.append(_row(label, null))
        rows.append(_chance(cells))
        found.append(Direction(name, rows, _mean(cells, "n_queries"), _mean(cells, "n_gallery")))
    return sorted(found, key=lambda d: sides(d.name)[0] != "text")


def _row(label: str, cells: Mapping[str, Any]) -> Row:
    n = _mean(cells, "n_queries")
    return Row(
        label,
        _figure(cells["r1"], n),
        _figure(cells["r10"], n),
        _figure(cells["medr"]),
        _figure(cells["map"]) if "map" in cells else None,
    )


def _figure(cell: Any, n: float | None = None) -> Figure:
    """Mean ± sd over folds, or a share counted on ``n`` queries with Wilson's interval."""
    if isinstance(cell, Mapping):
        mean, sd = float(cell["mean"]), cell["sd"]
        if sd is None:
            return Figure(mean)
        top = 1.0 if n is not None else float("inf")
        return Figure(mean, max(0.0, mean - sd), min(top, mean + sd))
    if n is None:
        return Figure(float(cell))
    return Figure(float(cell), *wilson_interval(float(cell), round(n)))


def _chance(cells: Mapping[str, Any]) -> Row:
    return Row(
        CHANCE,
        Figure(_mean(cells, "chance_r1")),
        Figure(_mean(cells, "chance_r10")),
        Figure((_mean(cells, "n_gallery") + 1) / 2),
        Figure(_mean(cells, "chance_map")) if "chance_map" in cells else None,
    )


def _mean(cells: Mapping[str, Any], name: str) -> float:
    cell = cells[name]
    return float(cell["mean"] if isinstance(cell, Mapping) else cell)
