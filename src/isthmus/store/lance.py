"""A store on disk: LanceDB holds the truth, memory a copy that is scored exactly."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.extras import require
from isthmus.core.linalg import F32
from isthmus.store import _tables as tables
from isthmus.store._disk import Flusher, Lock, short, write_whole
from isthmus.store._repair import newest_damaged, set_aside
from isthmus.store.base import Damage, Entry, FileRecord
from isthmus.store.cells import available
from isthmus.store.index import LEAST, Index
from isthmus.store.memory import MemoryBackend
from isthmus.store.rows import Rows

_EPOCH = "epoch"
_INDEX = "index"
_SETTLED = 1_000_000_000
"""Nanoseconds after which a changed folder can be told by its time; clocks tick coarsely."""
_PATIENCE = 2
"""Searches that look at every row before the index is opened, which takes longer than they."""


class LanceBackend(MemoryBackend):
    """Keeps entries, vectors and file records in a folder.

    Every write takes the lock of the folder, brings memory up to date, commits to LanceDB
    and flushes what that wrote, in this order, before it returns. Appended rows of other
    processes are read from where memory ends; any other change, told by a counter in a
    file, makes memory be read anew.

    Args:
        folder: Where; made where it is not there.
        dim: Of the space.
        modalities: Of the space.
    """

    def __init__(self, folder: Path, dim: int, modalities: Sequence[str]) -> None:
        super().__init__(dim, modalities)
        self.folder = Path(folder)
        self._root = self.folder / "tables"
        self._root.mkdir(parents=True, exist_ok=True)
        self._watched = (
            self._root / f"{tables.ITEMS}.lance" / "_versions",
            self.folder / _EPOCH,
        )
        self._writing = Lock(self.folder / "lock")
        self._flusher = Flusher(self._root)
        self._tables: dict[str, Any] = {}
        self._seen: tuple[int, str] = (-1, "")
        self._files_seen = -1
        self._mark: tuple[int, int] = (0, 0)
        self._searches = 0

    def add(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
        """Add what is not there yet; durable when it returns."""
        if not entries:
            return []
        with self.exclusive():
            rows = self._fresh()
            x, h = rows.checked(entries, vectors, hubness)
            places = rows.fresh(entries)
            new = [entries[place] for place in places]
            if new:
                made = tables.item_table(new, x[places], h[places])
                self._commit(lambda: self._table(tables.ITEMS).add(made))
                rows.extend(new, x[places], h[places])
                self._seen = (self._version(tables.ITEMS), self._seen[1])
            return [entry.id for entry in new]

    def amend(self, entries: Sequence[Entry]) -> None:
        """Replace what is known of entries; durable when it returns."""
        with self.exclusive():
            rows = self._fresh()
            places = rows.amend(entries)
            if places:
                some = [rows.entries[row] for row in places]
                made = tables.item_table(some, rows.x[places], rows.hubness[places])
                self._commit(lambda: self._merge(tables.ITEMS, "id", made, insert=False))
                self._changed()

    def delete(self, ids: Iterable[str]) -> int:
        """Remove entries, and every older version that still holds them."""
        with self.exclusive():
            there = self._fresh().remove(ids)
            if there:
                self._commit(lambda: self._drop(tables.ITEMS, "id", there))
                self._changed()
                self._purge()
                self._rewrite_index()
            return len(there)

    def record_files(self, files: Sequence[FileRecord]) -> None:
        """Keep what is known of files; durable when it returns."""
        if not files:
            return
        with self.exclusive():
            last = {record.path: record for record in files}
            made = tables.file_table(list(last.values()))
            self._commit(lambda: self._merge(tables.FILES, "path", made, insert=True))

    def files(self) -> dict[str, FileRecord]:
        """What is known of files, by path."""
        version = self._version(tables.FILES)
        if version != self._files_seen:
            records, _ = tables.read_files(self._read(tables.FILES))
            self._files = {record.path: record for record in records}
            self._files_seen = version
        return dict(self._files)

    def forget_files(self, paths: Iterable[str]) -> None:
        """Drop file records, older versions included."""
        with self.exclusive():
            known = self.files()
            gone = [path for path in paths if path in known]
            if gone:
                self._commit(lambda: self._drop(tables.FILES, "path", gone))
                self._purge()

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other threads and processes from writing."""
        return self._writing.held()

    def optimize(self) -> None:
        """Compact, drop older versions, and index a store that is large enough."""
        with self.exclusive():
            rows = self._fresh()
            self._purge()
            if len(rows) < LEAST or not available():
                (self.folder / _INDEX).unlink(missing_ok=True)
                rows.index = None
                return
            self._open_index(rows)
            if rows.index is None or rows.index.outgrown(len(rows)):
                rows.index = Index.build(self.modalities, rows.x, rows.hubness, rows.codes)
            rows.index.catch_up(rows.x, rows.hubness, rows.codes)
            rows.index.save(self.folder / _INDEX, [entry.id for entry in rows.entries])

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Look for tables that cannot be opened; ``deep`` checks every row against its checksum.

        With ``repair`` a newest version that cannot be read is set aside in ``damaged/``, so
        that the one before it counts, and rows whose checksum does not match are dropped
        together with the records of their files, so that the next indexing run adds them again.
        """
        found: list[Damage] = []
        with self._writing.held():
            for name in (tables.ITEMS, tables.FILES):
                found += self._check_opening(name, repair=repair)
            if not [each for each in found if not each.repaired]:
                found += self._check_pairing(repair=repair)
                if deep:
                    found += self._check_rows(repair=repair)
        return found

    def close(self) -> None:
        """Let go of the tables and of the copy in memory."""
        self._tables.clear()
        self._rows = Rows(self.dim, self.modalities)
        self._seen, self._files_seen = (-1, ""), -1
        self._mark, self._searches = (0, 0), 0

    def _fresh(self) -> Rows:
        """Memory, brought up to date with the table."""
        mark = self._times()
        if mark == self._mark and self._seen[0] >= 0:
            return self._rows
        version, epoch = self._version(tables.ITEMS), self._epoch()
        settled = time.time_ns() - max(mark) > _SETTLED
        if (version, epoch) == self._seen:
            self._mark = mark if settled else (0, 0)
            return self._rows
        with self._lock:
            appended = epoch == self._seen[1] and self._seen[0] >= 0
            start = len(self._rows) if appended else 0
            entries, x, h, _ = tables.read_items(self._read(tables.ITEMS, start))
            if appended:
                self._rows.extend(entries, x, h)
            else:
                rows = Rows(self.dim, self.modalities)
                rows.adopt(entries, x, h)
                self._rows = rows
            self._seen = (version, epoch)
        return self._rows

    def _times(self) -> tuple[int, int]:
        """When a version was last added to the table, and the epoch last written."""
        times = []
        for path in self._watched:
            try:
                times.append(path.stat().st_mtime_ns)
            except FileNotFoundError:
                times.append(0)
        return times[0], times[1]

    def _ready(self, exact: bool) -> Rows:
        """Memory, and the index where it is likely to be worth the time to open it."""
        rows = self._fresh()
        if exact or rows.index is not None or len(rows) < LEAST or not available():
            return rows
        self._searches += 1
        if self._searches > _PATIENCE:
            with self._lock:
                self._open_index(rows)
        return rows

    def _open_index(self, rows: Rows) -> None:
        """Read the index, unless there is none; it is not sought again until memory changes."""
        if rows.index is None:
            rows.index = Index.load(
                self.folder / _INDEX,
                self.modalities,
                rows.row_of,
                rows.x,
                rows.hubness,
                rows.codes,
            )

    def _rewrite_index(self) -> None:
        """Let the file of the index forget what was deleted."""
        path = self.folder / _INDEX
        if path.is_file():
            rows = self._fresh()
            if available():
                self._open_index(rows)
            if rows.index is None:
                path.unlink()
            else:
                rows.index.save(path, [entry.id for entry in rows.entries])

    def _commit(self, action: Callable[[], object]) -> None:
        """Do it and flush it; a failure leaves what was there readable."""
        try:
            action()
            self._flusher.flush()
        except (OSError, RuntimeError) as error:
            self._seen = (-1, "")  # memory may be ahead of the disk
            raise ArtifactError(
                f"{self.folder} could not be written: {short(error)}; what was there before is "
                "still readable. Free some space or check the folder, then run it again"
            ) from error

    def _changed(self) -> None:
        """Tell other processes that rows changed, not only came."""
        epoch = str(int(self._epoch() or 0) + 1)
        write_whole(self.folder / _EPOCH, epoch)
        self._seen = (self._version(tables.ITEMS), epoch)

    def _epoch(self) -> str:
        try:
            return (self.folder / _EPOCH).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _purge(self) -> None:
        """Merge fragments and remove every version but the newest, with what they held."""
        self._fresh()  # what is noted as seen below must be in memory

        def act() -> None:
            for name in (tables.ITEMS, tables.FILES):
                with warnings.catch_warnings():
                    # The warning is about other readers; ours hold their rows in memory.
                    warnings.simplefilter("ignore")
                    table = self._table(name)
                    table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
                    if any((self._root / f"{name}.lance" / "_deletions").glob("*")):
                        # Of few deletions only marks are kept, and the rows stay; write the
                        # others anew.
                        table.add(table.to_arrow(), mode="overwrite")
                    # The newest commit is kept with its words, so it must not be a deletion.
                    table.delete("false")
                    table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

        self._commit(act)
        self._seen = (self._version(tables.ITEMS), self._seen[1])

    def _merge(self, name: str, key: str, made: Any, *, insert: bool) -> None:
        merge = self._table(name).merge_insert(key).when_matched_update_all()
        if insert:
            merge = merge.when_not_matched_insert_all()
        merge.execute(made)

    def _drop(self, name: str, key: str, values: Sequence[str]) -> None:
        table = self._table(name)
        for start in range(0, len(values), 500):
            listed = ", ".join(tables.literal(value) for value in values[start : start + 500])
            table.delete(f"{key} IN ({listed})")

    def _table(self, name: str) -> Any:
        """A table at its newest version, made where it is not there."""
        if name not in self._tables:
            os.environ.setdefault("LANCEDB_TELEMETRY", "off")
            lancedb = require("lancedb", extra="store", purpose="a store on disk")
            database = lancedb.connect(str(self._root))
            schema = tables.schemas(self.dim, len(self.modalities))[name]
            with self._opening(name):
                if (self._root / f"{name}.lance").is_dir():
                    self._tables[name] = database.open_table(name)
                else:
                    with self._writing.held():
                        self._tables[name] = database.create_table(
                            name, schema=schema, exist_ok=True
                        )
                        self._flusher.flush()
        return self._tables[name]

    def _version(self, name: str) -> int:
        table = self._table(name)
        with self._opening(name):
            table.checkout_latest()
            return int(table.version)

    def _read(self, name: str, start: int = 0) -> Any:
        table = self._table(name)
        with self._opening(name):
            if start:
                rest = table.count_rows() - start
                return table.search().offset(start).limit(max(rest, 1)).to_arrow()
            return table.to_arrow()

    @contextmanager
    def _opening(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            self._tables.pop(name, None)
            raise IntegrityError(
                f"{self.folder}: the table of {name} cannot be read ({short(error)}); "
                f"see what can be saved with: isthmus doctor --repair --store {self.folder}"
            ) from error

    def _check_opening(self, name: str, *, repair: bool) -> list[Damage]:
        try:
            self._version(name)
            self._read(name)
        except IntegrityError as error:
            self._tables.clear()
            damaged = newest_damaged(self._root / f"{name}.lance")
            if damaged is None:
                return [Damage(str(error))]
            what = f"{damaged.relative_to(self.folder)}: the newest version of {name} is unreadable"
            if not repair:
                return [Damage(what)]
            moved = set_aside(damaged, self.folder / "damaged")
            self.close()
            again = self._check_opening(name, repair=True)
            rows = "" if again else f" with {len(self._read(name)):,} rows"
            done = (
                f"set aside as {moved.relative_to(self.folder)}; the version before it counts{rows}"
            )
            return [Damage(what, (), done), *again]
        return []

    def _check_pairing(self, *, repair: bool) -> list[Damage]:
        """File records whose item is not there: the next run must read those files again."""
        self.close()
        rows = self._fresh()
        lost = [
            record.path
            for record in self.files().values()
            if record.item is not None and record.item not in rows.row_of
        ]
        if not lost:
            return []
        what = f"{len(lost)} files are recorded, but their items are lost: {', '.join(lost[:5])}"
        if not repair:
            return [Damage(what)]
        self.forget_files(lost)
        return [Damage(what, (), "records dropped; index these files again")]

    def _check_rows(self, *, repair: bool) -> list[Damage]:
        found: list[Damage] = []
        bad = tables.damaged_items(*tables.read_items(self._read(tables.ITEMS)))
        if bad:
            what = f"{len(bad)} rows of items do not match their checksum"
            if repair:
                paths = [r.path for r in self.files().values() if r.item in set(bad)]
                self.delete(bad)
                self.forget_files(paths)
            done = "rows dropped; index their files again" if repair else ""
            found.append(Damage(what, bad, done))
        paths = tables.damaged_files(*tables.read_files(self._read(tables.FILES)))
        if paths:
            what = f"{len(paths)} file records do not match their checksum: {', '.join(paths[:5])}"
            if repair:
                self.forget_files(paths)
            found.append(Damage(what, (), "records dropped" if repair else ""))
        return found
