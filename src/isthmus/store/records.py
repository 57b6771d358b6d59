"""What a store holds: items, and files that were looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from isthmus.core.fields import Fields


def item_id(content: str, view: str = "") -> str:
    """Id of an item in a store.

    Args:
        content: Hash of its content.
        view: Its view, where several views of the space read its modality: the same content
            may then be in each of them.

    Examples:
        >>> item_id("0a1b"), item_id("0a1b", "photo b"), content_id("0a1b~photo%20b")
        ('0a1b', '0a1b~photo%20b', '0a1b')
    """
    return f"{content}~{quote(view, safe='')}" if view else content


def part_id(whole: str, what: str = "", span: tuple[float, float] | None = None) -> str:
    """Id of a part of an item, which lies in the same file.

    Args:
        whole: Id of the item.
        what: What the part is of it, where it is of another view: such as ``"audio"``, its sound
            track, or an :attr:`Entry.origin`.
        span: Which part of it.

    Examples:
        >>> part_id("0a1b~film", "audio", (2, 3.5)), whole_id("0a1b~film+audio@2-3.5")
        ('0a1b~film+audio@2-3.5', '0a1b~film')
    """
    named = f"{whole}+{quote(what, safe='')}" if what else whole
    return named if span is None else f"{named}@{span[0]:.12g}-{span[1]:.12g}"


def whole_id(item: str) -> str:
    """Id of the item that an item is a part of; its own where it is whole."""
    return item.partition("+")[0].partition("@")[0]


def is_whole(item: str) -> bool:
    """Whether an item is no part of another, by its id.

    Examples:
        >>> is_whole("0a1b~film"), is_whole("0a1b~film@2-3.5")
        (True, False)
    """
    return "@" not in item and "+" not in item


def content_id(item: str) -> str:
    """The hash of the content of an item, by its id in a store."""
    return whole_id(item).partition("~")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one item, next to its vector.

    Attributes:
        id: See :func:`item_id`.
        view: Of the space, whose head made its vector.
        modality: How its bytes are read.
        source: Where it lies, as a path, or what the user knows it by.
        text: What full text finds: its words, or those of its name.
        span: Where it is a part: start and end, in seconds or, of a text, in characters.
        added: When it entered the store, in seconds since 1970, UTC.
        size: Bytes of the file; 0 where there is none.
        gone: Whether no file holds it any more.
        labels: What it was annotated with, and how probable each is.
        origin: Where its words come from if they were read from something else: ``"ocr"`` from
            a picture, ``"speech"`` from a recording; empty for what is as it lies in the file.
        fields: What its file says of itself, see :mod:`isthmus.core.fields`.
        copies: Other files that hold the same content, as paths.
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
    labels: tuple[tuple[str, float], ...] = ()
    origin: str = ""
    fields: Fields = ()
    copies: tuple[str, ...] = ()


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
        mtime_ns: When its content was last changed, as the file system says.
        item: Id of the item in it, as it was last read; None where none could be made of it.
        status: What came of it.
        reason: Why it could not be used; empty where it could.
        gone: Whether it was no longer there when last looked for.
        view: Of the item; empty where there is none.
        ctime_ns: When its content or its name was last changed; 0 where that is not known.
    """

    path: str
    size: int
    mtime_ns: int
    item: str | None
    status: FileStatus = FileStatus.INDEXED
    reason: str = ""
    gone: bool = False
    view: str = ""
    ctime_ns: int = 0

    @property
    def failed(self) -> bool:
        """Whether it could not be used."""
        return self.status is not FileStatus.INDEXED
