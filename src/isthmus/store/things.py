"""Which rows are of one thing: a whole item and its parts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from isthmus.store.records import Entry, whole_id


class Things:
    """Rows of things that have parts, for a table that only grows.

    What has no part is not kept, so a store without parts pays for one look at every id.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}
        self._parts: list[int] = []
        self._seen = 0
        self._flat: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None

    def extend(self, entries: Sequence[Entry], row_of: Mapping[str, int], n: int) -> None:
        """Look at rows up to ``n`` that were not looked at before."""
        start, self._seen = self._seen, max(self._seen, n)
        new = [
            (row, entry.id)
            for row, entry in enumerate(islice(entries, start, n), start)
            if "@" in entry.id or "+" in entry.id
        ]
        for row, item in new:
            whole = whole_id(item)
            if whole not in self._rows:
                own = row_of.get(whole)
                self._rows[whole] = [] if own is None or own >= start else [own]
            self._rows[whole].append(row)
        self._parts += [row for row, _ in new]
        if self._rows:
            wholes = islice(entries, start, n)
            for row, entry in enumerate(wholes, start):
                if entry.id in self._rows:
                    self._rows[entry.id].append(row)
            self._flat = None

    def rows(self, whole: str, n: int) -> list[int]:
        """Rows before ``n`` of a thing that has parts, its own among them; else none."""
        return [row for row in self._rows.get(whole, ()) if row < n]

    def parts(self, n: int) -> int:
        """How many rows before ``n`` are parts."""
        return bisect_left(self._parts, n)

    def repeated(self, passing: NDArray[np.bool_] | None, n: int) -> NDArray[np.intp]:
        """Rows and things ``(2, m)`` of all rows before ``n`` of things with parts.

        Args:
            passing: ``(n,)`` which rows count; None for all.
            n: How many rows there are.
        """
        flat_rows = self._flat
        if flat_rows is None:
            lengths = [len(rows) for rows in self._rows.values()]
            flat = [row for rows in self._rows.values() for row in rows]
            of = np.repeat(np.arange(len(lengths), dtype=np.intp), lengths)
            self._flat = flat_rows = np.asarray(flat, dtype=np.intp), of
        rows, things = flat_rows
        kept = rows < n
        if passing is not None:
            kept[kept] = passing[rows[kept]]
        return np.stack([rows[kept], things[kept]])
