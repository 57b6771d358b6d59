"""Figures as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from isthmus.cli.console import shown

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.core.view import Direction
    from isthmus.space import Evaluation
    from isthmus.space.report import Readouts, Spread, Summary


def directions_table(
    title: str,
    measured: Evaluation | Summary,
    null: Mapping[Direction, Readouts[Spread]] | None = None,
    emergent: Set[Direction] = frozenset(),
) -> Table:
    """Every direction next to chance: recall by the ``instance`` read-out, mAP by ``semantic``.

    Args:
        title: Above the table.
        measured: Once, or over folds.
        null: The same for shuffled pairs, if known.
        emergent: Directions that no training record had together.
    """
    from rich.table import Table

    table = Table(title=shown(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("direction", no_wrap=True)
    columns = ["R@1", "R@10", "chance"]
    if null:
        columns.append("shuffled")
    for column in [*columns, "median", "mAP", "gallery"]:
        table.add_column(column, justify="right", no_wrap=True)
    for direction, readouts in measured.directions.items():
        row = readouts.instance
        cells = [
            shown(str(direction)) + (" *" if direction in emergent else ""),
            _share(row.r1),
            _share(row.r10),
            f"{_chance(row.chance_r1)}, {_chance(row.chance_r10)}",
            _mean(row.medr, ".1f"),
            _share(readouts.semantic.map),
            _mean(row.n_gallery, ".0f"),
        ]
        if null:
            cells.insert(4, _share(null[direction].instance.r10, spread=False))
        table.add_row(*cells)
    return table


def note(*, shuffled: bool = False) -> str:
    """What a reader of the table has to know.

    Args:
        shuffled: Whether it has that column.
    """
    more = ", the column shuffled R@10" if shuffled else ""
    return (
        "Recall and median rank use the instance read-out; mAP by group uses the semantic "
        f"read-out. The column chance shows R@1 and R@10{more}."
    )


def _share(value: float | Spread | None, *, spread: bool = True) -> str:
    """``.32`` or ``.32±.04``."""
    if value is None:
        return "–"
    shown = _mean(value, ".2f").removeprefix("0")
    deviation = None if isinstance(value, float | int) else value.sd
    if not spread or deviation is None:
        return shown
    return f"{shown}±{deviation:.2f}".replace("±0.", "±.")


def _chance(value: float | Spread) -> str:
    """A share of two digits; a small one keeps its first.

    Examples:
        >>> _chance(10 / 130), _chance(1 / 130), _chance(1 / 5000), _chance(1.0)
        ('.08', '.01', '.0002', '1.00')
    """
    digits = 2
    while round(_number(value), digits) == 0 < _number(value):
        digits += 1
    return _mean(value, f".{digits}f").removeprefix("0")


def _number(value: float | Spread) -> float:
    return value if isinstance(value, float | int) else value.mean


def _mean(value: float | Spread, form: str) -> str:
    return format(_number(value), form)
