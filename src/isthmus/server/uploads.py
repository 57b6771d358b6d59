"""Files that callers bring along to search by, for as long as there is room."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.core.artifact import content_hash
from isthmus.core.errors import MediaError, MissingDataError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.view import TEXT, VECTOR
from isthmus.media.source import item_from_path
from isthmus.pipeline import encode_items
from isthmus.pipeline.isolated import Preparers, preparers
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


class Uploads:
    """Uploaded files by the hash of their content; the oldest go when there is no room.

    They are decoded in child processes with caps on memory and time.

    Args:
        space: Whose encoders are used.
        settings: How many, and how large together.
    """

    def __init__(self, space: Space, settings: Settings) -> None:
        self._space, self._settings = space, settings
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._makers: dict[str, Preparers] = {}
        self._kept: OrderedDict[str, Uploaded] = OrderedDict()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the folder and start the children."""
        folder = tempfile.TemporaryDirectory(prefix="isthmus-uploads-")
        self._folder = Path(self._stack.enter_context(folder))
        for view, ref in self._space.encoders.items():
            if ref.modality not in (TEXT, VECTOR) and ref.spec:
                made = preparers(ref.spec, ref.options, workers=1)
                self._makers[view] = self._stack.enter_context(made)

    def close(self) -> None:
        """End the children and drop all files."""
        self._stack.close()
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
                self._kept.move_to_end(key)
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
            while len(self._kept) > 1 and self._full():
                old, _ = self._kept.popitem(last=False)
                (self._folder / old).unlink(missing_ok=True)
        return made

    def get(self, key: str) -> Uploaded:
        """An upload that is still there.

        Raises:
            MissingDataError: If it is not.
        """
        with self._lock:
            if key not in self._kept:
                raise MissingDataError(f"there is no upload {key[:12]!r} any more; send it again")
            self._kept.move_to_end(key)
            return self._kept[key]

    def _full(self) -> bool:
        size = sum(each.size for each in self._kept.values())
        return len(self._kept) > self._settings.uploads or size > self._settings.upload_bytes

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
        views = tuple(view for view in self._makers if known[view] == item.modality)
        if not views:
            kinds = " and ".join(dict.fromkeys(known[view] for view in self._makers)) or "words"
            raise UnsupportedMediaError(
                name, f"is {item.modality}; files to search by can be {kinds}"
            )
        # One view tells whether it can be decoded; the others wait until they are asked for.
        return Uploaded(item, views, size, {views[0]: self._vectors(item, views[0])})

    def _vectors(self, item: MediaItem, view: str) -> tuple[F32, F32]:
        native = encode_items([item], self._space.encoder(view), make=self._makers[view])
        if not native.ok[0]:
            raise UnsupportedMediaError(item.source, native.failures[0].reason)
        return self._space.transform(native.vectors, view)[0], native.vectors
