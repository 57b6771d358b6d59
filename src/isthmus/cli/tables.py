"""Figures as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def directions_table(
    title: str,
    directions: Mapping[str, Any],
    null: Mapping[str, Any] | None = None,
    emergent: frozenset[str] = frozenset(),
) -> Table:
    """Every direction under the ``instance`` read-out, next to chance.

    Args:
        title: Above the table.
        directions: From ``evaluate`` (numbers) or its summary (mean and sd).
        null: The same for shuffled pairs, if known.
        emergent: Directions that no training record had together.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("direction")
    columns = ["R@1", "R@10", "median rank", "mAP", "gallery", "chance R@10"]
    if null:
        columns.append("shuffled R@10")
    for column in columns:
        table.add_column(column, justify="right")
    for name, readouts in directions.items():
        row = readouts["instance"]
        cells = [
            name + (" *" if name in emergent else ""),
            _figure(row["r1"], ".3f"),
            _figure(row["r10"], ".3f"),
            _figure(row["medr"], ".1f"),
            _figure(readouts["semantic"].get("map"), ".3f"),
            _figure(row["n_gallery"], ".0f", spread=False),
            _figure(row["chance_r10"], ".3f", spread=False),
        ]
        if null:
            cells.append(_figure(null[name]["instance"]["r10"], ".3f", spread=False))
        table.add_row(*cells)
    return table


def _figure(value: Any, form: str, *, spread: bool = True) -> str:
    if value is None:
        return "–"
    if not isinstance(value, Mapping):
        return format(value, form)
    mean = "–" if value["mean"] is None else format(value["mean"], form)
    return f"{mean} ± {value['sd']:{form}}" if spread and value["sd"] is not None else mean
