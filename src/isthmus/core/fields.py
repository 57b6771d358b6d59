"""What files say of themselves: the fields that exist, and values that can be trusted to be sane.

A file may claim anything, and a store may have been forged, so values are tamed where they are
read from a file, again where they leave the process that read it, and where a store is opened.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Value = str | float
MOST_NUMBER = 1e30
"""A number of a user's may be so large; float32, in which artefacts may keep it, holds no 1e39."""
Fields = tuple[tuple[str, Value], ...]
"""Names and values, in the order of :data:`FIELDS`."""

LONGEST = 200
"""Characters of a text field; what is longer is cut. ID3v1 has 30, and titles of Vorbis
comments that are longer than this are lyrics."""
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d))?")
_FIRST_YEAR, _LAST_YEAR = 1826, 2100  # the first photograph; a clock that is further off is broken
_JOINERS = "\u200c\u200d"
_UNSET = ("1904-01-01", "1970-01-01", "1980-01-01")
"""What clocks and containers say that were never set: QuickTime's, Unix's and FAT's day 0."""
_DECIMALS = 6
"""Of a number: a tenth of a metre for places, a microsecond for durations."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a file may say of itself.

    Attributes:
        name: As people type it in a filter.
        kind: Of its values: ``"date"`` is a text ``2026-01-31`` or ``2026-01-31T12:30:00``, as
            the clock of the camera said it.
        says: What it is, in words.
        least: Of a number.
        most: Of a number.
        personal: Whether it tells where somebody was.
    """

    name: str
    kind: Literal["text", "number", "date"]
    says: str
    least: float = 0.0
    most: float = math.inf
    personal: bool = False


_ALL = (
    Field("title", "text", "its title"),
    Field("artist", "text", "who made it"),
    Field("album", "text", "the album that it is on"),
    Field("year", "number", "the year in which it came out", 1000, _LAST_YEAR),
    Field("taken", "date", "when it was taken or filmed"),
    Field("camera", "text", "the maker and model of the camera"),
    Field("lat", "number", "latitude of the place, in degrees north", -90, 90, personal=True),
    Field("lon", "number", "longitude of the place, in degrees east", -180, 180, personal=True),
    Field("width", "number", "width in pixels, as it is shown", 1, 10**6),
    Field("height", "number", "height in pixels, as it is shown", 1, 10**6),
    Field("duration", "number", "length in seconds", 0, 10**7),
    Field("fps", "number", "frames a second", 0, 10**4),
)
FIELDS: Mapping[str, Field] = {each.name: each for each in _ALL}
"""Every field there is, by name, in the order in which they are shown."""
WORDS = ("title", "artist", "album")
"""Fields whose words are found by full text."""


def tamed(found: Mapping[str, object] | Iterable[tuple[str, object]]) -> Fields:
    r"""What of some fields can be used: known names, values of their kind and within reason.

    Texts lose control signs and signs that turn the direction of what follows, and are cut to
    :data:`LONGEST`. Numbers that are not finite or out of range are dropped, and so are dates
    that no camera can have seen, and a place at exactly 0° 0°, which is what receivers write that
    do not know theirs. A latitude without a longitude is none.

    Args:
        found: Values by name, as a file has them.

    Examples:
        >>> tamed({"artist": " A\x00 ", "width": 640, "lat": float("nan"), "colour": "red"})
        (('artist', 'A'), ('width', 640))
        >>> tamed({"taken": "2026-13-01"}), tamed({"lat": 48.2})
        ((), ())
    """
    given = dict(found)
    kept: dict[str, Value] = {}
    for name, field in FIELDS.items():
        if (value := _value(field, given.get(name))) is not None:
            kept[name] = value
    nowhere = not (kept.get("lat") or kept.get("lon"))
    if nowhere or not {"lat", "lon"} <= kept.keys():
        kept = {name: value for name, value in kept.items() if not FIELDS[name].personal}
    return tuple(kept.items())


def beyond(value: object) -> bool:
    """Whether something is a number past :data:`MOST_NUMBER`, infinity and NaN among them.

    Examples:
        >>> beyond(1e300), beyond(10**400), beyond(1e30), beyond("1e300")
        (True, True, False, False)
    """
    return isinstance(value, int | float) and not abs(value) <= MOST_NUMBER


def said(fields: Fields, *, personal: bool = True) -> str:
    """Fields on one line, but for the size of pictures, which all have.

    Args:
        fields: What a file says.
        personal: Whether to say places, too.

    Examples:
        >>> said((("title", "Moon"), ("lat", 48.2), ("lon", 16.4), ("width", 640)))
        'Moon · 48.2, 16.4'
        >>> said((("taken", "2026-01-31T12:30:00"), ("duration", 75.2)), personal=False)
        '2026-01-31 12:30 · 1:15'
    """
    known = dict(fields)
    parts = [str(known[name]) for name in ("title", "artist", "album", "year") if name in known]
    if "taken" in known:
        parts.append(str(known["taken"])[:16].replace("T", " "))
    if "camera" in known:
        parts.append(str(known["camera"]))
    if personal and "lat" in known and "lon" in known:
        parts.append(f"{known['lat']:g}, {known['lon']:g}")
    if "duration" in known:
        parts.append(clock(float(known["duration"])))
    return " · ".join(parts)


def clock(seconds: float, *, digits: int = 0) -> str:
    """Seconds as a player shows them.

    Args:
        seconds: From the beginning.
        digits: After the point, rounded; of none, the second that has begun.

    Examples:
        >>> clock(5), clock(75.9), clock(3675)
        ('0:05', '1:15', '1:01:15')
        >>> clock(65.25, digits=2), clock(3725.5, digits=1)
        ('1:05.25', '1:02:05.5')
    """
    unit = 10**digits
    whole, part = divmod(round(seconds * unit) if digits else int(seconds), unit)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{shown}.{part:0{digits}}" if digits else shown


def _value(field: Field, given: object) -> Value | None:
    if field.kind == "number":
        return _number(field, given)
    if not isinstance(given, str):
        return None
    return _date(given) if field.kind == "date" else _text(given) or None


def _number(field: Field, given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    if not field.least <= given <= field.most or not math.isfinite(given):
        return None
    number = round(float(given), _DECIMALS)
    return int(number) if number.is_integer() else number


def _text(given: str) -> str:
    """A text in one line, without signs that are not shown, which may turn what follows."""
    plain = (" " if acts(c) else c for c in given[: 4 * LONGEST])
    return " ".join("".join(plain).split())[:LONGEST].rstrip()


def acts(sign: str) -> bool:
    """Whether a sign does more than stand there, such as a line break.

    The two joiners are part of how words are spelled.
    """
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in _JOINERS


def _date(given: str) -> str | None:
    from datetime import datetime

    found = _DATE.fullmatch(given)
    if found is None or not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
        return None
    try:
        datetime.fromisoformat(given)
    except ValueError:
        return None
    return None if given[:10] in _UNSET and given[11:] in ("", "00:00:00") else given


__all__ = [
    "FIELDS",
    "LONGEST",
    "MOST_NUMBER",
    "WORDS",
    "Field",
    "Fields",
    "Value",
    "acts",
    "beyond",
    "clock",
    "said",
    "tamed",
]
