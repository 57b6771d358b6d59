"""One cell of a plain column: a number, a date, a category, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from isthmus.core.fields import MOST_NUMBER, Value, beyond

MINUS = "\u2212"
"""The sign for minus, as spreadsheets and typeset tables write it for ``-``."""
_MISSING = frozenset({"na", "n/a", "nan", "null", "none", "?", "-", MINUS, ".", "nil", "missing"})
"""What stands for nothing among numbers, in lower case."""
_NUMBER = re.compile(rf"[+{MINUS}-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+{MINUS}-]?\d+)?")
_DECIMAL_COMMA = re.compile(rf"[+{MINUS}-]?\d+(?:[.' \u00a0\u202f]\d{{3}})*,\d+")
_THOUSANDS = re.compile(rf"[+{MINUS}-]?[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_EIGHT_DIGITS = re.compile(r"(?:19|20)\d{6}")
_EPOCH = datetime(1970, 1, 1)
_SECONDS_A_DAY = 86400
_FEWEST = 3
"""Whole numbers in order that count rows."""
_MANY = 20
"""Whole numbers that follow one another, from which on they count rows in whatever order."""


def plain(cell: Any) -> Value | None:
    """A cell as a number or a text; None if it is neither."""
    if isinstance(cell, np.integer | np.floating | np.bool_):
        cell = cell.item()
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        return None if cell != cell else math.inf if beyond(cell) else float(cell)
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, datetime):
        here = cell.astimezone(UTC).replace(tzinfo=None) if cell.tzinfo else cell
        return here.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list) and all(isinstance(each, str) for each in cell):
        return "|".join(each.strip() for each in cell)
    return None


def stands_for_nothing(cell: Value) -> bool:
    """Whether it is one of the words for what is missing."""
    return isinstance(cell, str) and cell.lower() in _MISSING


def matches(pattern: re.Pattern[str], cell: Value) -> bool:
    """Whether it is a text of this form."""
    return isinstance(cell, str) and pattern.fullmatch(cell) is not None


def is_number(cell: Value) -> bool:
    """Whether it is a number, or a text that is one as it stands."""
    return not isinstance(cell, str) or matches(_NUMBER, cell)


def number_of(cell: Value) -> float | None:
    """The number; infinite where no float is so large.

    Examples:
        >>> number_of("\u22121.5"), number_of("1e\u22123"), number_of("1,5")
        (-1.5, 0.001, None)
    """
    if not is_number(cell):
        return None
    return float(cell.replace(MINUS, "-") if isinstance(cell, str) else cell)


def has_comma(cell: Value) -> bool:
    """Whether it is a number with a comma, which stands before decimals or between thousands."""
    return matches(_DECIMAL_COMMA, cell) or matches(_THOUSANDS, cell)


def reader_of(cells: Collection[Value]) -> Callable[[Value], float | None]:
    """What reads the numbers of a column: commas only where they must stand before decimals.

    Examples:
        >>> reader_of(["1,5", "2", "1.234,25"]).__name__
        'number_with_comma'
        >>> {reader_of(cells).__name__ for cells in (["1,234", "2"], ["1,5", "2.5"])}
        {'number_of'}
    """
    surely = False
    for cell in cells:
        if isinstance(cell, str) and not matches(_DECIMAL_COMMA, cell):
            if matches(_THOUSANDS, cell) or ("." in cell and is_number(cell)):
                return number_of
        elif isinstance(cell, str) and not matches(_THOUSANDS, cell):
            surely = True
    return number_with_comma if surely else number_of


def number_with_comma(cell: Value) -> float | None:
    """The same in a column whose commas stand before decimals.

    Examples:
        >>> number_with_comma("1.234,5"), number_with_comma("1,234"), number_with_comma("7")
        (1234.5, 1.234, 7.0)
    """
    if not matches(_DECIMAL_COMMA, cell):
        return number_of(cell)
    return number_of(re.sub("[.' \u00a0\u202f]", "", str(cell)).replace(",", "."))


def too_large(cell: Value) -> str:
    """What is wrong with a number beyond all bounds."""
    said = str(cell) if isinstance(cell, str) else "a number"
    said = f"{said[:20]} …" if len(said) > 20 else said
    return f"{said} lies beyond {MOST_NUMBER:g}; use a larger unit, or leave the cell empty"


def iso(cell: Value) -> float | None:
    """Days since 1970-01-01."""
    if not matches(_ISO, cell):
        return None
    try:
        moment = datetime.fromisoformat(str(cell))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH).total_seconds() / _SECONDS_A_DAY


def day(days: float) -> str:
    """The date of days since 1970-01-01, with the minute where it has one; else the number.

    Examples:
        >>> day(20484), day(20484.5)
        ('2026-01-31', '2026-01-31 12:00')
    """
    try:
        moment = _EPOCH + timedelta(minutes=round(days * _SECONDS_A_DAY / 60))
    except OverflowError:
        return f"{days:g}"
    return moment.isoformat(" ", "minutes").removesuffix(" 00:00")


def date_of(cell: Value) -> float | None:
    """Days since 1970-01-01 of a date in either form."""
    number = number_of(cell)
    if number is None:
        return iso(cell)
    return digits(int(number)) if number.is_integer() else None


def digits(number: int) -> float | None:
    """Days of a date that was written as a number, 20260131; None if it is none."""
    text = str(number)
    if _EIGHT_DIGITS.fullmatch(text) is None:
        return None
    return iso(f"{text[:4]}-{text[4:6]}-{text[6:]}")


def category_of(cell: Value) -> Value:
    """A category: numbers among codes are codes, too."""
    whole = not isinstance(cell, str) and float(cell).is_integer()
    return str(int(cell)) if whole else str(cell)


def counts_rows(whole: Sequence[int]) -> bool:
    """Whether whole numbers count rows: one after the other, or of many each once.

    Examples:
        >>> counts_rows([4, 5, 6]), counts_rows([5, 4, 6]), counts_rows([*range(9, 30), 8])
        (True, False, True)
    """
    if len(whole) < _FEWEST:
        return False
    run = list(range(min(whole), min(whole) + len(whole)))
    return list(whole) == run or (len(whole) >= _MANY and sorted(whole) == run)
