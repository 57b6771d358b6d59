"""What a store holds, and the contract that every backend keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64

if TYPE_CHECKING:
    from isthmus.store.filters import Filter


def item_id(content: str, view: str = "") -> str:
    """Id of an item in a store.

    Args:
        content: Id of its content, which may name a part of a recording.
        view: Its view, where several views of the space read its modality: the same content
            may then be in each of them.

    Example:
        >>> item_id("0a1b@2-3"), item_id("0a1b", "photo b"), content_id("0a1b~photo%20b")
        ('0a1b@2-3', '0a1b~photo%20b', '0a1b')
    """
    return f"{content}~{quote(view, safe='')}" if view else content


def content_id(item: str) -> str:
    """The hash of the content of an item, by its id in a store."""
    return item.partition("~")[0].partition("@")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one item, next to its vector.

    Attributes:
        id: See :func:`item_id`.
        view: Of the space, whose head made its vector.
        modality: How its bytes are read.
        source: Where it lies, as a path, or what the user knows it by.
        text: What full text finds: its words, or those of its name.
        span: Start and end in seconds where it is a part of a recording.
        added: When it entered the store, in seconds since 1970, UTC.
        size: Bytes of the file; 0 where there is none.
        gone: Whether no file holds it any more.
    """

    id: str
    view: str
    modality: str
    source: str
    text: str = ""
    span: tuple[float, float] | None = None
    added: float = 0.0
    size: int = 0
    gone: bool = False


class FileStatus(StrEnum):
    """What came of a file when it was last looked at."""

    INDEXED = "indexed"
    """Its item is in the store."""
    UNSUPPORTED = "unsupported"
    """It is of a kind that the space does not read."""
    BROKEN = "broken"
    """It is of a kind that the space reads, but nothing can be made of it."""
    UNREADABLE = "unreadable"
    """The file system would not hand it over; that may pass, so the next run tries again."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of one file that was looked at.

    Attributes:
        path: Absolute.
        size: Bytes.
        mtime_ns: When it was last changed, as the file system says.
        item: Id of the item in it, as it was last read; None where none could be made of it.
        status: What came of it.
        reason: Why it could not be used; empty where it could.
        gone: Whether it was no longer there when last looked for.
        view: Of the item; empty where there is none.
    """

    path: str
    size: int
    mtime_ns: int
    item: str | None
    status: FileStatus = FileStatus.INDEXED
    reason: str = ""
    gone: bool = False
    view: str = ""

    @property
    def failed(self) -> bool:
        """Whether it could not be used."""
        return self.status is not FileStatus.INDEXED


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


@runtime_checkable
class Backend(Protocol):
    """Where entries, vectors and file records are kept.

    One writer at a time: every method that writes takes the store's lock, waits for
    another process to finish, and sees what it wrote. When a method that writes returns,
    what it wrote survives a kill and a power cut.

    Attributes:
        dim: Dimension of the space.
        views: Of the space; the columns of hubness, in this order.
    """

    dim: int
    views: tuple[str, ...]

    def __len__(self) -> int:
        """How many entries."""
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

    def get(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by id; unknown ids are absent."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, F32]:
        """Vectors ``(dim,)`` by id; unknown ids are absent."""
        ...

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are there."""
        ...

    def entries(self, where: Filter | None = None) -> Iterable[Entry]:
        """All entries, or those that pass a filter."""
        ...

    def count(self, where: Filter | None = None) -> Mapping[str, int]:
        """How many entries of each view."""
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
    ) -> NearestRows:
        """The best ``k`` rows for a query, best first.

        Args:
            query: ``(dim,)`` unit vector.
            k: At least 1.
            view: Only items of this one.
            where: Only entries that pass.
            correction: Correct for hubness.
            exact: Look at every row, even where an index would be faster.
        """
        ...

    def match(self, words: str, k: int, *, where: Filter | None = None) -> MatchingRows:
        """Full text: the best ``k`` rows whose ``text`` or ``source`` holds the words.

        Chinese, Japanese and Korean are found by any part of a word; case does not matter.
        """
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
