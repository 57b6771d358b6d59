"""Options as users write them: ``name=value``."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.validate import check_kind
from isthmus.core.wording import did_you_mean

T = TypeVar("T")
Scalar = int | float | bool | str
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hours?)?")
_CLOCK = re.compile(r"(?:(\d+):([0-5]?\d)|(\d+)):([0-5]?\d(?:\.\d+)?)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_options(
    pairs: Iterable[str], what: str, *, texts: Collection[str] = ()
) -> dict[str, Scalar]:
    """``NAME=VALUE`` texts as a mapping; numbers, true and false become such.

    Args:
        pairs: The texts.
        what: Who takes them, for the message.
        texts: Names of options that stay as they are: a revision may look like a number.

    Raises:
        InputError: If a text is not of that form.

    Examples:
        >>> parse_options(["n=3", "languages=en,zh", "pair-all=true"], "shapes")
        {'n': 3, 'languages': 'en,zh', 'pair_all': True}
    """
    options: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.replace("-", "_")
        if not equals or not name.isidentifier():
            raise InputError(f"{what} needs NAME=VALUE, got {pair!r}")
        options[name] = text if name in texts else _scalar(text)
    return options


def parse_named(
    pairs: Iterable[str],
    what: str,
    form: str = "NAME=VALUE",
    *,
    example: str = "",
) -> list[tuple[str, str]]:
    """``NAME=VALUE`` texts as they are; a name may be anything that holds no ``=``.

    Args:
        pairs: The texts.
        what: Who takes them, for the message.
        form: How they are written, for the message.
        example: One that works.

    Raises:
        InputError: If a text is not of that form.

    Examples:
        >>> parse_named(["EEG–left=mfcc"], "--encoder", "VIEW=ID")
        [('EEG–left', 'mfcc')]
    """
    found = []
    more = f". Write, for example: {what} {example}" if example else ""
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{what} needs {form}, got {pair!r}{more}")
        found.append((name, value))
    return found


def changed(kind: type[T], options: T | None, changes: Mapping[str, Any], example: str) -> T:
    """A dataclass of options, some of them changed by name.

    Args:
        kind: The dataclass.
        options: What was handed in; None for the defaults.
        changes: Values by names that a user gave.
        example: A call that works, for the message; what stands before its bracket takes them.

    Raises:
        InputError: If there is no option of a name, or ``options`` are others.
    """
    known = [each.name for each in fields(cast(Any, kind))]
    if unknown := [name for name in changes if name not in known]:
        what, hint = example.partition("(")[0].rpartition(".")[2], did_you_mean(unknown[0], known)
        raise InputError(
            f"{what} has no option {unknown[0]!r}; there are {', '.join(known)}.{hint}"
        )
    if options is None:
        return kind(**changes)
    check_kind(options, kind, "options", need=f"{kind.__name__}, or names", example=example)
    return cast(T, replace(cast(Any, options), **changes))


def check_between(
    value: object, name: str, least: float, most: float = math.inf, *, ends: bool = True
) -> float:
    """Refuse what is no finite number of a range.

    Args:
        value: What a user gave.
        name: Of the option.
        least: Of the range.
        most: Of the range.
        ends: Whether both ends are of the range.

    Raises:
        InputError: Naming the option and its range.

    Examples:
        >>> check_between(0.9, "coverage", 0, 1, ends=False)
        0.9
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    try:
        found = float(value) if number else math.nan  # type: ignore[arg-type]
    except OverflowError:
        found = math.inf
    inside = least <= found <= most if ends else least < found < most
    if not (math.isfinite(found) and inside):
        if math.isinf(most):
            need = f"from {least:g} on" if ends else f"above {least:g}"
        else:
            need = f"from {least:g} to {most:g}" if ends else f"between {least:g} and {most:g}"
        raise InputError(f"{name} must be a finite number {need}, got {value!r:.40}")
    return found


def check_whole(value: object, name: str, least: int) -> int:
    """Refuse what is no whole number from ``least`` on.

    Raises:
        InputError: Naming the option and its range.

    Examples:
        >>> check_whole(5, "folds", 3)
        5
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} must be a whole number from {least} on, got {value!r:.40}")
    return int(value)


def parse_seconds(text: str, what: str) -> float:
    """A duration as seconds: ``"30s"``, ``"1.5 hours"``, ``"1:30"``; a bare number is seconds.

    Args:
        text: What the user wrote.
        what: Who takes it, for the message.

    Raises:
        InputError: If it is no positive duration.

    Examples:
        >>> parse_seconds("1.5m", "--budget"), parse_seconds("5 minutes", "--budget")
        (90.0, 300.0)
    """
    seconds = _seconds(text)
    if not seconds:
        raise InputError(f"{what} needs a time such as 30s, 5m or 1h, got {text!r}")
    return seconds


def parse_moment(text: str, what: str) -> float:
    """Seconds from the beginning, as a player shows them or as a duration.

    Args:
        text: What the user wrote.
        what: Who takes it, for the message.

    Raises:
        InputError: If it is no moment.

    Examples:
        >>> [parse_moment(text, "--from") for text in ("0", "4.25", "1:30", "1:02:05.5")]
        [0.0, 4.25, 90.0, 3725.5]
    """
    seconds = _seconds(text)
    if seconds is None:
        raise InputError(f"{what} needs a moment such as 90, 1:30 or 1:02:05, got {text!r}")
    return seconds


def _seconds(text: str) -> float | None:
    """Seconds from none on; None if it is no time."""
    text = text.strip().lower()
    if parts := _CLOCK.fullmatch(text):
        hours, minutes, alone, rest = (float(part or 0) for part in parts.groups())
        seconds = 3600 * hours + 60 * (minutes + alone) + rest
    elif parts := _DURATION.fullmatch(text):
        seconds = float(parts[1]) * _UNITS[(parts[2] or "s")[0]]
    else:
        return None
    return None if math.isinf(seconds) else seconds


def _scalar(text: str) -> Scalar:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):  # "infinity" and "nan" are words, too
            return number
    return text
