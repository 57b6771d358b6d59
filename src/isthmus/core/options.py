"""Options as users write them: ``name=value``."""

from __future__ import annotations

import math
from collections.abc import Iterable

from isthmus.core.errors import InputError

Scalar = int | float | bool | str


def parse_options(pairs: Iterable[str], what: str) -> dict[str, Scalar]:
    """``NAME=VALUE`` texts as a mapping; numbers, true and false become such.

    Args:
        pairs: The texts.
        what: Who takes them, for the message.

    Raises:
        InputError: If a text is not of that form.

    Example:
        >>> parse_options(["n=3", "languages=en,zh", "pair-all=true"], "shapes")
        {'n': 3, 'languages': 'en,zh', 'pair_all': True}
    """
    options: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.replace("-", "_")
        if not equals or not name.isidentifier():
            raise InputError(f"{what} needs NAME=VALUE, got {pair!r}")
        options[name] = _scalar(text)
    return options


def parse_named(pairs: Iterable[str], what: str, form: str = "NAME=VALUE") -> list[tuple[str, str]]:
    """``NAME=VALUE`` texts as they are; a name may be anything that holds no ``=``.

    Args:
        pairs: The texts.
        what: Who takes them, for the message.
        form: How they are written, for the message.

    Raises:
        InputError: If a text is not of that form.

    Example:
        >>> parse_named(["EEG–left=mfcc"], "--encoder", "VIEW=ID")
        [('EEG–left', 'mfcc')]
    """
    found = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{what} needs {form}, got {pair!r}")
        found.append((name, value))
    return found


def parse_seconds(text: str, what: str) -> float:
    """A duration as seconds: ``"30s"``, ``"5m"``, ``"1.5h"``; a bare number is seconds.

    Args:
        text: What the user wrote.
        what: Who takes it, for the message.

    Raises:
        InputError: If it is no positive duration.

    Example:
        >>> parse_seconds("1.5m", "--budget")
        90.0
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    unit = units.get(text[-1:], 1.0)
    try:
        seconds = float(text[:-1] if text[-1:] in units else text) * unit
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"{what} needs a time such as 30s, 5m or 1h, got {text!r}")
    return seconds


def _scalar(text: str) -> Scalar:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
