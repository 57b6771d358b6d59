"""Files of items, opened once, checked, and served from the descriptor that was checked."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, Self

from cachetools import LRUCache
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from isthmus.core.artifact import file_content_hash
from isthmus.core.errors import MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.reading import READ_ONLY
from isthmus.core.view import VECTOR, VIDEO
from isthmus.media.formats import MEDIA_TYPES
from isthmus.media.frames_folder import frames_item, is_frames_folder, state_of
from isthmus.media.sniff import container, head_of
from isthmus.pipeline import WORKERS
from isthmus.store import Entry, content_id

_NO_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV)
"""Errors of a link, a folder, a socket and a device in place of the file."""
_REMEMBERED = 100_000
"""Files whose content is known, so that each is read once and not for every range."""
_SETTLED = 2_000_000_000
"""Nanoseconds for which times of a file are too new to tell a later change from this one."""


class GoneError(MediaError):
    """The file of an item is no longer where it was."""


class ChangedError(MediaError):
    """The file of an item no longer holds what was indexed."""


class Stamp(NamedTuple):
    """What tells one state of one file from another, without reading it."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """Of what the system says of a file."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A file that is open and holds what was indexed.

    Attributes:
        entry: Its item.
        file: Open for reading.
        stamp: Of the file when it was checked.
    """

    entry: Entry
    file: BufferedReader
    stamp: Stamp

    @property
    def media_type(self) -> str:
        """Of its content, told from the file itself."""
        with os.fdopen(os.dup(self.file.fileno()), "rb") as again:
            again.seek(0)
            kind = container(head_of(again), source=self.entry.source)
        return MEDIA_TYPES.get(kind, "application/octet-stream")

    @property
    def item(self) -> MediaItem:
        """The item, for a decoder that opens its path."""
        return _item(self.entry)

    def check(self) -> None:
        """See whether the file is still as it was when its content was checked.

        Raises:
            ChangedError: If it was written to.
        """
        if Stamp.of(os.fstat(self.file.fileno())) != self.stamp:
            raise _changed(self.entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def check_path(self) -> None:
        """The same, of what now lies at the path, where something else read it."""
        self.check()
        _check_path(self.entry, self.stamp)


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """A folder of frames that holds what was indexed.

    Attributes:
        entry: Its item.
        state: Of its frames when they were checked, see
            :func:`isthmus.media.frames_folder.state_of`.
    """

    entry: Entry
    state: tuple[int, int, int]

    @property
    def item(self) -> MediaItem:
        """The item, for a decoder that opens its path."""
        return _item(self.entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def check_path(self) -> None:
        """See whether its frames are as they were when their content was checked.

        Raises:
            ChangedError: If one was written to, came or went.
        """
        if _folder_state(self.entry) != self.state:
            raise _changed(self.entry)


class Originals:
    """Opens files of items, and remembers which content each of them holds."""

    def __init__(self) -> None:
        self._known: LRUCache[Stamp, str] = LRUCache(_REMEMBERED)
        self._folders: LRUCache[tuple[str, tuple[int, int, int]], str] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()

    def see(self, entry: Entry) -> Original | Folder:
        """What previews are made of: the file of an item, or its folder of frames.

        Args:
            entry: The item; raises what :meth:`open` raises, of a folder too.
        """
        if entry.modality != VIDEO or not is_frames_folder(Path(entry.source)):
            return self.open(entry)
        state = _folder_state(entry)
        key = (entry.source, state)
        with self._lock:
            known = self._folders.get(key)
        found = known or frames_item(Path(entry.source), WORKERS.limits).id
        if found != content_id(entry.id) or _folder_state(entry) != state:
            raise _changed(entry)
        if time.time_ns() - state[-1] > _SETTLED:
            with self._lock:
                self._folders[key] = found
        return Folder(entry, state)

    def open(self, entry: Entry) -> Original:
        """Open the file of an item; whoever asks closes it.

        Args:
            entry: The item.

        Raises:
            UnsupportedMediaError: If it is a folder of frames, which has no file of its own, or a
                vector.
            GoneError: If it is not there.
            ChangedError: If it is no longer the file that was indexed, or holds something else.
            OSError: If it cannot be read now.
        """
        if entry.modality == VIDEO and is_frames_folder(Path(entry.source)):
            raise UnsupportedMediaError(
                entry.source, "is a folder of frames; it has no file that could be played"
            )
        if entry.modality == VECTOR:
            raise UnsupportedMediaError(
                entry.source, "is a vector; there is nothing to be seen or heard of it"
            )
        try:
            file = os.fdopen(os.open(entry.source, READ_ONLY), "rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise GoneError(entry.source, "is no longer there") from error
        except OSError as error:
            if error.errno in _NO_FILE:
                raise _another(entry) from error
            raise
        try:
            return Original(entry, file, self._checked(entry, file))
        except BaseException:
            file.close()
            raise

    def _checked(self, entry: Entry, file: BufferedReader) -> Stamp:
        found = os.fstat(file.fileno())
        stamp = Stamp.of(found)
        if not stat.S_ISREG(found.st_mode):
            raise _another(entry)
        _check_path(entry, stamp)
        if stamp.size != entry.size or self._content(file, stamp) != content_id(entry.id):
            raise _changed(entry)
        if Stamp.of(os.fstat(file.fileno())) != stamp:  # written to while it was read
            raise _changed(entry)
        return stamp

    def _content(self, file: BufferedReader, stamp: Stamp) -> str:
        with self._lock:
            known = self._known.get(stamp)
        if known is not None:
            return known
        found = file_content_hash(file)
        file.seek(0)
        if time.time_ns() - stamp.changed > _SETTLED:
            with self._lock:
                self._known[stamp] = found
        return found


class OriginalResponse(FileResponse):
    """A file, or the range of it that is asked for, from the descriptor that was checked.

    Where the file is written to while it is sent, the answer breaks off, and its length tells the
    caller so. What remains: a write that the system has not yet given a new time, which takes it
    some milliseconds, and longer for memory that a program has mapped.

    Args:
        original: Open; closed once it is sent.
        headers: Of the response.
    """

    def __init__(self, original: Original, headers: dict[str, str]) -> None:
        self._original = original
        super().__init__(
            f"/dev/fd/{original.file.fileno()}",
            headers=headers,
            media_type=original.media_type,
            stat_result=os.fstat(original.file.fileno()),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def checked(message: Message) -> None:
            if message["type"] == "http.response.body":
                self._original.check()
            await send(message)

        with self._original:
            await super().__call__(scope, receive, checked)


def _item(entry: Entry) -> MediaItem:
    path = Path(entry.source)
    return MediaItem(content_id(entry.id), entry.modality, entry.source, path, span=entry.span)


def _folder_state(entry: Entry) -> tuple[int, int, int]:
    """The state of the frames in a folder, which no link on the way leads to."""
    try:
        real = os.path.realpath(entry.source, strict=True)
        state = state_of(Path(entry.source))
    except OSError as error:
        raise GoneError(entry.source, "is no longer there") from error
    if real != entry.source:
        raise _another(entry)
    return state


def _check_path(entry: Entry, stamp: Stamp) -> None:
    """See whether a path leads to this very file, and no folder on its way is a link now."""
    try:
        real = os.path.realpath(entry.source, strict=True)
        same = Stamp.of(os.lstat(entry.source)) == stamp
    except OSError as error:
        raise GoneError(entry.source, "is no longer there") from error
    if real != entry.source or not same:
        raise _another(entry)


def _another(entry: Entry) -> ChangedError:
    return ChangedError(entry.source, "is no longer the file that was indexed")


def _changed(entry: Entry) -> ChangedError:
    return ChangedError(entry.source, "has changed since it was indexed; index it again")
