"""From the cells of a row to a record: what tables, folders and archives share."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import DataError, InputError, MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Failure, Record
from isthmus.core.view import TEXT, VIDEO
from isthmus.core.wording import way
from isthmus.media.array_rows import finite
from isthmus.media.frames_folder import is_frames_folder
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.sniff import head_of, sniff, sniff_path
from isthmus.media.source import can_be, is_file, item_from_path
from isthmus.media.text import clean, decode_text

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class Collector:
    """Records in order, each id once, and what could not become one.

    Args:
        what: What holds the rows, for messages.

    Attributes:
        records: In order.
        skipped: What could not become one.
        notes: What else of the source is not read.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows: dict[str, str] = {}
        self.records: list[Record] = []
        self.skipped: list[Failure] = []
        self.notes: list[str] = []

    def skip(self, source: str, reason: str, *, what: str = "item") -> None:
        """List something that is left out; ``what`` it is, see :class:`Failure`."""
        self.skipped.append(Failure(source, reason, what=what))

    def add(self, record: Record, row: str) -> None:
        """Take a record; ``row`` is what the user knows its row by.

        Raises:
            DataError: If another row has the same id.
        """
        if record.id in self._rows:
            raise DataError(
                f"{self._what}: {self._rows[record.id]} and {row} have the same id "
                f"{record.id!r}; every record needs its own"
            )
        self._rows[record.id] = row
        self.records.append(record)

    def check_filled(self, need: str) -> None:
        """Refuse a source of which nothing can be used.

        Raises:
            DataError: If there are no records; carries the first reasons.
        """
        if not self.records:
            reasons = "".join(f"; {f.source}: {f.reason}" for f in self.skipped[:3])
            raise DataError(
                f"{self._what} contains nothing that can be used; it needs {need}{reasons}"
            )


def text_item(captions: Iterable[str], source: str) -> MediaItem | None:
    """An item of the captions that are not blank, ``None`` if all are."""
    kept = tuple(text for caption in captions if (text := clean(caption)))
    return MediaItem.from_text(kept, source=source) if kept else None


def text_file_item(item: MediaItem, limits: Limits = DEFAULT) -> MediaItem:
    """The text in a file, read now, so that its caption can be shown without decoding."""
    return MediaItem.from_text(decode_text(item, limits), source=item.source)


def bytes_item(data: bytes, modality: str | None, source: str) -> MediaItem:
    """An item in memory, its modality told from its bytes.

    Raises:
        MediaError: If it is of no kind that isthmus reads, or not of ``modality``.
    """
    found = sniff(head_of(io.BytesIO(data)), source=source)
    if modality is not None and not can_be(io.BytesIO(data), found, modality):
        raise UnsupportedMediaError(source, f"holds {found}, need {modality}")
    found = modality or found
    item = MediaItem.from_bytes(data, found, source=source)
    return text_file_item(item) if found == TEXT else item


def path_item(cell: str, modality: str | None, folder: Path, root: Path) -> MediaItem:
    """An item for a path in a cell, which must lie inside ``root``.

    Raises:
        MediaError: If it leads elsewhere, is missing, or is not of ``modality``.
    """
    if _URL.match(cell):
        raise MediaError(cell, "is a web address; download the file first")
    try:
        path = folder / cell
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise MediaError(cell[:80], f"is not a path ({error})") from error
    if not inside:
        root_ = way(python="root='DIR'", shell="--data-option root=DIR")
        raise MediaError(cell, f"is outside of {root}; move it into the folder, or give {root_}")
    item = item_from_path(path, modality)
    return text_file_item(item) if item.modality == TEXT else item


def vector_item(cell: Any, view: str, source: str, dims: dict[str, int]) -> MediaItem:
    """An item for a list of numbers; the first of each view sets its dimension.

    Raises:
        MediaError: If it is not a vector of that dimension, finite and not zero.
    """
    try:
        with np.errstate(over="ignore"):
            vector = np.asarray(cell, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise MediaError(source, "is not a list of numbers") from error
    if not vector.ndim:
        raise MediaError(source, "is one number, and a vector is a list of them: x[:, None]")
    dim = dims.setdefault(view, vector.size)
    if vector.ndim != 1 or vector.size != dim:
        raise MediaError(source, f"has shape {vector.shape}, need ({dim},) like the rows before")
    return MediaItem.from_vector(finite(vector, source), source=source)


def reason(error: InputError) -> str:
    """What is wrong, without the name that a list of failures shows already."""
    return str(error)


def guess(cell: object, folder: Path) -> str | None:
    """The modality that a cell looks like: of the file that it names, else text; None if neither.

    Args:
        cell: Of a table.
        folder: Of the table.
    """
    if not isinstance(cell, str) or cell.strip().replace(".", "", 1).isdigit():
        return None
    if not is_file(folder / cell.strip()):
        return TEXT
    try:
        path = folder / cell.strip()
        return VIDEO if is_frames_folder(path) else sniff_path(path)
    except MediaError:
        return None
