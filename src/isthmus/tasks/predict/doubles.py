"""Records that are the same, or nearly, and so stay on one side of every split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.near import Labels, same_numbers, same_rows
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Record
from isthmus.core.wording import count, way
from isthmus.pipeline.splits import Together, doubled, keep_together, linked_groups
from isthmus.predictor.columns import Columns

PLAIN = ""
"""Stands for all plain columns, where views are named."""
_BY_CHANCE = 3.0
"""Times as many equal records as columns would make that know nothing of one another, up to which
they are taken for chance. Columns that do know of one another make more. Chosen, not tuned."""
_LEAST_DIFFERENT = 20
"""Different records that folds need, as many as a predictor does."""


def together(
    records: Sequence[Record],
    pairs: PairedVectors,
    columns: Mapping[str, Columns],
    near: Mapping[str, bool],
    folds: int,
) -> Together:
    """Which records stay on one side of every split.

    Records do that share a group or an item of a view, or nearly so; and records without media
    that say the same in all columns, where that is no chance and leaves enough to deal.

    Args:
        records: ``n`` of them.
        pairs: Their vectors.
        columns: Plain columns by view.
        near: See :func:`isthmus.pipeline.splits.doubled`.
        folds: That are dealt.
    """
    links = linked_groups(records)
    doubles = doubled(pairs, near)
    alone = np.flatnonzero(np.all([codes < 0 for codes in doubles.values()], axis=0) if doubles
                           else np.ones(len(records), dtype=bool))  # fmt: skip
    most = len(records) / folds
    chance: dict[str, int] = {}
    if columns and len(alone):
        said = np.full(len(records), -1, dtype=np.intp)
        numbers, texts = _said([records[row] for row in alone.tolist()], columns)
        rows = same_rows(np.column_stack([*numbers, *texts]))
        if _cheap(rows, numbers) and not _by_chance(rows, [*numbers, *texts]):
            said[alone] = rows
        else:
            chance = {PLAIN: int(_again(rows).sum())}
        doubles[PLAIN] = said
    made = keep_together(links, doubles, most)
    return Together(made.links, made.joined, {**made.apart, **chance})


def notes_of(made: Together) -> list[str]:
    """How many records stay together, and how many do not, in words."""
    notes = [
        f"{count(n, 'record')} {_same(view)}, or nearly: they stay on one side of every split"
        for view, n in made.joined.items()
        if n
    ]
    return [*notes, *(_apart(view, n) for view, n in made.apart.items() if n)]


def _same(view: str) -> str:
    return f"have the same {view} as another one" if view else "say the same as another one"


def _apart(view: str, n: int) -> str:
    keep = way(python="group='COLUMN'", shell="--group COLUMN")
    return (
        f"{count(n, 'record')} {_same(view)}, and do not stay together: so many "
        "are equal by chance where columns have few values. If they are copies of one thing, the "
        "figures are too good: "
        f"remove them, or name the column that tells things apart: {keep}"
    )


def _said(
    records: Sequence[Record], columns: Mapping[str, Columns]
) -> tuple[list[Labels], list[Labels]]:
    """Codes of what records say in each column of numbers, and in each of texts, ``(n,)``."""
    numbers, texts = [], []
    for each in columns.values():
        for number in each.numbers:
            given = [record.fields.get(number.name, np.nan) for record in records]
            numbers.append(same_numbers(np.array(given, dtype=np.float64)))
        for category in each.categories:
            held = [str(record.fields.get(category.name, "")) for record in records]
            texts.append(np.unique(held, return_inverse=True)[1])
    return numbers, texts


def _again(rows: Labels) -> NDArray[np.bool_]:
    """Which rows have a code that comes again."""
    return np.bincount(rows)[rows] > 1


def _cheap(rows: Labels, numbers: Sequence[Labels]) -> bool:
    """Whether enough is left to deal: most rows differ, or many do in their numbers.

    A category that is held out whole cannot be learned, and a number lies among others.
    """
    different = int(rows.max()) + 1
    if 2 * different >= len(rows):
        return True
    by_numbers = int(same_rows(np.column_stack(numbers)).max()) + 1 if numbers else 0
    return different >= _LEAST_DIFFERENT and 2 * by_numbers >= different


def _by_chance(rows: Labels, columns: Sequence[Labels]) -> bool:
    """Whether columns that know nothing of one another would make about as many equal rows.

    The share of each value is counted among rows that differ, and without the row itself, so that
    copies do not explain themselves.
    """
    _, first = np.unique(rows, return_index=True)
    if len(first) < 2:
        return False
    likely: F64 = np.full(len(first), float(len(rows)))
    for codes in columns:
        own = codes[first]
        likely *= (np.bincount(own)[own] - 1) / (len(first) - 1)
    expected = float((1 - np.exp(-likely))[rows].sum())
    return float(_again(rows).sum()) <= _BY_CHANCE * expected
