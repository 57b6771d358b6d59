"""Which item of a store is meant by a file's path, its name, or an id."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.core.wording import did_you_mean, way
from isthmus.media.source import is_file
from isthmus.store import Reader, is_whole, whole_id
from isthmus.tasks.retrieval.given import default_store

_LISTED = 3


def thing_named(rows: Reader, named: str, folder: Path | None = None) -> str:
    """Id of the whole item that is meant.

    Args:
        rows: Of the store.
        named: Id of an item or of a part of it, the path of its file, or the name of that.
        folder: Of the store, where it lies on disk.

    Raises:
        InputError: If the store holds no such item, or several files have the name.
    """
    if rows.known([named]):
        return whole_id(named)
    found = held_under(rows, named)
    if item := found.only:
        return item
    raise _not_held(rows, named, folder)


def _not_held(rows: Reader, named: str, folder: Path | None) -> InputError:
    """What to say of a name that no file of the store has."""
    with suppress(ValueError, OSError):  # what cannot be a path is a name at most
        path = expanded(named)
        if path.is_dir():
            only = f"where='path~\"{path.resolve().name}/*\"'"
            other = way(python=only, shell=f"--{only.replace('=', ' ', 1)}")
            return InputError(f"{named} is a folder, and within takes one file; write: {other}")
        if path.is_file():
            own = (
                "" if folder in (None, default_store()) else f" --store {shlex.quote(str(folder))}"
            )
            index = f"isthmus index {shlex.quote(named)}{own}"
            return InputError(
                f"the store holds no file {named!r}; index it with: "
                + way(python=f"store.add({named!r})", shell=index)
            )
    sources = (s for e in rows.entries() if is_whole(e.id) for s in (e.source, *e.copies))
    near = did_you_mean(Path(named).name, dict.fromkeys(Path(s).name for s in sources))
    more = near or " Give the name or the path of one that a search has found."
    return InputError(f"the store holds no file {named!r}, and there is none at this path.{more}")


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


def of_the_store(rows: Reader, named: str) -> str | None:
    """The item whose file has this path, or this name where no other file lies there.

    Args:
        rows: Of the store.
        named: Path or name.

    Raises:
        InputError: If several files of the store have the name, and none lies at the path.
    """
    held = held_under(rows, named)
    return held.item if is_file(named) else held.only


def held_under(rows: Reader, named: str) -> Held:
    """What a store holds under the path or the name of a file.

    Args:
        rows: Of the store.
        named: Path or name.
    """
    return all_held_under(rows, [named])[named]


def all_held_under(rows: Reader, names: Sequence[str], *, stems: bool = False) -> dict[str, Held]:
    """The same of several paths or names, by these; the store is read once.

    Args:
        rows: Of the store.
        names: Paths or names.
        stems: A name may lack its ending, too.
    """
    by_path: dict[str, list[str]] = {}
    for named in dict.fromkeys(names):
        for path in _paths(named):
            by_path.setdefault(path, []).append(named)
    items: dict[str, str] = {}
    alike: dict[str, dict[str, str]] = {named: {} for named in names}
    for entry in rows.entries():
        if not is_whole(entry.id):
            continue
        for source in (entry.source, *entry.copies):
            for named in by_path.get(source, ()):
                items.setdefault(named, entry.id)
            name = os.path.basename(source)  # noqa: PTH119 - a store has many
            for called in (name, Path(name).stem) if stems else (name,):
                if called in alike:
                    alike[called][entry.id] = source
    return {
        named: Held(named, items.get(named), {} if named in items else others)
        for named, others in alike.items()
    }


def _paths(named: str) -> set[str]:
    """What a file may be called where this is its path."""
    with suppress(ValueError):  # what cannot be a path is a name at most
        path = os.path.abspath(expanded(named))  # noqa: PTH100
        return {named, path, os.path.realpath(path)}  # links are compared as they are, too
    return {named}
