"""A store in memory: for tests, and for what need not last."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from isthmus.core.linalg import F32
from isthmus.store.base import Damage, HubnessCorrection, MatchingRows, NearestRows
from isthmus.store.filters import Filter
from isthmus.store.records import Entry, FileRecord
from isthmus.store.snapshot import Snapshot


class MemoryBackend:
    """Keeps everything in this process; :class:`isthmus.store.base.Backend` says what.

    Args:
        dim: Of the space.
        views: Of the space.
    """

    def __init__(self, dim: int, views: Sequence[str]) -> None:
        self.dim, self.views = dim, tuple(views)
        self._rows = Snapshot.empty(dim, self.views)
        self._files: dict[str, FileRecord] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._fresh())

    @property
    def things(self) -> int:
        """How many entries are no parts of others."""
        return self._fresh().things

    @property
    def revision(self) -> int:
        """Changes whenever an entry does."""
        return self._fresh().revision

    def snapshot(self) -> Snapshot:
        """What there is now."""
        return self._ready()

    def add(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
        """Add what is not there yet."""
        if not entries:
            return []
        with self._lock:
            rows = self._fresh()
            x, h = rows.checked(entries, vectors, hubness)
            places = rows.fresh(entries)
            new = [entries[place] for place in places]
            self._rows = rows.extended(new, x[places], h[places])
            return [entry.id for entry in new]

    def amend(self, entries: Sequence[Entry]) -> None:
        """Replace what is known of entries."""
        with self._lock:
            self._rows, _ = self._fresh().amended(entries)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove entries."""
        with self._lock:
            self._rows, there = self._fresh().without(ids)
            return len(there)

    def get(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by id."""
        return self._fresh().get(ids)

    def vectors(self, ids: Sequence[str]) -> dict[str, F32]:
        """Vectors by id."""
        return self._read().vectors(ids)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are there."""
        return self._read().known(ids)

    def entries(self, where: Filter | None = None) -> list[Entry]:
        """All entries, or those that pass."""
        return self._read().entries(where)

    def count(self, where: Filter | None = None) -> Mapping[str, int]:
        """How many things of each view."""
        return self._read().count(where)

    def parts(self, things: Iterable[str], view: str) -> Mapping[str, int]:
        """How many entries of a view things have, where it is more than one."""
        return self._read().parts(things, view)

    def search(
        self,
        query: F32,
        k: int,
        *,
        view: str | None = None,
        where: Filter | None = None,
        correction: HubnessCorrection | None = None,
        exact: bool = False,
        within: str | None = None,
    ) -> NearestRows:
        """The best ``k`` rows for a query."""
        rows = self._read() if exact else self._ready()
        return rows.search(
            query,
            k,
            view=view,
            where=where,
            correction=correction,
            exact=exact,
            within=within,
        )

    def match(self, words: str, k: int, *, where: Filter | None = None) -> MatchingRows:
        """Full text."""
        return self._read().match(words, k, where=where)

    def record_files(self, files: Sequence[FileRecord]) -> None:
        """Keep what is known of files."""
        with self._lock:
            self._files.update({record.path: record for record in files})

    def files(self) -> dict[str, FileRecord]:
        """What is known of files, by path."""
        with self._lock:
            return dict(self._files)

    def forget_files(self, paths: Iterable[str]) -> None:
        """Drop file records."""
        with self._lock:
            for path in paths:
                self._files.pop(path, None)

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep other threads out."""
        return self._lock

    def optimize(self) -> None:
        """Nothing to do in memory."""

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Memory is sound."""
        return []

    def close(self) -> None:
        """Nothing to let go of."""

    def _fresh(self) -> Snapshot:
        """The rows, as they are now."""
        return self._rows

    def _read(self) -> Snapshot:
        """The same for a reader, who may be a moment behind."""
        return self._fresh()

    def _ready(self) -> Snapshot:
        """The same, with their index where there is one."""
        return self._read()
