"""Filters over what files say of themselves: dates, numbers, texts, and how near a place is."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import datetime

from isthmus.core.errors import InputError
from isthmus.core.fields import FIELDS, Value
from isthmus.core.wording import did_you_mean
from isthmus.store.patterns import folded, text_matcher
from isthmus.store.records import Entry

Test = Callable[[Entry], bool]
_ORDERED: dict[str, Callable[[Value, Value], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_NEAR = re.compile(rf"({_NUMBER.pattern}),({_NUMBER.pattern}),(\d+(?:\.\d+)?)(km|m)", re.IGNORECASE)
_EARTH_KM = 6371.0088
"""Mean radius of the earth (IUGG)."""


def field_test(field: str, op: str, value: str) -> Test | None:
    """What a comparison with a field of files asks; None where the field is none of them.

    A date may be a part of one: ``taken:2025-06`` is any moment of June 2025, and ``taken>2025-06``
    any after it. ``near:LATITUDE,LONGITUDE,DISTANCE`` takes metres (``500m``) or kilometres
    (``10km``). ``has:camera`` passes what has that field. Whatever lacks a field passes no
    comparison with it.

    Args:
        field: Its name.
        op: How it is compared.
        value: With what.

    Raises:
        InputError: If it cannot be compared so.

    Examples:
        >>> june = Entry("a", "photo", "image", "/a.jpg", fields=(("taken", "2025-06-30T23:59"),))
        >>> [field_test("taken", op, "2025-06")(june) for op in (":", ">", ">=", "<")]
        [True, False, True, False]
    """
    if field == "near":
        return _near(op, value)
    if field == "has":
        return _has(op, value)
    if field not in FIELDS:
        return None
    kind = FIELDS[field].kind
    if kind == "text":
        return _text(field, op, value)
    if op == "~":
        raise InputError(f"{field} takes : < > <= or >=, not '~'")
    return _date(field, op, value) if kind == "date" else _number(field, op, value)


def _of(entry: Entry, field: str) -> Value | None:
    return next((value for name, value in entry.fields if name == field), None)


def _text(field: str, op: str, value: str) -> Test:
    if op not in (":", "=", "~"):
        raise InputError(f"{field} can be compared with : or ~, not with {op!r}")
    same, holds = folded(value), text_matcher(value)

    def test(entry: Entry) -> bool:
        found = _of(entry, field)
        if not isinstance(found, str):
            return False
        return holds(found) if op == "~" else folded(found) == same

    return test


def _number(field: str, op: str, value: str) -> Test:
    if _NUMBER.fullmatch(value) is None:
        raise InputError(f"{field} is {FIELDS[field].says}; it needs a number, got {value!r}")
    compare, wanted = _ORDERED[op], float(value)

    def test(entry: Entry) -> bool:
        found = _of(entry, field)
        return isinstance(found, int | float) and compare(float(found), wanted)

    return test


def _date(field: str, op: str, value: str) -> Test:
    """ISO dates are in order as texts are, as far as both of them go."""
    if _DATE.fullmatch(value) is None:
        raise InputError(
            f"{field} needs a date such as 2026, 2026-01, 2026-01-31 or 2026-01-31T12:30, "
            f"got {value!r}"
        )
    try:
        datetime.fromisoformat(value + "-01-01"[len(value) - 4 :] if len(value) < 10 else value)
    except ValueError as error:
        raise InputError(f"{field}: there is no such date as {value}") from error
    compare, wanted = _ORDERED[op], value.upper()

    def test(entry: Entry) -> bool:
        found = _of(entry, field)
        return isinstance(found, str) and compare(found[: len(wanted)], wanted)

    return test


def _has(op: str, value: str) -> Test:
    if op not in (":", "="):
        raise InputError(f"has takes :, not {op!r}")
    field = value.lower()
    if field not in FIELDS:
        hint = did_you_mean(field, FIELDS)
        raise InputError(f"files have no field {value!r}; there are {', '.join(FIELDS)}.{hint}")
    return lambda entry: _of(entry, field) is not None


def _near(op: str, value: str) -> Test:
    found = _NEAR.fullmatch(value)
    if op not in (":", "=") or found is None:
        raise InputError(
            f"near needs latitude, longitude and distance, such as near:48.2,16.4,10km, "
            f"got near{op}{value}"
        )
    lat, lon = float(found[1]), float(found[2])
    if abs(lat) > FIELDS["lat"].most or abs(lon) > FIELDS["lon"].most:
        raise InputError(f"there is no place at latitude {lat:g} and longitude {lon:g}")
    most = float(found[3]) / (1 if found[4].lower() == "km" else 1000)

    def test(entry: Entry) -> bool:
        there = _of(entry, "lat"), _of(entry, "lon")
        if not (isinstance(there[0], int | float) and isinstance(there[1], int | float)):
            return False
        return kilometres((lat, lon), (float(there[0]), float(there[1]))) <= most

    return test


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two places on a sphere, by the haversine formula.

    Args:
        a: Latitude and longitude in degrees.
        b: The same of the other.

    Examples:
        >>> round(kilometres((48.2082, 16.3738), (52.52, 13.405)))  # Vienna, Berlin
        524
    """
    (lat, lon), (other, away) = (map(math.radians, place) for place in (a, b))
    half = math.sin((other - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other) * math.sin((away - lon) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))
