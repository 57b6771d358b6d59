"""The two tables of a store in LanceDB: opened, read, written, and kept small."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from isthmus.core.artifact import content_hash
from isthmus.core.errors import IntegrityError
from isthmus.core.extras import require
from isthmus.core.reading import read_file
from isthmus.store import tables
from isthmus.store._disk import Flusher, panicked, short
from isthmus.store._repair import cut_off, manifest_of, newest_version

if TYPE_CHECKING:
    import pyarrow as pa
    from filelock import BaseFileLock
    from lancedb.table import Table

T = TypeVar("T")
DOCUMENT = "store.json"
"""What every store has, beside its tables."""
NAMES = (tables.ITEMS, tables.FILES)
_COMMITS = 128
"""Commits that a table may gather before they are merged: each slows the next a little."""
_ROWS_PER_COMMIT = 1_000
"""So many rows allow one commit more, because merging writes all of them anew."""
_ATTEMPTS = 8
_PAUSE = 0.01
"""Seconds before the second attempt to read; before each further one, twice as many."""
_CACHE = 16 * 2**20
"""Bytes that LanceDB may keep of tables: all rows are read once, so more brings nothing."""


class Database:
    """Tables of items and files.

    Args:
        root: Folder of the tables.
        lock: Of the store.
        dim: Of the vectors.
        columns: Of hubness.
    """

    def __init__(self, root: Path, lock: BaseFileLock, dim: int, columns: int) -> None:
        self.root = root
        self._lock, self._dim, self._columns = lock, dim, columns
        self._flusher = Flusher(root)
        self._tables: dict[str, Table] = {}

    def folder(self, name: str) -> Path:
        """Where a table lies."""
        return self.root / f"{name}.lance"

    def table(self, name: str) -> Table:
        """The newest version of a table, made where it is not there; only under the lock."""
        self._newest(name)
        table = self._tables[name]
        missing = [each for each in tables.LATER if each not in table.schema.names]
        if name == tables.ITEMS and missing:
            with self._opening(name):  # of an earlier release
                table.add_columns(dict.fromkeys(missing, tables.EMPTY))
        return table

    def _opened(self, name: str) -> Table:
        """A table as it was last seen."""
        if name not in self._tables:
            os.environ.setdefault("LANCEDB_TELEMETRY", "off")
            lancedb = require("lancedb", extra="store", purpose="a store on disk")
            session = lancedb.Session(
                index_cache_size_bytes=_CACHE, metadata_cache_size_bytes=_CACHE
            )
            database = lancedb.connect(str(self.root), session=session)
            with self._opening(name):
                if self.made(name):
                    found = database.open_table(name)
                    if not self.fits(name, found):
                        raise ValueError("its columns are not those of a store")
                    self._tables[name] = found
                else:
                    with self._lock:
                        self.root.mkdir(parents=True, exist_ok=True)
                        self._tables[name] = database.create_table(
                            name, schema=self._schema(name), exist_ok=True
                        )
                        self.flush()
        return self._tables[name]

    def fits(self, name: str, found: Table | pa.Table) -> bool:
        """Whether something has the columns of a table, of this release or an earlier one."""
        return any(map(found.schema.equals, tables.earlier(self._schema(name))))

    def _schema(self, name: str) -> pa.Schema:
        return tables.schemas(self._dim, self._columns)[name]

    def made(self, name: str) -> bool:
        """Whether a table is there."""
        return self.folder(name).is_dir()

    def version(self, name: str) -> int:
        """Number of the newest version; 0 where there is no table. LanceDB is not asked."""
        if not self.made(name):
            self._check_lost()
            return 0
        found = newest_version(self.folder(name))
        return _patiently(lambda: self._newest(name)) if found is None else found

    def revision(self, name: str, version: int) -> str:
        """What tells a version from every other of any store: a hash of its manifest.

        It is empty where the version is no longer there.
        """
        try:
            return content_hash(read_file(manifest_of(self.folder(name), version)))
        except FileNotFoundError:
            return ""

    def read(self, name: str, start: int = 0) -> pa.Table:
        """Rows of the newest version from ``start`` on; none where there is no table."""
        if not self.made(name):
            self._check_lost()
            return self._schema(name).empty_table()
        return _patiently(lambda: self._rows(name, start))

    def newest(self, name: str) -> tuple[pa.Table, str]:
        """All rows of a table and the revision that they are of; only under the lock."""
        rows = self.read(name)
        return rows, self.revision(name, self.version(name))

    def check_whole(self, name: str) -> None:
        """Refuse a table a file of which is gone, empty or cut off; LanceDB is not asked.

        Raises:
            IntegrityError: Naming the file.
        """
        if (path := cut_off(self.folder(name))) is not None:
            store = self.root.parent
            raise IntegrityError(
                f"{path} is damaged or missing, so nothing more is written; repair it with: "
                f"isthmus doctor --repair --store {store}"
            )

    def merge(self, name: str, key: str, made: pa.Table, *, insert: bool) -> None:
        """Replace rows of the same key; with ``insert`` also add those that are new."""
        merge = self.table(name).merge_insert(key).when_matched_update_all()
        if insert:
            merge = merge.when_not_matched_insert_all()
        merge.execute(made)

    def drop(self, name: str, key: str, values: Sequence[str]) -> None:
        """Mark rows as deleted; :meth:`purge` takes them off the disk."""
        table = self.table(name)
        for start in range(0, len(values), 500):
            listed = ", ".join(tables.literal(value) for value in values[start : start + 500])
            table.delete(f"{key} IN ({listed})")

    def purge(self, name: str) -> None:
        """Merge fragments and remove every version but the newest, with what they held."""
        self._compact(name)
        table = self.table(name)
        if any((self.folder(name) / "_deletions").glob("*")):
            # Of few deletions only marks are kept, and the rows stay; write the others anew.
            table.add(table.to_arrow(), mode="overwrite")
        # The newest commit is kept with its words, so it must not be a deletion.
        table.delete("false")
        self._compact(name)

    def tidy(self, name: str) -> None:
        """Merge the commits of a table once there are many."""
        commits = sum(1 for _ in os.scandir(self.folder(name) / "_versions"))
        if commits <= _COMMITS:
            return
        if commits > max(_COMMITS, self.table(name).count_rows() // _ROWS_PER_COMMIT):
            self._compact(name)

    def flush(self) -> None:
        """Make everything that was written survive a power cut."""
        self._flusher.flush()

    def close(self) -> None:
        """Let go of the tables."""
        self._tables.clear()

    def _check_lost(self) -> None:
        """Refuse to take a store whose tables were removed for an empty one."""
        store = self.root.parent
        if (store / DOCUMENT).is_file() and not self.root.is_dir():
            raise IntegrityError(
                f"{store} is damaged: its folder {self.root.name!r}, which holds all items, is "
                "missing; put it back from a backup, or make an empty one with: isthmus doctor "
                f"--repair --store {store}"
            )

    def _newest(self, name: str) -> int:
        table = self._opened(name)
        with self._opening(name):
            table.checkout_latest()
            return int(table.version)

    def _rows(self, name: str, start: int) -> pa.Table:
        self._newest(name)
        table = self._opened(name)
        with self._opening(name):
            if start:
                rest = table.count_rows() - start
                return table.search().offset(start).limit(max(rest, 1)).to_arrow()
            return table.to_arrow()

    def _compact(self, name: str) -> None:
        with warnings.catch_warnings():
            # The warning is about other readers; ours try again.
            warnings.simplefilter("ignore")
            self.table(name).optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

    @contextmanager
    def _opening(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError | RuntimeError | ValueError) and not panicked(error):
                raise
            self._tables.pop(name, None)
            store = self.root.parent
            raise IntegrityError(
                f"{store}: the table of {name} cannot be read ({short(error)}); "
                f"repair it with: isthmus doctor --repair --store {store}"
            ) from error


def _patiently(read: Callable[[], T]) -> T:
    """Read, and try again where it fails.

    Another process may remove the version while it is read; then the next one is there.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return read()
        except IntegrityError:
            time.sleep(_PAUSE * 2**attempt)
    return read()
