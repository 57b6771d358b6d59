"""Rows in memory: entries, vectors and hubness side by side, scored exactly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from isthmus.core.errors import VectorError
from isthmus.core.linalg import F32
from isthmus.core.validate import check_vectors
from isthmus.store.base import HubnessCorrection, MatchingRows, NearestRows
from isthmus.store.filters import Filter
from isthmus.store.records import Entry
from isthmus.store.scorer import best, products
from isthmus.store.vector_index import VectorIndex
from isthmus.store.words import WordIndex

_Masks = LRUCache[tuple[str | None, str | None], NDArray[np.bool_]]

_MASKS = 8
"""Filters whose passing rows are kept, one byte a row."""
_MOST = 1_000
"""More results than this are found by looking at every row."""


class Rows:
    """A growing table of items.

    Args:
        dim: Of the vectors.
        views: Columns of hubness.
    """

    def __init__(self, dim: int, views: Sequence[str]) -> None:
        self.dim, self.views = dim, tuple(views)
        self.entries: list[Entry] = []
        self.row_of: dict[str, int] = {}
        self._x: F32 = np.zeros((0, dim), dtype=np.float32)
        self._hubness: F32 = np.zeros((0, len(self.views)), dtype=np.float32)
        self._masks = _masks()
        self._masks_lock = threading.Lock()
        self._codes: NDArray[np.int8] | None = None
        self._counts: dict[str, int] | None = None
        self._words: WordIndex | None = None
        self.index: VectorIndex | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def x(self) -> F32:
        """Vectors ``(n, dim)``."""
        return self._x[: len(self.entries)]

    @property
    def hubness(self) -> F32:
        """``(n, len(views))``."""
        return self._hubness[: len(self.entries)]

    def checked(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> tuple[F32, F32]:
        """The arrays of new rows, if they fit.

        Raises:
            VectorError: If shapes differ, or a row is not finite or has no length.
        """
        n = len(entries)
        x = check_vectors(np.reshape(vectors, (n, -1)), name="vectors", dim=self.dim)
        h = np.asarray(hubness, dtype=np.float32)
        if h.shape != (n, len(self.views)) or not np.isfinite(h).all():
            raise VectorError(
                f"hubness: need finite numbers of shape ({n}, {len(self.views)}), got {h.shape}"
            )
        return x, h

    def fresh(self, entries: Sequence[Entry]) -> NDArray[np.intp]:
        """Places of entries that are not there yet, each id once."""
        seen: set[str] = set()
        places = []
        for place, entry in enumerate(entries):
            if entry.id not in self.row_of and entry.id not in seen:
                seen.add(entry.id)
                places.append(place)
        return np.array(places, dtype=np.intp)

    def extend(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> None:
        """Append rows whose ids are not there."""
        start, stop = len(self.entries), len(self.entries) + len(entries)
        if not len(entries):
            return
        if stop > len(self._x) or not self._x.flags.writeable:
            room = max(stop, 2 * len(self._x), 1024)
            self._x = _grown(self._x, start, room)
            self._hubness = _grown(self._hubness, start, room)
        self._x[start:stop], self._hubness[start:stop] = vectors, hubness
        for row, entry in enumerate(entries, start):
            self.row_of[entry.id] = row
        self.entries.extend(entries)
        codes, words = self._codes, self._words
        self._forget()
        if codes is not None:
            self._codes = np.concatenate([codes, self._places(entries)])
        if words is not None:
            words.extend([_searchable(entry) for entry in entries])
            self._words = words

    def adopt(self, entries: list[Entry], vectors: F32, hubness: F32) -> None:
        """Take arrays over as all the rows there are, without a copy; they may be read-only."""
        self.entries, self._x, self._hubness = entries, vectors, hubness
        self.row_of = {entry.id: row for row, entry in enumerate(entries)}
        self.index = None
        self._forget()

    def amend(self, entries: Iterable[Entry]) -> list[int]:
        """Replace what is known of rows that are there; says which rows."""
        rows, words = [], self._words
        for entry in entries:
            row = self.row_of.get(entry.id)
            if row is not None:
                if _searchable(entry) != _searchable(self.entries[row]):
                    words = None
                self.entries[row] = entry
                rows.append(row)
        self._forget()
        self._words = words
        return rows

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Drop rows; says which of the ids were there."""
        there = {each for each in ids if each in self.row_of}
        if there:
            keep = np.array([entry.id not in there for entry in self.entries])
            kept = [entry for entry in self.entries if entry.id not in there]
            index = self.index
            self.adopt(kept, self.x[keep], self.hubness[keep])
            if index is not None:
                index.drop(keep, self.codes)
                self.index = index
        return sorted(there)

    def search(
        self,
        query: F32,
        k: int,
        view: str | None,
        where: Filter | None,
        correction: HubnessCorrection | None,
        *,
        exact: bool = True,
    ) -> NearestRows:
        """Exact scores of all rows, or of those the index finds; the best ``k`` that pass."""
        rows = None if exact else self._likely(query, k, view, where, correction)
        x = self.x if rows is None else self.x[rows]
        cosine = products(x, np.asarray(query, dtype=np.float32))
        score = cosine
        if correction is not None:
            column = self.views.index(correction.view)
            hubness = self.hubness[:, column] if rows is None else self.hubness[rows, column]
            score = 2 * cosine - np.float32(correction.strength) * hubness
        mask = self.mask(view, where) if rows is None else None
        if mask is not None:
            score = np.where(mask, score, -np.inf)
        places = best(score, k)
        chosen = places if rows is None else rows[places]
        return NearestRows(
            [self.entries[row] for row in chosen.tolist()],
            x[places],
            self.hubness[chosen],
            cosine[places],
            score[places],
        )

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
        if len(self.index) < len(self):
            self.index.catch_up(self.x, self.hubness, self.codes)
        passing = None if where is None else self.mask(view, where)
        query = np.asarray(query, dtype=np.float32)
        return self.index.find(query, k, view, passing, correction)

    def mask(self, view: str | None, where: Filter | None) -> NDArray[np.bool_] | None:
        """Rows that may be found; None where all may. Kept until something is written."""
        if view is None and where is None:
            return None
        key = (view, None if where is None else where.text)
        masks = self._masks  # what is written meanwhile starts another
        with self._masks_lock:
            if key in masks:
                return masks[key]
        mask: NDArray[np.bool_] | None = None
        if view:
            mask = self.codes == self.views.index(view)
        if where is not None:
            passed = np.fromiter(map(where.matches, self.entries), bool, len(self.entries))
            mask = passed if mask is None else mask & passed
        assert mask is not None
        with self._masks_lock:
            masks[key] = mask
        return mask

    @property
    def codes(self) -> NDArray[np.int8]:
        """``(n,)`` place of each row's view among those of the space; −1 for another."""
        if self._codes is None:
            self._codes = self._places(self.entries)
        return self._codes

    def _places(self, entries: Sequence[Entry]) -> NDArray[np.int8]:
        place = {m: i for i, m in enumerate(self.views)}
        found = (place.get(entry.view, -1) for entry in entries)
        return np.fromiter(found, np.int8, len(entries))

    def count(self) -> dict[str, int]:
        """How many rows of each view of the space, and of others."""
        if self._counts is None:
            self._counts = self._counted()
        return dict(self._counts)

    def _counted(self) -> dict[str, int]:
        counts = np.bincount(self.codes + 1, minlength=len(self.views) + 1).tolist()
        known = dict(zip(self.views, counts[1:], strict=True))
        others = Counter(self.entries[row].view for row in np.flatnonzero(self.codes < 0))
        return {name: number for name, number in {**known, **others}.items() if number}

    def match(self, words: str, k: int, where: Filter | None) -> MatchingRows:
        """Full text over ``text`` and ``source``."""
        if self._words is None:
            self._words = WordIndex([_searchable(entry) for entry in self.entries])
        rows, shares = self._words.find(words)
        mask = self.mask(None, where)
        if mask is not None:
            rows, shares = rows[mask[rows]], shares[mask[rows]]
        rows, shares = rows[:k], shares[:k]
        entries = [self.entries[row] for row in rows.tolist()]
        return MatchingRows(entries, self.x[rows], self.hubness[rows], shares)

    def _forget(self) -> None:
        """Drop what was derived from the rows."""
        self._masks, self._codes, self._words, self._counts = _masks(), None, None, None


def _masks() -> _Masks:
    return LRUCache(_MASKS)


def _searchable(entry: Entry) -> str:
    """What full text looks at."""
    return f"{entry.text}\n{entry.source}"


def _grown(array: F32, used: int, room: int) -> F32:
    out = np.empty((room, array.shape[1]), dtype=np.float32)
    out[:used] = array[:used]
    return out
