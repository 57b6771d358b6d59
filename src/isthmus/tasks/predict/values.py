"""The values of a target: of a column, or given one a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.fields import MOST_NUMBER, Value, beyond
from isthmus.core.record import Dataset, Record
from isthmus.core.wording import count, did_you_mean
from isthmus.datasets.kinds import DATE, typed

SEPARATOR = "|"
"""Between several labels of a record."""
_OF_A_RECORD = ("group", "split", "language")


def values_of(
    dataset: Dataset,
    name: str,
    label: str,
    given: Sequence[Value | None] | None = None,
    *,
    dates: bool = False,
) -> tuple[list[Value | None], bool]:
    """What each record has, and whether it is a date, as days since 1970-01-01.

    Args:
        dataset: With the column among the fields of its records; or their group or language.
        name: Of the column.
        label: Of the target, for messages.
        given: One value a record, in the place of the column.
        dates: Whether it is known to be a date.

    Raises:
        DataError: If there is no such column, or a value cannot be used.
    """
    if given is not None:
        if len(given) != len(dataset):
            raise DataError(
                f"the target has {count(len(given), 'value')}, and there are "
                f"{count(len(dataset), 'record')}; give one value a record"
            )
        values = [bounded(_plain(value), row, label) for row, value in enumerate(given)]
        days = _dates(values, label, needed=dates)
        return (values, False) if days is None else (days, True)
    column = column_of(dataset, name)
    dated = dates or dataset.kinds.get(name) == DATE
    return [bounded(value, row, label) for row, value in enumerate(column)], dated


def _dates(
    values: Sequence[Value | None], label: str, *, needed: bool
) -> list[Value | None] | None:
    """Days since 1970-01-01 where all values are dates such as 2026-01-31; else None."""
    some = [value for value in values if value is not None]
    if not needed and not (some and all(isinstance(value, str) for value in some)):
        return None
    try:
        return [typed(value, DATE) for value in values]
    except DataError as error:
        if needed:
            raise DataError(f"the target {label!r}: {error}") from error
        return None


def bounded(value: Value | None, row: int, name: str) -> Value | None:
    """The value.

    Raises:
        DataError: If it is a number beyond :data:`MOST_NUMBER`.
    """
    if beyond(value):
        raise DataError(
            f"row {row} (from 0) of the target {name!r} lies beyond "
            f"{MOST_NUMBER:g}: use a larger unit"
        )
    return value


def _plain(value: object) -> Value | None:
    """A value as it may come from numpy or pandas."""
    if value is None or (isinstance(value, float | np.floating | date) and value != value):
        return None
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else _plain(value.astype("datetime64[us]").item())
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | float | np.number):
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return float("inf")
    if isinstance(value, list | tuple | set | frozenset):
        return SEPARATOR.join(sorted(map(str, value)))
    return value.isoformat() if isinstance(value, date) else str(value)


def column_of(dataset: Dataset, name: str) -> list[Value | None]:
    """What each record has in a column.

    Raises:
        DataError: If there is none, no cell of it can be read, or it is a view.
    """
    if any(name in record.fields for record in dataset.records):
        return [record.fields.get(name) for record in dataset.records]
    if name in _OF_A_RECORD and any(getattr(record, name) for record in dataset.records):
        return [getattr(record, name) for record in dataset.records]
    if name in dataset.views:
        raise DataError(
            f"{dataset.name}: {name!r} is a view of {dataset.modalities[name]}, and a target is a "
            "column of numbers or of texts that come again"
        )
    if lost := [record.unread[name] for record in dataset.records if name in record.unread]:
        raise DataError(f"no cell of the column {name!r} can be read. {lost[0]}")
    dataset.check_column(name)
    there = [*_known(dataset.records), *dataset.views]
    has = ", ".join(there[:20]) + (" …" if len(there) > 20 else "")
    raise DataError(
        f"{dataset.name} has no column {name!r}, or it is empty; it has {has or 'none'}."
        f"{did_you_mean(name, there)}"
    )


def _known(records: Sequence[Record]) -> list[str]:
    names = dict.fromkeys(name for record in records for name in record.fields)
    own = [n for n in _OF_A_RECORD if any(getattr(record, n) for record in records)]
    return [*names, *own]
