"""Files that an index run has read or could not read, and what is recorded of them."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.core.errors import MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.media.source import item_from_path
from isthmus.store import FileRecord, FileStatus
from isthmus.tasks.retrieval.plan import FileFailure, Found


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read: what it holds, where that belongs, and how the file looked."""

    item: MediaItem
    view: str
    id: str
    file: Found


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing can be made of a file."""

    status: FileStatus
    reason: str


CHANGING = Refused(
    FileStatus.UNREADABLE, "has changed while it was read; index again when it is complete"
)


def failure(record: FileRecord) -> FileFailure:
    """What is told of a file that could not be used."""
    return FileFailure(record.path, record.reason, record.status)


def status_of(error: MediaError) -> FileStatus:
    """What kind of failure an error is."""
    if isinstance(error.__cause__, OSError):
        return FileStatus.UNREADABLE
    unsupported = isinstance(error, UnsupportedMediaError)
    return FileStatus.UNSUPPORTED if unsupported else FileStatus.BROKEN


def refusal(read: ReadFile, reason: str) -> Refused:
    """Why a file could not be encoded: it is broken, unless it can no longer be read as it was."""
    try:
        same = item_from_path(read.file.path).id == read.item.id
    except MediaError as error:
        status = status_of(error)
        return Refused(status, error.reason) if status is FileStatus.UNREADABLE else CHANGING
    return Refused(FileStatus.BROKEN, reason) if same else CHANGING


def is_as_before(read: ReadFile) -> bool:
    """Whether a file still is what it was; else its vector may be that of other content."""
    try:
        return Found.at(read.file.path) == read.file
    except OSError:
        return False


def record_of(file: Found, item: str | None, view: str) -> FileRecord:
    """What is kept of a file that was looked at."""
    known = (str(file.path), file.size, file.mtime_ns)
    return FileRecord(*known, item, view=view, ctime_ns=file.ctime_ns)
