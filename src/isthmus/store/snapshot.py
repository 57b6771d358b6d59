"""A store as it was at one moment: what a search reads, from its start to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F32
from isthmus.core.validate import check_vectors
from isthmus.store.base import HubnessCorrection, MatchingRows, NearestRows
from isthmus.store.filters import Filter
from isthmus.store.records import Entry
from isthmus.store.rows import Rows, Vectors, places_of_new
from isthmus.store.scorer import best, products
from isthmus.store.vector_index import VectorIndex

_MOST = 1_000
"""More results than this are found by looking at every row."""
_REVISIONS = count(1)


class Snapshot:
    """The first rows of a table that only grows; :class:`isthmus.store.base.Reader` says what.

    It never changes, so it may be read without a lock while others write. A writer makes the next
    one with :meth:`extended`, :meth:`amended` or :meth:`without`.

    Args:
        rows: The table.
        n: How many of its rows there are.
        index: Finds rows that are likely to be the best.
    """

    def __init__(self, rows: Rows, n: int, index: VectorIndex | None = None) -> None:
        self._rows, self._n, self.index = rows, n, index
        self.revision = next(_REVISIONS)
        self._counts: dict[str, int] | None = None

    @classmethod
    def of(cls, views: Sequence[str], entries: list[Entry], x: F32, hubness: F32) -> Snapshot:
        """Take lists and arrays over, without a copy; the arrays may be read-only."""
        return cls(Rows(tuple(views), entries, Vectors(x, hubness)), len(entries))

    @classmethod
    def empty(cls, dim: int, views: Sequence[str]) -> Snapshot:
        """No rows, of vectors of a dimension."""
        widths = (dim, len(views))
        x, hubness = (np.zeros((0, width), dtype=np.float32) for width in widths)
        return cls.of(views, [], x, hubness)

    def __len__(self) -> int:
        return self._n

    @property
    def things(self) -> int:
        """How many rows are no parts of others."""
        return self._n - self._rows.things(self._n).parts(self._n)

    @property
    def views(self) -> tuple[str, ...]:
        """Of the space."""
        return self._rows.views

    @property
    def x(self) -> F32:
        """Vectors ``(n, dim)``."""
        return self._rows.vectors.x[: self._n]

    @property
    def hubness(self) -> F32:
        """``(n, len(views))``."""
        return self._rows.vectors.hubness[: self._n]

    @property
    def codes(self) -> NDArray[np.int8]:
        """``(n,)`` place of each row's view among those of the space; −1 for another."""
        return self._rows.codes(self._n)

    @property
    def last(self) -> Entry | None:
        """The entry of the last row."""
        return self._rows.entries[self._n - 1] if self._n else None

    def row(self, item: str) -> int | None:
        """Number of the row of an item."""
        row = self._rows.row_of.get(item, self._n)
        return row if row < self._n else None

    def ids(self) -> list[str]:
        """Of the items, in the order of the rows."""
        return [entry.id for entry in islice(self._rows.entries, self._n)]

    def get(self, ids: Iterable[str]) -> dict[str, Entry]:
        """Entries by id."""
        return {each: self._rows.entries[row] for each, row in self._found(ids)}

    def vectors(self, ids: Iterable[str]) -> dict[str, F32]:
        """Vectors by id."""
        x = self.x
        return {each: x[row].copy() for each, row in self._found(ids)}

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are there."""
        return {each for each, _ in self._found(ids)}

    def entries(self, where: Filter | None = None) -> list[Entry]:
        """All entries, or those that pass."""
        every = islice(self._rows.entries, self._n)
        return [entry for entry in every if where is None or where.matches(entry)]

    def count(self, where: Filter | None = None) -> Mapping[str, int]:
        """How many things of each view of the space, and of others."""
        mask = self._rows.mask(self._n, None, where)
        if mask is not None:
            return self._counted(np.flatnonzero(mask), mask)
        if self._counts is None:
            self._counts = self._counted(np.arange(self._n))
        return dict(self._counts)

    def parts(self, things: Iterable[str], view: str) -> dict[str, int]:
        """How many rows of a view each thing has, where it has more than one."""
        known, code = self._rows.things(self._n), self._rows.views.index(view)
        counts = {each: len(self._of(known.rows(each, self._n), code)) for each in things}
        return {each: number for each, number in counts.items() if number > 1}

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
        """Exact scores of all rows, or of those the index finds; the best ``k`` that pass."""
        query = np.asarray(query, dtype=np.float32)
        if within is not None:
            rows: NDArray[np.intp] | None = self._within(within, view, where)
        else:
            rows = None if exact else self._likely(query, k, view, where, correction)
        x, near = self.x, self.hubness
        some = x if rows is None else x[rows]
        cosine = products(some, query)
        score = cosine
        if correction is not None:
            column = self.views.index(correction.view)
            hubness = near[:, column] if rows is None else near[rows, column]
            score = 2 * cosine - np.float32(correction.strength) * hubness
        mask = self._rows.mask(self._n, view, where) if rows is None else None
        if mask is not None:
            score = np.where(mask, score, -np.inf)
        places = best(score, k)
        chosen = places if rows is None else rows[places]
        entries = [self._rows.entries[row] for row in chosen.tolist()]
        return NearestRows(entries, some[places], near[chosen], cosine[places], score[places])

    def match(self, words: str, k: int, *, where: Filter | None = None) -> MatchingRows:
        """Full text over ``text`` and ``source``."""
        rows, shares = self._rows.match(self._n, words)
        mask = self._rows.mask(self._n, None, where)
        if mask is not None:
            rows, shares = rows[mask[rows]], shares[mask[rows]]
        rows, shares = rows[:k], shares[:k]
        entries = [self._rows.entries[row] for row in rows.tolist()]
        return MatchingRows(entries, self.x[rows], self.hubness[rows], shares)

    def checked(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> tuple[F32, F32]:
        """The arrays of new rows, if they fit.

        Raises:
            VectorError: If shapes differ, or a row is not finite or has no length.
        """
        n, columns = len(entries), len(self.views)
        dim = self._rows.vectors.x.shape[1]
        x = check_vectors(np.reshape(vectors, (n, -1)), name="vectors", dim=dim)
        h = np.asarray(hubness, dtype=np.float32)
        if h.shape != (n, columns) or not np.isfinite(h).all():
            raise VectorError(
                f"hubness: need finite numbers of shape ({n}, {columns}), got {h.shape}"
            )
        return x, h

    def fresh(self, entries: Sequence[Entry]) -> NDArray[np.intp]:
        """Places of entries that are not there yet, each id once."""
        return places_of_new(entries, self.known(entry.id for entry in entries))

    def extended(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> Snapshot:
        """With further rows, whose ids are not there."""
        if not len(entries):
            return self
        rows = self._rows.appended(self._n, entries, vectors, hubness)
        made = Snapshot(rows, self._n + len(entries))
        if self.index is not None:
            made.index = self.index.catch_up(made.x, made.hubness, made.codes)
        return made

    def amended(self, entries: Iterable[Entry]) -> tuple[Snapshot, list[int]]:
        """With other entries of rows that are there; says which rows."""
        changes = {row: entry for entry in entries if (row := self.row(entry.id)) is not None}
        if not changes:
            return self, []
        return Snapshot(self._rows.amended(self._n, changes), self._n, self.index), list(changes)

    def without(self, ids: Iterable[str]) -> tuple[Snapshot, list[str]]:
        """Without some rows; says which of the ids were there."""
        there = dict(self._found(ids))
        if not there:
            return self, []
        keep = np.ones(self._n, dtype=bool)
        keep[list(there.values())] = False
        made = Snapshot(self._rows.kept(self._n, keep), int(keep.sum()))
        if self.index is not None:
            made.index = self.index.drop(keep, made.codes)
        return made, sorted(there)

    def indexed(self, index: VectorIndex | None) -> Snapshot:
        """The same rows of the same revision with another index."""
        made = Snapshot(self._rows, self._n, index)
        made.revision = self.revision
        return made

    def _found(self, ids: Iterable[str]) -> Iterable[tuple[str, int]]:
        row_of, n = self._rows.row_of, self._n
        return ((each, row) for each in ids if (row := row_of.get(each, n)) < n)

    def _likely(
        self,
        query: F32,
        k: int,
        view: str | None,
        where: Filter | None,
        correction: HubnessCorrection | None,
    ) -> NDArray[np.intp] | None:
        """What the index finds, all of it passing; None where there is no index or no use."""
        if self.index is None or k > _MOST:
            return None
        passing = None if where is None else self._rows.mask(self._n, view, where)
        return self.index.find(query, k, view, passing, correction)

    def _of(self, rows: Sequence[int], code: int) -> NDArray[np.intp]:
        """Those of some rows that are of a view, by its place among those of the space."""
        some = np.asarray(rows, dtype=np.intp)
        own: NDArray[np.intp] = some[self.codes[some] == code]
        return own

    def _within(self, thing: str, view: str | None, where: Filter | None) -> NDArray[np.intp]:
        """Rows of one thing that pass; those of its parts, where it has some."""
        own = self.row(thing)
        rows = self._rows.things(self._n).rows(thing, self._n) or ([] if own is None else [own])
        some: NDArray[np.intp] = np.asarray(rows, dtype=np.intp)
        mask = self._rows.mask(self._n, view, where)
        return some if mask is None else some[mask[some]]

    def _counted(
        self, rows: NDArray[np.intp], passing: NDArray[np.bool_] | None = None
    ) -> dict[str, int]:
        """How many things, of which some rows are, are of each view."""
        codes = self.codes[rows]
        counts = np.bincount(codes + 1, minlength=len(self.views) + 1)
        several, things = self._rows.things(self._n).repeated(passing, self._n)
        if len(several):
            # Of the rows of one thing only the first of each view counts.
            kinds = self.codes[several].astype(np.intp) + 1
            _, first = np.unique(things * len(counts) + kinds, return_index=True)
            counts -= np.bincount(np.delete(kinds, first), minlength=len(counts))
        known = dict(zip(self.views, counts[1:].tolist(), strict=True))
        others = Counter(self._rows.entries[row].view for row in rows[codes < 0].tolist())
        return {name: number for name, number in {**known, **others}.items() if number}
