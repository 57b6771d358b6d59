"""Which item of a store is meant by a file's path, its name, or an id."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
    found = held_under(rows, named)
    if item := found.only:
        return item
    raise InputError(
        f"the store holds no file {named!r}; index it with: "
        + way(python=f"store.add({named!r})", shell=f"isthmus index {shlex.quote(named)}")
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds under the path or the name of a file.

    Attributes:
        named: What was looked for.
        item: Id of the whole item whose file lies at that path; None where none does.
        alike: Sources by id, of the whole items whose files have that name.
    """

    named: str
    item: str | None
    alike: Mapping[str, str]

    @property
    def only(self) -> str | None:
        """The one item that is meant; None where there is none.

        Raises:
            InputError: If several files have the name.
        """
        if self.item is not None:
            return self.item
        if len(self.alike) > 1:
            listed = ", ".join(sorted(self.alike.values())[:_LISTED])
            raise InputError(
                f"{len(self.alike)} files are named {self.named!r}: {listed}; give the whole path"
            )
        return next(iter(self.alike), None)


def held_under(rows: Reader, named: str) -> Held:
    """What a store holds under the path or the name of a file.

    Args:
        rows: Of the store.
        named: Path or name.
    """
    paths = {named}
    with suppress(ValueError):  # what cannot be a path is a name at most
        path = os.path.abspath(expanded(named))  # noqa: PTH100
        paths |= {path, os.path.realpath(path)}  # links are compared as they are, too
    alike: dict[str, str] = {}
    for entry in rows.entries():
        if not is_whole(entry.id):
            continue
        for source in (entry.source, *entry.copies):
            if source in paths:
                return Held(named, entry.id, {})
            if source.endswith(named) and Path(source).name == named:
                alike[entry.id] = source
    return Held(named, None, alike)
