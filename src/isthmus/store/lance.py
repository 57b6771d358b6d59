"""A store on disk: LanceDB holds the truth, memory a copy that is scored exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.linalg import F32
from isthmus.core.locking import writers_lock
from isthmus.core.wording import count
from isthmus.store import tables
from isthmus.store._copy import Copy
from isthmus.store._database import NAMES, Database
from isthmus.store._disk import held, unwritten
from isthmus.store._faiss import available
from isthmus.store._mending import Mender
from isthmus.store._notice import Notice
from isthmus.store.base import Damage
from isthmus.store.index import LEAST, CellIndex
from isthmus.store.memory import MemoryBackend
from isthmus.store.records import Entry, FileRecord, whole_id
from isthmus.store.snapshot import Snapshot
from isthmus.store.vector_index import VectorIndex

_INDEX = "index"
_KIND: type[VectorIndex] = CellIndex
"""What indexes a large store: any class that keeps the protocol."""
_SETTLED = 1_000_000_000
"""Nanoseconds after which a changed folder can be told by its time; clocks tick coarsely."""
_GLANCE = 0.002
"""Seconds for which what was seen of the folder is taken as still true while reading."""
_PATIENCE = 2
"""Searches that look at every row before the index is opened, which takes longer than they."""


class LanceBackend(MemoryBackend):
    """Keeps entries, vectors and file records in a folder.

    Every write takes the lock of the folder, brings memory up to date, commits to LanceDB
    and flushes what that wrote, in this order, before it returns. Appended rows of other
    processes are read from where memory ends; any other change, told by a counter in a
    file, makes memory be read anew.

    A reader takes the snapshot that is in memory, and brings it up to date before where no
    writer of this process is at work; a writer puts the next snapshot in its place. Reading
    takes no lock of the folder and writes nothing, so a read-only folder will do.

    Args:
        folder: Where; made where it is not there.
        dim: Of the space.
        views: Of the space.
    """

    def __init__(self, folder: Path, dim: int, views: Sequence[str]) -> None:
        super().__init__(dim, views)
        self.folder = Path(folder)
        root = self.folder / "tables"
        self._notice = Notice(self.folder, root / f"{tables.ITEMS}.lance" / "_versions")
        self._copy = Copy(self.folder)
        self._writing = writers_lock(self.folder / "lock")
        self._database = Database(root, self._writing, dim, len(self.views))
        self._mender = Mender(self.folder, self._database, self._copy, self._read_anew)
        self._whole = False
        self._seen: tuple[int, str] = (-1, "")
        self._files_seen = -1
        self._mark: tuple[int, int] = (0, 0)
        self._searches = 0
        self._looked = 0.0

    def add(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
        """Add what is not there yet; durable when it returns."""
        if not entries:
            return []
        with self._alone() as rows:
            x, h = rows.checked(entries, vectors, hubness)
            places = rows.fresh(entries)
            new = [entries[place] for place in places]
            if new:
                made = tables.item_table(new, x[places], h[places])
                self._commit(lambda: self._database.table(tables.ITEMS).add(made))
                self._rows = rows.extended(new, x[places], h[places])
                self._commit(lambda: self._database.tidy(tables.ITEMS))
                self._seen = (self._database.version(tables.ITEMS), self._seen[1])
            return [entry.id for entry in new]

    def amend(self, entries: Sequence[Entry]) -> None:
        """Replace what is known of entries; durable when it returns."""
        last = {entry.id: entry for entry in entries}
        with self._alone() as rows:
            amended, places = rows.amended(last.values())
            if places:
                some = [last[entry] for entry in last if rows.row(entry) is not None]
                made = tables.item_table(some, rows.x[places], rows.hubness[places])
                self._copy.drop()
                self._commit(lambda: self._database.merge(tables.ITEMS, "id", made, insert=False))
                self._changed(amended)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove entries, and every older version that still holds them."""
        with self._alone() as rows:
            left, there = rows.without(ids)
            if there:
                self._copy.drop()
                self._commit(lambda: self._database.drop(tables.ITEMS, "id", there))
                self._changed(left)
                self._purge(tables.ITEMS)
                self._rewrite_index()
                self._keep_copy()
            return len(there)

    def record_files(self, files: Sequence[FileRecord]) -> None:
        """Keep what is known of files; durable when it returns."""
        if not files:
            return
        last = {record.path: record for record in files}
        with self._alone():
            self._catch_up_files()
            made = tables.file_table(list(last.values()))
            self._commit(lambda: self._database.merge(tables.FILES, "path", made, insert=True))
            self._commit(lambda: self._database.tidy(tables.FILES))
            self._files.update(last)
            self._files_seen = self._database.version(tables.FILES)

    def files(self) -> dict[str, FileRecord]:
        """What is known of files, by path."""
        if self._lock.acquire(blocking=self._files_seen < 0):
            try:
                self._catch_up_files()
            finally:
                self._lock.release()
        return dict(self._files)

    def forget_files(self, paths: Iterable[str]) -> None:
        """Drop file records, older versions included."""
        with self._alone():
            self._catch_up_files()
            gone = dict.fromkeys(path for path in paths if path in self._files)
            if gone:
                self._commit(lambda: self._database.drop(tables.FILES, "path", list(gone)))
                self._purge(tables.FILES)
                self._files = {path: r for path, r in self._files.items() if path not in gone}
                self._files_seen = self._database.version(tables.FILES)

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep other threads and processes from writing; what is read in it is up to date."""
        return self._alone()

    def optimize(self) -> None:
        """Compact, drop older versions, copy a small store for readers, index a large one."""
        with self._alone():
            self._purge(tables.ITEMS)
            self._purge(tables.FILES)
            self._keep_copy()
            if len(self._rows) < LEAST or not available():
                (self.folder / _INDEX).unlink(missing_ok=True)
                self._rows = self._rows.indexed(None)
                return
            rows = self._open_index()
            if rows.index is None or rows.index.outgrown(len(rows)):
                built = _KIND.build(self.views, rows.x, rows.hubness, rows.codes)
                self._rows = rows = rows.indexed(built)
            assert rows.index is not None
            rows.index.save(self.folder / _INDEX, rows.ids())

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Look for tables that cannot be opened; ``deep`` checks every row against its checksum.

        With ``repair`` what cannot be read is set aside in ``damaged/``, see
        :class:`~isthmus.store._mending.Mender`, and rows whose checksum does not match are dropped
        together with the records of their files, so that the next indexing run adds them again.
        """
        found: list[Damage] = []
        with self._checking(repair=repair):
            for name in NAMES:
                found += self._mender.check(name, repair=repair)
            if found and all(each.repaired for each in found):
                self._read_anew()
                self._changed(self._fresh())
                self._rewrite_index()
            if deep and all(each.repaired for each in found):
                found += self._check_rows(repair=repair)
            if all(each.repaired for each in found):
                found += self._check_pairing(repair=repair)
                found += self._check_copy(repair=repair)
        return found

    def close(self) -> None:
        """Let go of the tables and of the copy in memory."""
        with self._lock:
            self._read_anew()
            self._rows = Snapshot.empty(self.dim, self.views)
            self._searches = 0

    def _fresh(self) -> Snapshot:
        """Memory, brought up to date unless a writer of this process is doing so."""
        mark = self._notice.times()
        if mark == self._mark and self._seen[0] >= 0:
            return self._rows
        if self._lock.acquire(blocking=self._seen[0] < 0):
            try:
                self._catch_up(mark)
                return self._rows
            finally:
                self._lock.release()
        return self._rows

    def _read(self) -> Snapshot:
        """Memory, for a reader: what was seen a moment ago is still true."""
        now = time.monotonic()
        if now - self._looked > _GLANCE or self._seen[0] < 0:
            rows = self._fresh()
            self._looked = now
            return rows
        return self._rows

    @contextmanager
    def _alone(self) -> Iterator[Snapshot]:
        """Keep other writers out; gives the rows, up to date."""
        with held(self._writing, self.folder), self._lock:
            if not self._whole:  # readers may not have noticed: they have the copy
                for name in NAMES:
                    self._database.check_whole(name)
                self._whole = True
            self._catch_up(self._notice.times())
            yield self._rows

    @contextmanager
    def _checking(self, *, repair: bool) -> Iterator[None]:
        """Keep writers out; only a repair needs a folder that can be written to."""
        with ExitStack() as stack:
            with nullcontext() if repair else suppress(ArtifactError):
                stack.enter_context(held(self._writing, self.folder))
            stack.enter_context(self._lock)
            yield

    def _catch_up(self, mark: tuple[int, int]) -> None:
        """Bring memory up to date with the table, as it was at some time or later."""
        version, epoch = self._database.version(tables.ITEMS), self._notice.epoch()
        settled = time.time_ns() - max(mark) > _SETTLED
        if (version, epoch) != self._seen:
            known = epoch == self._seen[1] and self._seen[0] >= 0
            rows = self._extended() if known else None
            if rows is None:
                copied = self._copy.read(self._database.revision(tables.ITEMS, version))
                read = self._database.read(tables.ITEMS) if copied is None else copied
                rows = Snapshot.of(self.views, *tables.sound_items(read))
            self._rows, self._seen, settled = rows, (version, epoch), False
        self._mark = mark if settled else (0, 0)

    def _extended(self) -> Snapshot | None:
        """Memory with what was appended; None where rows changed, though nobody said so.

        A process that was killed between a change and its notice leaves the last row that is
        known here in another place, or none.
        """
        rows = self._rows
        start = max(len(rows) - 1, 0)
        entries, x, h = tables.sound_items(self._database.read(tables.ITEMS, start))
        if len(rows):
            if not entries or entries[0] != rows.last:
                return None
            entries, x, h = entries[1:], x[1:], h[1:]
        return rows.extended(entries, x, h)

    def _read_anew(self) -> None:
        """Take nothing that is in memory as true any more."""
        self._database.close()
        self._seen, self._files_seen, self._mark = (-1, ""), -1, (0, 0)

    def _catch_up_files(self) -> None:
        """Bring the records of files up to date with their table."""
        version = self._database.version(tables.FILES)
        if version != self._files_seen:
            records, _ = tables.read_files(self._database.read(tables.FILES))
            self._files = {record.path: record for record in records}
            self._files_seen = version

    def _ready(self) -> Snapshot:
        """Memory, and the index where it is likely to be worth the time to open it."""
        rows = self._read()
        if rows.index is not None or len(rows) < LEAST or not available():
            return rows
        self._searches += 1
        if self._searches > _PATIENCE and self._lock.acquire(blocking=False):
            try:
                return self._open_index()
            finally:
                self._lock.release()
        return rows

    def _open_index(self) -> Snapshot:
        """Memory with the index, if there is one."""
        rows, path = self._rows, self.folder / _INDEX
        if rows.index is None:
            made = _KIND.load(path, self.views, rows.row, rows.x, rows.hubness, rows.codes)
            self._rows = rows = rows.indexed(made)
        return rows

    def _rewrite_index(self) -> None:
        """Let the file of the index forget what was deleted."""
        path = self.folder / _INDEX
        if path.is_file():
            rows = self._open_index() if available() else self._rows
            if rows.index is None:
                path.unlink()
            else:
                rows.index.save(path, rows.ids())

    def _keep_copy(self) -> None:
        """Leave the rows where a reader finds them without LanceDB."""
        items = self._database.newest(tables.ITEMS)
        self._commit(lambda: self._copy.write(*items))

    def _commit(self, action: Callable[[], object]) -> None:
        """Do it and flush it; a failure leaves what was there readable."""
        try:
            action()
            self._database.flush()
        except (OSError, RuntimeError) as error:
            self._seen = (-1, "")  # memory may be ahead of the disk
            raise unwritten(self.folder, error) from error

    def _changed(self, rows: Snapshot) -> None:
        """Tell other processes that rows changed, not only came."""
        epoch = self._notice.give()
        self._rows, self._seen = rows, (self._database.version(tables.ITEMS), epoch)

    def _purge(self, name: str) -> None:
        """Merge fragments and remove every version but the newest, with what they held."""
        known = name == tables.ITEMS or self._files_seen == self._database.version(name)
        self._commit(lambda: self._database.purge(name))
        if name == tables.ITEMS:
            self._seen = (self._database.version(name), self._seen[1])
        elif known:
            self._files_seen = self._database.version(name)

    def _check_pairing(self, *, repair: bool) -> list[Damage]:
        """File records whose item is not there: the next run must read those files again."""
        self._read_anew()
        try:
            records, rows = self.files().values(), self._fresh()  # items are written before files
        except IntegrityError as error:
            return [Damage(str(error))]
        lost = [r.path for r in records if r.item is not None and rows.row(r.item) is None]
        if not lost:
            return []
        what = f"the items of {count(len(lost), 'recorded file')} are lost: {', '.join(lost[:5])}"
        if repair:
            self.forget_files(lost)
        return [Damage(what, (), "records dropped; index these files again" if repair else "")]

    def _check_copy(self, *, repair: bool) -> list[Damage]:
        """A copy that readers must not see; a repair makes one anew, whatever there is."""
        items = self._database.newest(tables.ITEMS)
        found = self._copy.check(*items)
        if repair:
            self._commit(lambda: self._copy.write(*items))
            found = [replace(each, repaired="made anew") for each in found]
        return found

    def _check_rows(self, *, repair: bool) -> list[Damage]:
        found: list[Damage] = []
        read = tables.read_items(self._database.read(tables.ITEMS))
        bad = tables.damaged_items(*read)
        if bad:
            what = f"the checksum of {count(len(bad), 'row')} of items does not match"
            if repair:
                things = {whole_id(each) for each in bad}  # no thing keeps only some of its rows
                paths = [r.path for r in self.files().values() if r.item in things]
                rows = [entry.id for entry in read[0] if whole_id(entry.id) in things]
                self._copy.drop()
                self._commit(lambda: self._database.drop(tables.ITEMS, "id", rows))
                self._read_anew()
                self._changed(self._fresh())
                self._purge(tables.ITEMS)
                self._rewrite_index()
                self.forget_files(paths)
            done = "rows dropped; index their files again" if repair else ""
            found.append(Damage(what, bad, done))
        paths = tables.damaged_files(*tables.read_files(self._database.read(tables.FILES)))
        if paths:
            what = f"{len(paths)} file records do not match their checksum: {', '.join(paths[:5])}"
            if repair:
                self.forget_files(paths)
            found.append(Damage(what, (), "records dropped" if repair else ""))
        return found
