"""Tables of measurements: columns that become views of vectors, and columns that become fields."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Dataset, Record


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a file of comma-separated values with a header.

    Raises:
        DataError: If it cannot be read, or has no rows.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    if not rows:
        raise DataError(f"{path} has no rows")
    return rows


def numbers(rows: Sequence[Mapping[str, str]], columns: Sequence[str], path: Path) -> F64:
    """Columns as ``(n, columns)``.

    Raises:
        DataError: If a column is not there, or holds something else than numbers.
    """
    try:
        return np.array([[float(row[column]) for column in columns] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: need numbers in {', '.join(columns)} ({error})") from error


def measured(
    name: str,
    fields: Sequence[Mapping[str, Value]],
    views: Mapping[str, F64],
    *,
    scaled: bool,
    licence: str,
) -> Dataset:
    """A data set whose views are vectors.

    Args:
        name: Of the data set; records are numbered from 0.
        fields: Of each record.
        views: ``(n, columns)`` by view.
        scaled: Whether each column is centred and divided by its standard deviation over all
            records, so that no unit counts for more than another.
        licence: Of the data.
    """
    by_view = {view: _scaled(x) if scaled else x for view, x in views.items()}
    records = []
    for row, told in enumerate(fields):
        source = f"{name}, row {row}"
        items = {v: MediaItem.from_vector(x[row], source=source) for v, x in by_view.items()}
        records.append(Record(str(row), items, fields=told))
    return Dataset(name, records, licence=licence)


def _scaled(x: F64) -> F64:
    spread = x.std(axis=0)
    scaled: F64 = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled
