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
GROUPS = "'\u2019 \u00a0\u202f"
"""What stands between thousands, beside points and commas."""
_SIGN, _EXPONENT = rf"[+{MINUS}-]?", rf"(?:[eE][+{MINUS}-]?\d+)?"
_NUMBER = re.compile(rf"{_SIGN}(?:\d+\.?\d*|\.\d+){_EXPONENT}")
_IN_GROUPS = rf"[1-9]\d{{0,2}}(?P<mark>[.{GROUPS}])\d{{3}}(?:(?P=mark)\d{{3}})*"
_DECIMAL_COMMA = re.compile(rf"{_SIGN}(?:\d*|{_IN_GROUPS}),\d+{_EXPONENT}")
_WHOLE = re.compile(rf"{_SIGN}{_IN_GROUPS}")
_THOUSANDS = re.compile(rf"{_SIGN}[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_EIGHT_DIGITS = re.compile(r"(?:19|20)\d{6}")
_EPOCH = datetime(1970, 1, 1)
_SECONDS_A_DAY = 86400
_FEWEST = 3
"""Whole numbers in order that count rows."""
_MANY = 20
"""Whole numbers that follow one another, from which on they count rows in whatever order."""
_SHOWN = 20
"""Characters of a cell that a message shows."""


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


def like_number(cell: Value) -> bool:
    """Whether it is a number, whatever its commas mean."""
    return is_number(cell) or has_comma(cell)


def has_decimal_commas(cells: Collection[Value], least: float) -> bool:
    """Whether the commas of a column stand before decimals.

    Args:
        cells: Of the column.
        least: Share of the numbers with a comma that thousands cannot explain.

    Examples:
        >>> has_decimal_commas(["1,5", "2", "1.234,25"], 0.9)
        True
        >>> [has_decimal_commas(cells, 0.9) for cells in (["1,234", "1,5"], ["1,5", "2.5"])]
        [False, False]
    """
    commas = [cell for cell in cells if has_comma(cell)]
    if not commas or any(map(_has_point, cells)):
        return False
    clear = sum(not matches(_THOUSANDS, cell) for cell in commas)
    return clear >= least * len(commas) and all(matches(_DECIMAL_COMMA, c) for c in commas)


def _has_point(cell: Value) -> bool:
    """Whether it is a text that is a number with a point."""
    return isinstance(cell, str) and "." in cell and is_number(cell)


def number_with_comma(cell: Value) -> float | None:
    """The same in a column whose commas stand before decimals.

    Examples:
        >>> [number_with_comma(cell) for cell in ("1.234,5", "1,234", "1.234", "7")]
        [1234.5, 1.234, 1234.0, 7.0]
        >>> number_with_comma("2.5"), number_with_comma(2.5)
        (None, 2.5)
    """
    if matches(_DECIMAL_COMMA, cell) or matches(_WHOLE, cell):
        return number_of(re.sub(f"[.{GROUPS}]", "", str(cell)).replace(",", "."))
    return None if _has_point(cell) else number_of(cell)


def reader_with_comma(cells: Collection[Value]) -> Callable[[Value], float | None]:
    """What reads a column whose commas stand before decimals.

    ``1.250`` is no number where another cell is ``0.250``: it may be 1250 or 1.25.

    Examples:
        >>> [reader_with_comma(cells)("1.250") for cells in (["0,25"], ["0.250"])]
        [1250.0, None]
    """
    if any(_has_point(cell) and number_with_comma(cell) is None for cell in cells):
        return lambda cell: None if _has_point(cell) else number_with_comma(cell)
    return number_with_comma


def short(cell: Value) -> str:
    """A cell as a message shows it."""
    said = str(cell)
    return f"{said[:_SHOWN]} …" if len(said) > _SHOWN else said


def too_large(cell: Value) -> str:
    """What is wrong with a number beyond all bounds."""
    said = short(cell) if isinstance(cell, str) else "a number"
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
