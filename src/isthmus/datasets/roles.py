"""What columns of a table hold, as the user says, or as they held it in an earlier table."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from isthmus.core.view import View
from isthmus.core.wording import way

FIELDS = ("id", "group", "split", "language")
FILE = "file"
"""Role of a column of paths whose modality is told from each file's bytes."""


def fits(name: str, pattern: str) -> bool:
    """Whether a column is meant: by its very name, whatever signs that holds, or by a pattern."""
    return name == pattern or fnmatchcase(name, pattern)


def parse_role(role: str) -> View | str:
    """What ``columns=`` says of a column: a field such as ``"group"``, ``"file"``, or a view.

    Raises:
        InputError: If it is none of them.
    """
    return role if role in (*FIELDS, FILE) else View.parse(role)


def mapped(column: str, role: str) -> str:
    """How to say what a column holds.

    Examples:
        >>> mapped("title", "text")
        "columns={'title': 'text'} of the data set"
    """
    if "=" in column:
        shell = f"rename it to NAME, and give --column NAME={role}"
    else:
        shell = f"--column {shlex.quote(f'{column}={role}')}"
    return way(python=f"columns={{{column!r}: {role!r}}} of the data set", shell=shell)


def not_named(before: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """What columns held before, but for views and fields that are said to be in others now.

    Args:
        before: By column.
        columns: What the user says now.

    Examples:
        >>> not_named({"ask": "text", "reply": "answer:text"}, {"label": "answer:text"})
        {'ask': 'text'}
    """
    now = {_name(role) for role in columns.values()}
    return {
        column: role
        for column, role in before.items()
        if column not in columns and _name(role) not in now
    }


def lacking(views: Collection[str], columns: Mapping[str, str]) -> Iterator[str]:
    """Views that no record has, and the columns that they were read from.

    Args:
        views: Of a table that was read again.
        columns: What columns held that views were read from.
    """
    read: dict[View, list[str]] = {}
    for column, role in columns.items():
        if isinstance(view := parse_role(role), View):
            read.setdefault(view, []).append(column)
    for view, names in read.items():
        if view.name not in views:
            others = [each for each in names if each != view.name]  # which any table may have
            listed = " and ".join(map(repr, others or names))
            name = way(python=f"columns={{'NAME': {str(view)!r}}}", shell=f"--column NAME={view}")
            yield (
                f"no record has the view {view.name!r}, which was read from the column {listed}; "
                f"if it is in another one, name that: {name}"
            )


def _name(role: str) -> str:
    known = parse_role(role)
    return known.name if isinstance(known, View) else known
