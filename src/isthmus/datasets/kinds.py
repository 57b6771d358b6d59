"""Kinds of plain columns, and one cell read and written as a column of a kind holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from isthmus.core.errors import DataError
from isthmus.core.fields import Value, beyond
from isthmus.core.wording import kind_of
from isthmus.datasets._cells import mended
from isthmus.datasets._values import (
    category_of,
    date_of,
    day,
    number_of,
    number_with_comma,
    plain,
    stands_for_nothing,
    too_large,
)

NUMBER, COMMA, DATE, CATEGORY = "number", "decimal comma", "date", "category"
KINDS = (NUMBER, COMMA, DATE, CATEGORY)
"""How a plain column is read; numbers with decimal commas are a kind of their own."""
READS: Mapping[str, Callable[[Value], float | None]] = {
    NUMBER: number_of,
    COMMA: number_with_comma,
    DATE: date_of,
}
"""What reads a cell of a kind; what is None does not fit."""
_NEEDS = {
    NUMBER: "a number such as 1234.5",
    COMMA: "a number such as 1234,5",
    DATE: "a date such as 2026-01-31",
}


def typed(cell: Any, kind: str) -> Value | None:
    """One cell as a column of a kind holds it; None if it is missing.

    Args:
        cell: Of any kind.
        kind: One of :data:`KINDS`.

    Raises:
        DataError: If it cannot be read so.

    Examples:
        >>> typed("3.5", "number"), typed("1970-01-03", "date"), typed(7, "category")
        (3.5, 2.0, '7')
        >>> typed("1.234", "decimal comma")
        1234.0
    """
    value = None if cell is None or cell == "" else plain(cell)
    if value is None:
        if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
            return None
        raise DataError(f"need a number or a text, got {kind_of(cell)}")
    if kind == CATEGORY:
        return category_of(value)
    if stands_for_nothing(value):
        return None
    made = READS[kind](value)
    if beyond(made):
        raise DataError(too_large(value))
    if made is None:
        raise DataError(f"need {_NEEDS[kind]}, got {str(value)[:40]!r}")
    return made


def written(value: Value, kind: str, digits: int = 6) -> str:
    """What a column of a kind holds, as people write it.

    Args:
        value: As :func:`typed` reads it.
        kind: One of :data:`KINDS`.
        digits: Of a number.

    Examples:
        >>> written(20484.0, "date"), written(3.25, "number"), written("red", "category")
        ('2026-01-31', '3.25', 'red')
    """
    if isinstance(value, str):
        return value
    return day(value) if kind == DATE else f"{value:.{digits}g}"


def misfit(cell: Value, kind: str) -> str:
    """What is wrong with a cell of a column of a kind, and how to mend it."""
    mend = "write it so, or leave it empty"
    if kind != DATE:
        mend = mended(cell, "," if kind == COMMA else ".")
    need = "a number" if kind == NUMBER else _NEEDS[kind]
    return f"{str(cell)[:40]!r} is not {need}; {mend}"
