"""Tables whose columns are modalities: Parquet, CSV, TSV, JSON lines, JSON."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import Array
from isthmus.core.record import Dataset, Record
from isthmus.core.validate import check_kind
from isthmus.core.view import AUDIO, IMAGE, TEXT, VECTOR, VIDEO, View
from isthmus.core.wording import count, did_you_mean, way
from isthmus.datasets._cells import read
from isthmus.datasets._rows import (
    Collector,
    bytes_item,
    guess,
    path_item,
    text_item,
    vector_item,
)
from isthmus.datasets.plain import PlainColumns, Wanted
from isthmus.datasets.roles import FIELDS, FILE, lacking, mapped, parse_role
from isthmus.media.arrays import SUFFIXES as ARRAYS
from isthmus.media.formats import MODALITIES

_MOST_UNREAD = 1000
"""Rows that are named of a column of vectors that holds something else."""
_ROLES: dict[str, View | str] = {
    "caption": View(TEXT, TEXT),
    "captions": View(TEXT, TEXT),
    "text": View(TEXT, TEXT),
    "image": View(IMAGE, IMAGE),
    "audio": View(AUDIO, AUDIO),
    "video": View(VIDEO, VIDEO),
    "file_name": FILE,
    "image_file_name": View(IMAGE, IMAGE),
    "audio_file_name": View(AUDIO, AUDIO),
    "video_file_name": View(VIDEO, VIDEO),
    **{name: name for name in FIELDS},
}


def load(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    fields: Wanted = False,
    root: Path | None = None,
    id_prefix: str = "",
    split: str | None = None,
) -> Dataset:
    """Load a table, one record a row.

    Columns named ``text`` or ``caption`` hold captions, ``image`` and ``audio`` hold paths
    relative to the table (in Parquet also bytes), any other column whose cells are lists
    of numbers holds vectors of a view of that name. ``id``, ``group``, ``split`` and
    ``language`` say what they say. Empty cells and NaN are missing items.

    Args:
        path: ``.parquet``, ``.csv``, ``.tsv``, ``.jsonl`` or ``.json``, a list of objects; or
            ``.npz``, ``.npy`` or a folder of these, of which each array is a column.
        columns: What columns hold, by name: a modality, ``{"title_zh": "text"}``, or a view
            and its modality, ``{"reply": "answer:text"}``. Several columns of text of one view
            make one item. ``"file"`` stands for paths of any modality.
        fields: Plain columns to keep as :attr:`Record.fields`: names or patterns such as
            ``"gene_*"``, ``"!name"`` for one that is left out; True for all that no view takes.
            Numbers stay numbers, dates become days since 1970-01-01, truths and other texts are
            categories; a column of many different long texts becomes a view of text. Rows may then
            have no item. What was decided of a column is told in the notes and kinds of the data
            set; a mapping as those kinds, or an :class:`isthmus.datasets.plain.Again`, reads
            columns so, and they need not be there.
        root: Folder that the media must lie in; by default that of the table.
        id_prefix: Goes before every id.
        split: Of rows that do not name one.

    Returns:
        Its records; missing or unusable items are listed under ``skipped`` with their row.

    Raises:
        DataError: If the table cannot be read, has no such columns, two rows have one id,
            numbers of a plain column have commas, or no row can be used.
        MissingExtraError: If Parquet is asked for without pyarrow.
    """
    path = Path(path)
    example = "columns={'title': 'text', 'photo': 'image'}"
    check_kind(columns or {}, Mapping, "columns", need="a mapping by column", example=example)
    collector = Collector(str(path))
    plain = PlainColumns(path, fields, collector)
    reader = _RowReader(path, columns or {}, Path(root or path.parent), collector, plain)
    known = {*_ROLES, *map(str.lower, reader.given)}
    for row, cells in read(path, collector, known):
        record = reader.record(row, cells, id_prefix, split)
        if record is not None:
            collector.add(record, row)
    reader.check()
    collector.check_filled("rows with text, files that exist, or vectors")
    records = plain.filled(collector.records)
    notes = [*reader.unread_files(), *reader.unusable(), *plain.notes]
    return Dataset(
        path.name, records, collector.skipped,
        notes=notes, kinds=plain.kinds, left_out=plain.left_out,
    )  # fmt: skip


def names_in(path: Path) -> tuple[str, ...]:
    """Names of the columns of a table, as far as its first row tells; none if it has no row.

    Raises:
        DataError: If the table cannot be read.
    """
    first = next(read(path, Collector(str(path)), set(_ROLES)), ("", ()))
    return tuple(name for name, _ in first[1])


class _RowReader:
    """Turns rows of one table into records."""

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, str],
        root: Path,
        collector: Collector,
        plain: PlainColumns,
    ) -> None:
        self._path = path
        self._needed = tuple(columns)
        before = plain.again.columns if plain.again else {}
        self.given = {name: parse_role(role) for name, role in {**before, **columns}.items()}
        self._root = root
        self._collector = collector
        self._plain = plain
        self._dims: dict[str, int] = {}
        self._unread: dict[str, list[str]] = {}
        self._seen: dict[str, None] = {}
        self._first: dict[str, Any] = {}
        self._used = False
        self._tried: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def check(self) -> None:
        """List lost vectors; refuse a table without a view, or that lacks a named column.

        Of one that is read again, refuse what lacks all that is read.
        """
        for name in self._dims:
            for row in self._unread.get(name, ()):
                self._collector.skip(row, f"column {name}: is not a list of numbers", what="cell")
        found = ", ".join(self._seen) or "none"
        missing = [name for name in self._needed if name not in self._seen]
        if missing and self._seen:
            hint = did_you_mean(missing[0], self._seen)
            raise DataError(f"{self._path} has no column {missing[0]!r}; it has {found}.{hint}")
        self._plain.check(self._seen)
        if not self._seen or self._used:
            return
        if self._plain.again:
            if lost := "; ".join(lacking((), self._plain.again.columns)):
                raise DataError(f"{self._path}: {lost}. It has the columns {found}")
        elif self._path.suffix.lower() in ARRAYS or self._path.is_dir():
            raise DataError(
                f"{self._path}: no array holds vectors, whose shape is (rows, dimension); it has "
                f"{found}. Give one number a row as x[:, None], one vector as x[None]"
            )
        else:
            raise DataError(
                f"{self._path}: no column holds a view; it has {found}. Name them text, image "
                f"or audio, or say what they hold: {self._columns()}"
            )

    def unread_files(self) -> list[str]:
        """Notes on columns without a name, and without a role that name files by their first cell.

        That they do is told by the end of that cell.
        """
        if self._plain.again:  # what reads a table again knows what it reads
            return []
        named = {
            name: MODALITIES.get(Path(cell).suffix.lower(), TEXT)
            for name, cell in self._first.items()
            if isinstance(cell, str)
        }
        return self._collector.notes + [
            f"column {name} names files, which are not read; to read them: {mapped(name, kind)}"
            for name, kind in named.items()
            if kind != TEXT
        ]

    def unusable(self) -> list[str]:
        """A note for each column of media or vectors of which no cell can be used."""
        notes = []
        for name, failed in self._failed.items():
            role = self._role(name, None)
            if failed == self._tried[name] and isinstance(role, View):
                what = "a list of numbers" if role.modality == VECTOR else "a file that can be read"
                notes.append(
                    f"of {count(failed, 'cell')} of the column {name} none is {what}, so there is "
                    f"no {role.name}; does another column hold it?"
                )
        return notes

    def _columns(self) -> str:
        """How to say what the columns of this table hold, as far as the first cells tell."""
        guessed = {name: guess(cell, self._path.parent) for name, cell in self._first.items()}
        roles = {name: role for name, role in guessed.items() if role} or {"title": TEXT}
        return way(
            python=f"isthmus.load_dataset({str(self._path)!r}, columns={roles})",
            shell=" ".join(f"--column {shlex.quote(f'{a}={b}')}" for a, b in roles.items()),
        )

    def record(
        self, row: str, cells: Sequence[tuple[str, Any]], prefix: str, split: str | None
    ) -> Record | None:
        self._seen.update((name, None) for name, _ in cells)
        fields: dict[str, str] = {}
        plain: list[tuple[str, Any]] = []
        captions: dict[str, list[str]] = {}
        items: dict[str, MediaItem] = {}
        for name, cell in cells:
            role = self._role(name, cell)
            if _missing(cell):
                continue
            if role is None:
                self._first.setdefault(name, cell)
            if role is None and self._plain.takes(name):
                self._used = True
                plain.append((name, cell))
                continue
            if role is None:
                unread = self._unread.setdefault(name, [])
                if len(unread) < _MOST_UNREAD:
                    unread.append(row)
                continue
            if role in FIELDS:
                fields[str(role)] = _label(cell)
                continue
            source = f"{row}, column {name}"
            self._tried[name] += 1
            try:
                if isinstance(role, View) and role.modality == TEXT:
                    captions.setdefault(role.name, []).extend(_captions(cell, source))
                    continue
                item = self._item(role, cell, source)
            except InputError as error:
                self._failed[name] += 1
                reason = str(error).removeprefix(f"{source}: ")
                self._collector.skip(row, f"column {name}: {reason}", what="cell")
                continue
            view = role.name if isinstance(role, View) else item.modality
            if view in items:
                self._collector.skip(row, f"column {name}: the row has another {view}", what="cell")
            else:
                items[view] = item
        for view, texts in captions.items():
            if text := text_item(texts, f"{self._path}, {row}"):
                items.setdefault(view, text)
        if not items and not plain:
            self._collector.skip(row, "has no item that can be used", what="row")
            return None
        name = prefix + fields.get("id", row.rpartition(" ")[2])
        self._plain.add(name, row, plain)
        return Record(
            name,
            items,
            group=fields.get("group"),
            split=fields.get("split", split),
            language=fields.get("language"),
        )

    def _role(self, name: str, cell: Any) -> View | str | None:
        """What a column holds: a view, a field, files of any modality, or nothing known."""
        role = self.given.get(name) or _ROLES.get(name.lower())
        plain = role is None or (name not in self.given and not isinstance(cell, str))
        if plain and role not in FIELDS and _numbers(cell) is not None:
            role = View(name, VECTOR)
        self._used |= role is not None and role not in FIELDS
        return role

    def _item(self, role: View | str, cell: Any, source: str) -> MediaItem:
        modality = role.modality if isinstance(role, View) else None
        if isinstance(role, View) and modality == VECTOR and not _names_row(cell):
            numbers = _numbers(cell)
            given = cell if numbers is None else numbers
            return vector_item(given, role.name, source, self._dims)
        if isinstance(cell, Mapping) and (inside := cell.get("bytes") or cell.get("path")):
            cell = inside  # how Hugging Face keeps media in Parquet
        if isinstance(cell, bytes):
            return bytes_item(cell, modality, source)
        if isinstance(cell, str):
            return path_item(cell.strip(), modality, self._path.parent, self._root)
        raise DataError(f"need a path or bytes, got {type(cell).__name__}")


def _numbers(cell: Any) -> Sequence[Any] | Array | None:
    """The cell as a list of numbers, ``None`` if it is none; text may hold one as JSON."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if isinstance(cell, np.ndarray):
        return cell if cell.ndim == 1 and cell.dtype.kind in "fiub" else None
    if isinstance(cell, list) and any(map(_number, cell)):
        return cell if all(each is None or _number(each) for each in cell) else None
    return None


def _names_row(cell: Any) -> bool:
    """Whether a cell names a row of a file of vectors, or a file of one vector, and holds none."""
    return isinstance(cell, str) and any(suffix in cell.lower() for suffix in ARRAYS)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _captions(cell: Any, source: str) -> list[str]:
    if isinstance(cell, str):
        return [cell]
    if isinstance(cell, list) and all(isinstance(part, str | None) for part in cell):
        return [part for part in cell if part]
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return [str(cell)]
    raise DataError(f"{source}: need a caption, got {type(cell).__name__}")


def _missing(cell: Any) -> bool:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    if isinstance(cell, str):
        return not cell.strip()
    return isinstance(cell, list | bytes | dict) and not cell


def _label(cell: Any) -> str:
    """A number that a column with gaps made a float is still the number it was."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
