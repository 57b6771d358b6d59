"""Rows that only grow: snapshots are their first ``n``, and stay as they are.

What is derived from rows, such as the rows that pass a filter, is kept for as many as it was made
for and continued where a snapshot has more. So appending costs what is appended. Anything that
changes a row starts other rows.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import compress, islice

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64
from isthmus.store.filters import Filter
from isthmus.store.records import Entry, is_whole
from isthmus.store.things import Things
from isthmus.store.words import WordIndex

Mask = NDArray[np.bool_]
Codes = NDArray[np.int8]

_MASKS = 8
"""Filters whose passing rows are kept, one byte a row."""
_LEAST_ROOM = 1024


class Vectors:
    """Vectors and hubness, with room for more.

    Args:
        x: ``(n, dim)``, perhaps read-only.
        hubness: ``(n, views)``.
    """

    def __init__(self, x: F32, hubness: F32) -> None:
        self.x, self.hubness = x, hubness
        self._used = len(x)

    def appended(self, start: int, x: F32, hubness: F32) -> Vectors:
        """The first ``start`` and more; in place where nothing follows them yet."""
        stop = start + len(x)
        room = start == self._used and stop <= len(self.x) and self.x.flags.writeable
        out = self if room else self._copy(start, max(stop, 2 * start, _LEAST_ROOM))
        out.x[start:stop], out.hubness[start:stop] = x, hubness
        out._used = stop
        return out

    def _copy(self, start: int, room: int) -> Vectors:
        return Vectors(_grown(self.x, start, room), _grown(self.hubness, start, room))


class Rows:
    """A table of items that only grows.

    Args:
        views: Of the space.
        entries: One a row; handed over, and appended to.
        vectors: As many.
    """

    def __init__(self, views: tuple[str, ...], entries: list[Entry], vectors: Vectors) -> None:
        self.views, self.entries, self.vectors = views, entries, vectors
        self.row_of = {entry.id: row for row, entry in enumerate(entries)}
        self._codes: Codes = np.zeros(0, dtype=np.int8)
        self._masks: LRUCache[tuple[str | None, Filter | None], Mask] = LRUCache(_MASKS)
        self._lock = threading.Lock()
        self._words = _Words()
        self._things = Things()

    def appended(self, n: int, entries: Sequence[Entry], x: F32, hubness: F32) -> Rows:
        """The first ``n`` rows and more; in place where nothing follows them yet."""
        out = self if n == len(self.entries) else Rows(self.views, self.entries[:n], self.vectors)
        out.vectors = out.vectors.appended(n, x, hubness)
        for row, entry in enumerate(entries, n):
            out.row_of[entry.id] = row
        out.entries.extend(entries)
        return out

    def amended(self, n: int, changes: Mapping[int, Entry]) -> Rows:
        """The first ``n`` rows with other entries in some of them."""
        entries = self.entries[:n]
        for row, entry in changes.items():
            entries[row] = entry
        out = Rows(self.views, entries, self.vectors)
        pairs = [(entry, self.entries[row]) for row, entry in changes.items()]
        if all(new.view == old.view for new, old in pairs):
            out._codes = self.codes(n)
        if all(_searchable(new) == _searchable(old) for new, old in pairs):
            out._words = self._words
        return out

    def kept(self, n: int, keep: Mask) -> Rows:
        """Some of the first ``n`` rows."""
        entries = list(compress(self.entries, keep.tolist()))
        vectors = Vectors(self.vectors.x[:n][keep], self.vectors.hubness[:n][keep])
        return Rows(self.views, entries, vectors)

    def codes(self, n: int) -> Codes:
        """``(n,)`` place of each row's view among those of the space; −1 for another."""
        codes = self._codes
        if len(codes) < n:
            place = {view: i for i, view in enumerate(self.views)}
            new = islice(self.entries, len(codes), n)
            rest = np.fromiter((place.get(each.view, -1) for each in new), np.int8, n - len(codes))
            self._codes = codes = np.concatenate([codes, rest])
        return codes[:n]

    def mask(self, n: int, view: str | None, where: Filter | None) -> Mask | None:
        """``(n,)`` which rows may be found; None where all may."""
        if view is None and where is None:
            return None
        key = (view, where)
        with self._lock:
            mask = self._masks.get(key)
        if mask is None or len(mask) < n:
            rest = self._passing(0 if mask is None else len(mask), n, view, where)
            mask = rest if mask is None else np.concatenate([mask, rest])
            with self._lock:
                self._masks[key] = mask
        return mask[:n]

    def _passing(self, start: int, n: int, view: str | None, where: Filter | None) -> Mask:
        """Rows from ``start`` on. A filter looks at a row once, whatever views are asked for."""
        if view is None:
            assert where is not None
            new = islice(self.entries, start, n)
            return np.fromiter(map(where.matches, new), bool, n - start)
        own: Mask = self.codes(n)[start:] == self.views.index(view)
        passing = self.mask(n, None, where)
        return own if passing is None else own & passing[start:]

    def things(self, n: int) -> Things:
        """Which of the first ``n`` rows are of one thing."""
        with self._lock:
            self._things.extend(self.entries, self.row_of, n)
        return self._things

    def match(self, n: int, words: str) -> tuple[NDArray[np.intp], F64]:
        """Of the first ``n`` rows those that hold words, best first, and how much of them."""
        return self._words.find(words, self.entries, n)


class _Words:
    """A word index that grows with its rows; one thread at a time."""

    def __init__(self) -> None:
        self._index = WordIndex()
        self._count = 0
        self._lock = threading.Lock()

    def find(self, words: str, entries: Sequence[Entry], n: int) -> tuple[NDArray[np.intp], F64]:
        with self._lock:
            if self._count < n:
                said = [_searchable(each) for each in islice(entries, self._count, n)]
                self._index.extend([text for text, _ in said], [path for _, path in said])
                self._count = n
            rows, shares = self._index.find(words)
            more = self._count > n
        return (rows[rows < n], shares[rows < n]) if more else (rows, shares)


def places_of_new(entries: Sequence[Entry], known: Collection[str]) -> NDArray[np.intp]:
    """Places of entries whose ids are not known, each id once."""
    first: dict[str, int] = {}
    for place, entry in enumerate(entries):
        if entry.id not in known:
            first.setdefault(entry.id, place)
    return np.array(list(first.values()), dtype=np.intp)


def _searchable(entry: Entry) -> tuple[str, str]:
    """What full text looks at, and the path beside it; of a part what it says.

    The whole of a part has the name.
    """
    if entry.origin:
        return entry.text, ""
    if not is_whole(entry.id):
        return entry.text.partition("\n")[2], ""
    return entry.text, entry.source


def _grown(array: F32, used: int, room: int) -> F32:
    out = np.empty((room, array.shape[1]), dtype=np.float32)
    out[:used] = array[:used]
    return out
