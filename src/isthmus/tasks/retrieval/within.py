"""Which item of a store is meant by a file's path, its name, or an id."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import way
from isthmus.store import Reader, is_whole, whole_id

_LISTED = 3


def thing_named(rows: Reader, named: str) -> str:
    """Id of the whole item that is meant.

    Only names that the store knows are compared; nobody looks for a file.

    Args:
        rows: Of the store.
        named: Id of an item or of a part of it, the path of its file, or the name of that.

    Raises:
        InputError: If the store holds no such item, or several files have the name.
    """
    if rows.known([named]):
        return whole_id(named)
    paths = {named}
    if "\0" not in named:  # links are compared as they are, too
        path = os.path.abspath(expanded(named))  # noqa: PTH100
        paths |= {path, os.path.realpath(path)}
    alike: dict[str, str] = {}
    for entry in rows.entries():
        if not is_whole(entry.id):
            continue
        for source in (entry.source, *entry.copies):
            if source in paths:
                return entry.id
            if Path(source).name == named:
                alike[entry.id] = source
    if len(alike) == 1:
        return next(iter(alike))
    if alike:
        listed = ", ".join(sorted(alike.values())[:_LISTED])
        raise InputError(f"{len(alike)} files are named {named!r}: {listed}; give the whole path")
    raise InputError(
        f"the store holds no file {named!r}; index it with: "
        + way(python=f"store.add({named!r})", shell=f"isthmus index {shlex.quote(named)}")
    )
