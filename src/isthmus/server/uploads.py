"""Files that callers bring along to search by, for as long as there is room."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from isthmus.core.artifact import content_hash
from isthmus.core.errors import MediaError, MissingDataError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.media import PLAIN
from isthmus.media.source import item_from_path
from isthmus.pipeline import encode_items
from isthmus.server.settings import Settings
from isthmus.space import Space


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A file that was brought along.

    Attributes:
        item: With its content in a file of the server's own.
        vector: ``(dim,)`` in the space.
        native: ``(1, native dim)``, what its encoder gave.
        size: Bytes.
    """

    item: MediaItem
    vector: F32
    native: F32
    size: int


class _Kept(LRUCache[str, Uploaded]):
    """Uploads by content hash, up to a number of files and a number of bytes.

    Args:
        settings: Both limits; the newest upload always stays.
        gone: Called with the key of each upload that had to go.
    """

    def __init__(self, settings: Settings, gone: Callable[[str], None]) -> None:
        room = settings.upload_bytes
        super().__init__(room, lambda made: min(made.size, room))
        self._most, self._gone = max(settings.uploads, 1), gone

    def __setitem__(self, key: str, made: Uploaded) -> None:
        super().__setitem__(key, made)
        while len(self) > self._most:
            self.popitem()

    def popitem(self) -> tuple[str, Uploaded]:
        """Let go of the least recently used upload."""
        key, made = super().popitem()
        self._gone(key)
        return key, made


class Uploads:
    """Uploaded files by the hash of their content; those unused for longest make room for new ones.

    Args:
        space: Whose encoders are used.
        settings: How many, and how large together.
    """

    def __init__(self, space: Space, settings: Settings) -> None:
        self._space = space
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder: Path | None = None
        self._kept = _Kept(settings, self._remove)
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the folder."""
        self._temporary = tempfile.TemporaryDirectory(prefix="isthmus-uploads-")
        self._folder = Path(self._temporary.name)

    def close(self) -> None:
        """Drop all files."""
        if self._temporary is not None:
            self._temporary.cleanup()
        self._kept.clear()

    def add(self, data: bytes, name: str) -> Uploaded:
        """Keep a file and encode it.

        Args:
            data: Its content.
            name: What its owner calls it.

        Raises:
            MediaError: If it is of no kind that the space reads, or damaged.
        """
        assert self._folder is not None, "open() comes first"
        key = content_hash(data)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        path = self._folder / key
        path.write_bytes(data)
        try:
            made = self._encoded(path, name, len(data))
        except MediaError as error:
            path.unlink(missing_ok=True)
            raise type(error)(name, error.reason) from error
        with self._lock:
            self._kept[key] = made
        return made

    def get(self, key: str) -> Uploaded:
        """An upload that is still there.

        Raises:
            MissingDataError: If it is not.
        """
        with self._lock:
            if key not in self._kept:
                raise MissingDataError(f"there is no upload {key[:12]!r} any more; send it again")
            return self._kept[key]

    def _remove(self, key: str) -> None:
        assert self._folder is not None, "open() comes first"
        (self._folder / key).unlink(missing_ok=True)

    def _encoded(self, path: Path, name: str, size: int) -> Uploaded:
        found = item_from_path(path)
        item = MediaItem(found.id, found.modality, name, path)
        known = [ref.modality for ref in self._space.encoders.values()]
        files = [modality for modality in dict.fromkeys(known) if modality not in PLAIN]
        if item.modality not in files:
            kinds = " and ".join(files) or "words"
            raise UnsupportedMediaError(
                name, f"is {item.modality}; files to search by can be {kinds}"
            )
        encoder = self._space.encoder(item.modality)
        native = encode_items([item], encoder)
        if not native.ok[0]:
            raise UnsupportedMediaError(name, native.failures[0].reason)
        vector = self._space.transform(native.vectors, item.modality)[0]
        return Uploaded(item, vector, native.vectors, size)
