"""What a store holds, and the contract that every backend keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import quote

from isthmus.core.linalg import F32

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


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of one file that was looked at.

    Attributes:
        path: Absolute.
        size: Bytes.
        mtime_ns: When it was last changed, as the file system says.
        item: Id of the item in it; None where it could not be used.
        view: Of that item; empty where there is none.
        reason: Why it could not be used; empty where it could.
        gone: Whether it was no longer there when last looked for.
    """

    path: str
    size: int
    mtime_ns: int
    item: str | None
    reason: str = ""
    gone: bool = False
    view: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """One row that a search found.

    Attributes:
        id: Of the item.
        cosine: To the query.
        score: What it was ranked by: ``cosine`` where no hubness correction was asked for,
            else ``2·cosine − strength·hubness``.
    """

    id: str
    cosine: float
    score: float


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

    def hubness(self, ids: Sequence[str]) -> dict[str, F32]:
        """Hubness ``(len(views),)`` by id, see :meth:`add`; unknown ids are absent."""
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
    ) -> list[Scored]:
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

    def match(self, words: str, k: int, *, where: Filter | None = None) -> list[tuple[str, float]]:
        """Full text: ids whose ``text`` or ``source`` holds the words, best first, with a score.

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
