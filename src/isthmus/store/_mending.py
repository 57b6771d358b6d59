"""Tables that cannot be read: what is said of them, and the way back to what still can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.wording import count
from isthmus.store import tables
from isthmus.store._copy import COPY, Copy
from isthmus.store._database import Database
from isthmus.store._disk import short
from isthmus.store._repair import newest_damaged, newest_version, set_aside
from isthmus.store.base import Damage

if TYPE_CHECKING:
    import pyarrow as pa

_AGAIN = "index your files again"


class Mender:
    """Looks whether the tables of one store can be read, and mends those that cannot.

    What is damaged is moved to ``damaged/``, never deleted.

    Args:
        folder: Of the store.
        database: Its tables.
        copy: Of its items.
        anew: Forgets what is in memory of the tables.
    """

    def __init__(
        self, folder: Path, database: Database, copy: Copy, anew: Callable[[], None]
    ) -> None:
        self._folder, self._database, self._copy, self._anew = folder, database, copy, anew

    def check(self, name: str, *, repair: bool) -> list[Damage]:
        """Whether a table can be opened and read; a repair goes back to what can be.

        That is the copy, where it is of the newest version; else the version before; else, where
        there is none, the copy as it is, or an empty table.
        """
        try:
            self._database.version(name)
            self._database.read(name)
        except IntegrityError as error:
            self._anew()
            table = self._database.folder(name)
            rows, newest = self._copied(name), False
            if rows is not None:
                version = newest_version(table) or 0
                newest = self._copy.read(self._database.revision(name, version)) is not None
            damaged = newest_damaged(table)
            if damaged is not None and not newest:
                return self._step_back(name, damaged, repair=repair)
            return [self._replaced(name, rows, error, repair=repair)]
        return []

    def _step_back(self, name: str, damaged: Path, *, repair: bool) -> list[Damage]:
        """Let the version before count."""
        where = damaged.relative_to(self._folder)
        what = f"{where}: the newest version of {name} is unreadable"
        if not repair:
            return [Damage(what)]
        moved = set_aside(damaged, self._folder / "damaged")
        self._anew()
        again = self.check(name, repair=True)
        rows = "" if again else f" with {count(len(self._database.read(name)), 'row')}"
        done = f"moved to {moved.relative_to(self._folder)}; the version before it is used{rows}"
        return [Damage(what, (), done), *again]

    def _replaced(
        self, name: str, rows: pa.Table | None, error: IntegrityError, *, repair: bool
    ) -> Damage:
        """Make the table anew, of the rows that are left."""
        table = self._database.folder(name)
        what = str(error)
        if error.__cause__ is not None:
            where = table.relative_to(self._folder)
            what = f"{where}: the table of {name} cannot be read ({short(error.__cause__)})"
        left = "" if rows is None else f"{count(len(rows), 'row')} put back from {COPY}"
        if not repair:
            way = left and f"; --repair has {left}"
            return Damage(what + (way or f"; --repair makes an empty one; then {_AGAIN}"))
        parts = (table, *table.rglob("*")) if table.exists() else ()
        if not all(os.access(path, os.R_OK) for path in parts):
            return Damage(f"{what}; you may not read all of its files, so nothing was changed")
        moved = set_aside(table, self._folder / "damaged") if parts else None
        self._anew()
        try:
            made = self._database.table(name)
            if rows is not None:
                made.add(rows)
            self._database.flush()
        except BaseException:  # what was there comes back: another attempt must see the damage
            self._anew()
            if moved is not None:
                if table.exists():
                    set_aside(table, self._folder / "damaged")
                moved.rename(table)
            raise
        done = "" if moved is None else f"moved to {moved.relative_to(self._folder)}; "
        return Damage(what, (), done + (left or f"made an empty one; {_AGAIN}"))

    def _copied(self, name: str) -> pa.Table | None:
        """Rows of the copy, which is one of items, if all of them are sound."""
        if name != tables.ITEMS:
            return None
        with suppress(FileNotFoundError, ArtifactError):
            rows, _ = self._copy.load()
            fits = self._database.fits(name, rows)
            if fits and not tables.damaged_items(*tables.read_items(rows)):
                # The bytes behind the checksum of the file lie askew, which LanceDB does not read.
                return rows.take(list(range(len(rows))))
        return None
