"""A store in memory: for tests, and for what need not last."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from isthmus.core.linalg import F32
from isthmus.store.base import Damage, HubnessCorrection, MatchingRows, NearestRows
from isthmus.store.filters import Filter
from isthmus.store.records import Entry, FileRecord
from isthmus.store.rows import Rows


class MemoryBackend:
    """Keeps everything in this process; :class:`isthmus.store.base.Backend` says what.

    Args:
        dim: Of the space.
        views: Of the space.
    """

    def __init__(self, dim: int, views: Sequence[str]) -> None:
        self.dim, self.views = dim, tuple(views)
        self._rows = Rows(dim, views)
        self._files: dict[str, FileRecord] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._fresh())

    def add(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
        """Add what is not there yet."""
        if not entries:
            return []
        with self._lock:
            rows = self._fresh()
            x, h = rows.checked(entries, vectors, hubness)
            places = rows.fresh(entries)
            new = [entries[place] for place in places]
            rows.extend(new, x[places], h[places])
            return [entry.id for entry in new]

    def amend(self, entries: Sequence[Entry]) -> None:
        """Replace what is known of entries."""
        with self._lock:
            self._fresh().amend(entries)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove entries."""
        with self._lock:
            return len(self._fresh().remove(ids))

    def get(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by id."""
        rows = self._fresh()
        return {each: rows.entries[rows.row_of[each]] for each in ids if each in rows.row_of}

    def vectors(self, ids: Sequence[str]) -> dict[str, F32]:
        """Vectors by id."""
        rows = self._read()
        return {each: rows.x[rows.row_of[each]].copy() for each in ids if each in rows.row_of}

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are there."""
        rows = self._read()
        return {each for each in ids if each in rows.row_of}

    def entries(self, where: Filter | None = None) -> Iterable[Entry]:
        """All entries, or those that pass."""
        return [e for e in self._read().entries if where is None or where.matches(e)]

    def count(self, where: Filter | None = None) -> Mapping[str, int]:
        """How many entries of each view."""
        if where is None:
            return self._read().count()
        return Counter(entry.view for entry in self.entries(where))

    def search(
        self,
        query: F32,
        k: int,
        *,
        view: str | None = None,
        where: Filter | None = None,
        correction: HubnessCorrection | None = None,
        exact: bool = False,
    ) -> NearestRows:
        """The best ``k`` rows for a query."""
        return self._ready(exact).search(query, k, view, where, correction, exact=exact)

    def match(self, words: str, k: int, *, where: Filter | None = None) -> MatchingRows:
        """Full text."""
        return self._read().match(words, k, where)

    def record_files(self, files: Sequence[FileRecord]) -> None:
        """Keep what is known of files."""
        with self._lock:
            self._files.update({record.path: record for record in files})

    def files(self) -> dict[str, FileRecord]:
        """What is known of files, by path."""
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

    def _fresh(self) -> Rows:
        """The rows, as they are now."""
        return self._rows

    def _read(self) -> Rows:
        """The same for a reader, who may be a moment behind."""
        return self._fresh()

    def _ready(self, exact: bool) -> Rows:
        """The same, with their index if there is one and it is wanted."""
        return self._read()
