"""What a store finds, and the contract that every backend keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64
from isthmus.store.filters import Filter
from isthmus.store.records import Entry, FileRecord


@dataclass(frozen=True, slots=True, eq=False)
class FoundRows:
    """Rows of a store, as columns.

    Attributes:
        entries: What is known of them, ``n``.
        vectors: ``(n, dim)``.
        hubness: ``(n, len(views))``, see :meth:`Backend.add`.
    """

    entries: Sequence[Entry]
    vectors: F32
    hubness: F32

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def ids(self) -> list[str]:
        """Of the items."""
        return [entry.id for entry in self.entries]

    def take(self, places: Sequence[int] | NDArray[np.intp]) -> Self:
        """The rows at some places, in that order."""
        chosen = np.asarray(places, dtype=np.intp)
        arrays = (field.name for field in fields(self) if field.name != "entries")
        columns = {name: getattr(self, name)[chosen] for name in arrays}
        return type(self)([self.entries[place] for place in chosen], **columns)


@dataclass(frozen=True, slots=True, eq=False)
class NearestRows(FoundRows):
    """Rows that a search by a vector found, best first.

    Attributes:
        cosine: ``(n,)``, to the query.
        score: ``(n,)``, what they were ranked by: ``cosine`` where no hubness correction was
            asked for, else ``2·cosine − strength·hubness``.
    """

    cosine: F32
    score: F32


@dataclass(frozen=True, slots=True, eq=False)
class MatchingRows(FoundRows):
    """Rows that a search by words found, best first.

    Attributes:
        share: ``(n,)``, how much of the query's information each of them holds, 0…1.
    """

    share: F64


@dataclass(frozen=True, slots=True)
class HubnessCorrection:
    """Rank by ``2·cosine − strength·hubness`` instead of the cosine.

    Attributes:
        view: Of the query: which of the stored hubness values counts.
        strength: ``csls_strength`` of the space.
    """

    view: str
    strength: float


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that a check of a store found.

    Attributes:
        what: In words, naming the file or the rows.
        ids: Items that are affected.
        repaired: What was done about it; empty where nothing was.
    """

    what: str
    ids: Sequence[str] = ()
    repaired: str = ""


class Reader(Protocol):
    """What can be asked of a store, or of a :meth:`Backend.snapshot` of it."""

    @property
    def revision(self) -> int:
        """A number that no other state of the entries has had in this process."""
        ...

    def __len__(self) -> int:
        """How many entries."""
        ...

    @property
    def things(self) -> int:
        """How many of them are no parts of others."""
        ...

    def get(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by id; unknown ids are absent."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, F32]:
        """Vectors ``(dim,)`` by id; unknown ids are absent."""
        ...

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are there."""
        ...

    def entries(self, where: Filter | None = None) -> Sequence[Entry]:
        """All entries, or those that pass a filter."""
        ...

    def count(self, where: Filter | None = None) -> Mapping[str, int]:
        """How many things of each view: an item and its parts count once."""
        ...

    def parts(self, things: Iterable[str], view: str) -> Mapping[str, int]:
        """How many entries of a view things have, by id, where it is more than one."""
        ...

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
        """The best ``k`` rows for a query, best first.

        Args:
            query: ``(dim,)`` unit vector.
            k: At least 1.
            view: Only items of this one.
            where: Only entries that pass.
            correction: Correct for hubness.
            exact: Look at every row, even where an index would be faster.
            within: Only this item and its parts, by its id.
        """
        ...

    def match(self, words: str, k: int, *, where: Filter | None = None) -> MatchingRows:
        """Full text: the best ``k`` rows whose ``text`` or ``source`` holds the words.

        Chinese, Japanese and Korean are found by any part of a word; case does not matter.
        """
        ...


@runtime_checkable
class Backend(Reader, Protocol):
    """Where entries, vectors and file records are kept.

    Readers take no lock and write nothing. Every method that reads sees one state of the store;
    for several answers of one state, ask a :meth:`snapshot`.

    One writer at a time: every method that writes takes the store's lock, waits for
    another process to finish, and sees what it wrote. When a method that writes returns,
    what it wrote survives a kill and a power cut.

    Attributes:
        dim: Dimension of the space.
        views: Of the space; the columns of hubness, in this order.
    """

    dim: int
    views: tuple[str, ...]

    def snapshot(self) -> Reader:
        """The store as it is now; what is written later does not change it."""
        ...

    def add(self, entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
        """Add what is not there yet.

        Args:
            entries: ``n`` of them; an id that is known, or comes twice, is left as it is.
            vectors: ``(n, dim)`` unit vectors of the space, finite.
            hubness: ``(n, len(views))``; column ``m`` is the mean cosine of the row to
                its nearest neighbours in the bank of view ``m``.

        Returns:
            Ids that were added.

        Raises:
            VectorError: If a row is not finite or has no length.
        """
        ...

    def amend(self, entries: Sequence[Entry]) -> None:
        """Replace what is known of entries; vectors stay, and unknown ids are skipped."""
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Remove entries for good, older versions on disk included; says how many were there."""
        ...

    def record_files(self, files: Sequence[FileRecord]) -> None:
        """Keep what is known of files, in place of what was known of the same paths."""
        ...

    def files(self) -> dict[str, FileRecord]:
        """What is known of files, by path."""
        ...

    def forget_files(self, paths: Iterable[str]) -> None:
        """Drop file records."""
        ...

    def exclusive(self) -> AbstractContextManager[object]:
        """Hold the lock of the store over several calls; it may nest."""
        ...

    def optimize(self) -> None:
        """Make searches fast again after many writes: compact, drop old versions, build indexes."""
        ...

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Look for damage; ``deep`` reads every row, ``repair`` mends what can be mended."""
        ...

    def close(self) -> None:
        """Let go of files; used again, it opens them again."""
        ...
