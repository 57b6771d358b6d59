"""Lines of TOML: where a key stands, and a text with another value in its place.

Own code, because ``tomllib`` says nothing of lines and does not write, and a library that does both
would be needed by one command. What :func:`edited` makes is read again, and refused if it says
anything else than what was wanted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")


def line_of(text: str, names: Sequence[str]) -> int | None:
    r"""The line, from 1, on which a key stands, or the header of a table.

    Args:
        text: That ``tomllib`` can read.
        names: Of the tables, one in the other, and of the key; a dash may be an underscore.

    Examples:
        >>> line_of("a = 1\n[b.c]\nd_e = 2", ["b", "c", "d-e"])
        3
    """
    wanted = tuple(names)
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[1])
            if _same(table, wanted):
                return number
            continue
        inside = len(table) < len(wanted) and _same(table, wanted[: len(table)])
        if inside and _spelled(wanted[len(table) :]).match(line):
            return number
    return None


def edited(text: str, names: Sequence[str], literal: str) -> str | None:
    r"""The same text with a value of a key; None where it cannot be changed by changing one line.

    Args:
        text: That ``tomllib`` can read.
        names: Of the tables, one in the other, and of the key.
        literal: The value, as TOML writes it on one line.

    Examples:
        >>> print(edited("# mine\n[search]\nk = 5  # few\n", ["search", "k"], "20"))
        # mine
        [search]
        k = 20
        <BLANKLINE>
    """
    *tables, key = names
    before, lines = tomllib.loads(text), text.splitlines()
    setting, place = f"{key} = {literal}", line_of(text, names)
    if place is not None:
        indent = lines[place - 1][: len(lines[place - 1]) - len(lines[place - 1].lstrip())]
        lines[place - 1] = indent + setting
    elif not tables:
        lines.insert(0, setting)
    elif (header := line_of(text, tables)) is not None:
        lines.insert(header, setting)
    else:
        lines += [*([""] if lines else []), f"[{'.'.join(tables)}]", setting]
    made = "\n".join(lines) + "\n"
    wanted = _with(before, names, tomllib.loads(setting)[key])
    try:
        return made if tomllib.loads(made) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def _with(document: dict[str, Any], names: Sequence[str], value: Any) -> dict[str, Any]:
    """A document with another value of a key, under the name that the key already has there."""
    first, *rest = names
    known = next((each for each in document if _same((each,), (first,))), first)
    inner = document.get(known)
    new = _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value
    if not rest and known != first:  # the line is written anew, with the key as it is named now
        document = {name: each for name, each in document.items() if name != known}
        known = first
    return {**document, known: new}


def _split(header: str) -> tuple[str, ...]:
    return tuple(each.strip().strip("\"'") for each in header.split("."))


def _same(some: Sequence[str], others: Sequence[str]) -> bool:
    return [each.replace("_", "-") for each in some] == [each.replace("_", "-") for each in others]


def _spelled(names: Sequence[str]) -> re.Pattern[str]:
    """Matches a key, and what it is in, at the start of a line."""
    parts = ("[-_]".join(map(re.escape, re.split("[-_]", each))) for each in names)
    return re.compile(r"\s*" + r"\s*\.\s*".join(rf"[\"']?{part}[\"']?" for part in parts) + r"\s*=")
