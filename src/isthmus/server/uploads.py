"""Files that callers bring along to search by, for as long as there is room."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
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
        views: That read it.
        size: Bytes.
        vectors: By view, as far as it was asked for: its vector in the space ``(dim,)``, and what
            its encoder gave, ``(1, native dim)``.
    """

    item: MediaItem
    views: tuple[str, ...]
    size: int
    vectors: dict[str, tuple[F32, F32]] = field(default_factory=dict)


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
        also: Modalities that are kept, too, though the space does not read them.
    """

    def __init__(
        self, space: Space, settings: Settings, *, also: Collection[str] = frozenset()
    ) -> None:
        self._space, self._also = space, also
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
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, MediaError):
                raise type(error)(name, error.reason) from error
            raise
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
                raise MissingDataError(f"the upload {key[:12]!r} is no longer kept; send it again")
            return self._kept[key]

    def _remove(self, key: str) -> None:
        assert self._folder is not None, "open() comes first"
        (self._folder / key).unlink(missing_ok=True)

    def vectors(self, key: str, view: str) -> tuple[F32, F32]:
        """An upload in the space ``(dim,)`` and as its encoder gave it ``(1, native dim)``.

        Args:
            key: Of the upload.
            view: One of those that read it.

        Raises:
            MissingDataError: If it is not there any more.
        """
        made = self.get(key)
        if view not in made.vectors:
            made.vectors[view] = self._vectors(made.item, view)
        return made.vectors[view]

    def _encoded(self, path: Path, name: str, size: int) -> Uploaded:
        found = item_from_path(path)
        item = MediaItem(found.id, found.modality, name, path)
        known = self._space.modalities
        files = {view: modality for view, modality in known.items() if modality not in PLAIN}
        views = tuple(view for view, modality in files.items() if modality == item.modality)
        if not views and item.modality in self._also:
            return Uploaded(item, (), size)
        if not views:
            kinds = " and ".join(dict.fromkeys(files.values())) or "words"
            raise UnsupportedMediaError(
                name, f"is {item.modality}; you can search by files of {kinds}"
            )
        # One view tells whether it can be decoded; the others wait until they are asked for.
        return Uploaded(item, views, size, {views[0]: self._vectors(item, views[0])})

    def _vectors(self, item: MediaItem, view: str) -> tuple[F32, F32]:
        native = encode_items([item], self._space.encoder(view))
        if not native.ok[0]:
            raise UnsupportedMediaError(item.source, native.failures[0].reason)
        return self._space.transform(native.vectors, view)[0], native.vectors
