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
    """Every direction next to chance: recall by the ``instance`` read-out, mAP by ``semantic``.

    Args:
        title: Above the table.
        directions: From ``evaluate`` (numbers) or its summary (mean and sd).
        null: The same for shuffled pairs, if known.
        emergent: Directions that no training record had together.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("direction", no_wrap=True)
    columns = ["R@1", "R@10", "chance"]
    if null:
        columns.append("shuffled")
    for column in [*columns, "median", "mAP", "among"]:
        table.add_column(column, justify="right", no_wrap=True)
    for name, readouts in directions.items():
        row = readouts["instance"]
        cells = [
            name + (" *" if name in emergent else ""),
            _share(row["r1"]),
            _share(row["r10"]),
            _share(row["chance_r10"], spread=False),
            _mean(row["medr"], ".1f"),
            _share(readouts["semantic"].get("map")),
            _mean(row["n_gallery"], ".0f"),
        ]
        if null:
            cells.insert(4, _share(null[name]["instance"]["r10"], spread=False))
        table.add_row(*cells)
    return table


NOTE = (
    "Recall and median rank by the instance read-out, mAP by category by the semantic one; "
    "chance and shuffled are of R@10."
)
"""What a reader of the table has to know."""


def _share(value: Any, *, spread: bool = True) -> str:
    """``.32`` or ``.32±.04``."""
    if value is None:
        return "–"
    shown = _mean(value, ".2f").removeprefix("0")
    deviation = value.get("sd") if isinstance(value, Mapping) else None
    if not spread or deviation is None:
        return shown
    return f"{shown}±{deviation:.2f}".replace("±0.", "±.")


def _mean(value: Any, form: str) -> str:
    number = value["mean"] if isinstance(value, Mapping) else value
    return "–" if number is None else format(number, form)
