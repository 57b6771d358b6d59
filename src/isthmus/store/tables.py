"""Entries and file records as Arrow tables, each row with a checksum of its own."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from sys import intern
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError, IntegrityError
from isthmus.core.extras import require
from isthmus.core.fields import Fields
from isthmus.core.linalg import F32
from isthmus.core.wording import count
from isthmus.store.records import Entry, FileRecord, FileStatus

if TYPE_CHECKING:
    import pyarrow as pa

ITEMS, FILES = "items", "files"
_FILE_COLUMNS = tuple(field.name for field in fields(FileRecord))
_MAY_BE_EMPTY = {"start", "stop", "item"}
_LONGEST = 4.0
"""Squared length that no vector of a space has; what is longer may overflow a score."""
LABELS, MORE = "labels", "more"
LATER = (LABELS, MORE)
"""Columns that stores of earlier releases lack; the first write adds them."""
EMPTY = "cast('' as string)"
_KEY = {"lance-schema:unenforced-primary-key": "true"}


def arrow() -> ModuleType:
    """The module ``pyarrow``."""
    return require("pyarrow", extra="store", purpose="a store on disk")


def schemas(dim: int, columns: int) -> dict[str, pa.Schema]:
    """Schema of each table by name."""
    pa = arrow()

    items = [
        pa.field("id", pa.string(), nullable=False, metadata=_KEY),
        pa.field("view", pa.string()),
        pa.field("modality", pa.string()),
        pa.field("source", pa.string()),
        pa.field("text", pa.string()),
        pa.field("start", pa.float64()),
        pa.field("stop", pa.float64()),
        pa.field("added", pa.float64()),
        pa.field("size", pa.int64()),
        pa.field("gone", pa.bool_()),
        pa.field("vector", pa.list_(pa.float32(), dim)),
        pa.field("hubness", pa.list_(pa.float32(), columns)),
        pa.field("crc", pa.int64()),
        pa.field(LABELS, pa.string(), nullable=False),
        pa.field(MORE, pa.string(), nullable=False),
    ]
    files = [
        pa.field("path", pa.string(), nullable=False, metadata=_KEY),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("item", pa.string()),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("gone", pa.bool_()),
        pa.field("view", pa.string()),
        pa.field("ctime_ns", pa.int64()),
        pa.field("crc", pa.int64()),
    ]
    return {ITEMS: pa.schema(items), FILES: pa.schema(files)}


def item_table(entries: Sequence[Entry], vectors: F32, hubness: F32) -> pa.Table:
    """Rows of the table of items."""
    pa = arrow()
    schema = schemas(vectors.shape[1], hubness.shape[1])[ITEMS]
    crcs = [_crc(_plain(e), x, h) for e, x, h in zip(entries, vectors, hubness, strict=True)]
    columns = [
        [e.id for e in entries],
        [e.view for e in entries],
        [e.modality for e in entries],
        [e.source for e in entries],
        [e.text for e in entries],
        [None if e.span is None else e.span[0] for e in entries],
        [None if e.span is None else e.span[1] for e in entries],
        [e.added for e in entries],
        [e.size for e in entries],
        [e.gone for e in entries],
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=False)]
    for block in (vectors, hubness):
        flat = pa.array(np.ascontiguousarray(block, dtype=np.float32).ravel())
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, block.shape[1]))
    arrays.append(pa.array(crcs, pa.int64()))
    arrays.append(pa.array([_written(e.labels) for e in entries], pa.string()))
    arrays.append(pa.array([_more(e) for e in entries], pa.string()))
    return pa.Table.from_arrays(arrays, schema=schema)


def file_table(records: Sequence[FileRecord]) -> pa.Table:
    """Rows of the table of files."""
    pa = arrow()
    rows = {name: [getattr(record, name) for record in records] for name in _FILE_COLUMNS}
    rows["crc"] = [_file_crc(record) for record in records]
    return pa.table(rows, schema=schemas(1, 1)[FILES])


def read_items(table: pa.Table) -> tuple[list[Entry], F32, F32, NDArray[np.int64]]:
    """Entries, vectors, hubness and checksums of a table.

    Raises:
        IntegrityError: If cells are empty or hold what they cannot.
    """
    with _reading(table, ITEMS):
        return _items(table)


def _items(table: pa.Table) -> tuple[list[Entry], F32, F32, NDArray[np.int64]]:
    names = ("id", "view", "modality", "source", "text", "start", "stop", "added", "size", "gone")
    columns = [table[name].to_pylist() for name in names]
    later = [
        table[name].to_pylist() if name in table.column_names else [""] * len(table)
        for name in LATER
    ]
    rows = zip(zip(*columns, strict=True), *later, strict=True)
    entries = [_entry(row, labels, more) for row, labels, more in rows]
    # to_numpy() would do the same and import pandas, where it is installed.
    crcs = np.from_dlpack(table["crc"].combine_chunks()).astype(np.int64)
    return entries, _block(table, "vector"), _block(table, "hubness"), crcs


def _entry(row: Sequence[Any], labels: str, more: str) -> Entry:
    id_, view, modality, source, text, start, stop, added, size, gone = row
    origin, fields, copies = _read_more(more)
    return Entry(
        id_,
        intern(view),  # every row would have a copy of its own
        intern(modality),
        source,
        text,
        span=_span(start, stop),
        added=added,
        size=size,
        gone=gone,
        labels=_labels(labels),
        origin=origin,
        fields=fields,
        copies=copies,
    )


def sound_items(table: pa.Table) -> tuple[list[Entry], F32, F32]:
    """Entries, vectors and hubness of a table that a search may read.

    Raises:
        IntegrityError: As :func:`read_items`, or if a vector is no unit vector, or a number is
            not finite.
    """
    entries, vectors, hubness, _ = read_items(table)
    if bad := _useless(entries, vectors, hubness):
        raise IntegrityError(
            f"the table of {ITEMS} is damaged: {count(len(bad), 'row has', 'rows have')}"
            f" no unit vector or a number "
            f"that is not finite, {bad[0]!r:.80} first; repair it with: isthmus doctor --deep "
            "--repair"
        )
    return entries, vectors, hubness


def read_files(table: pa.Table) -> tuple[list[FileRecord], list[int]]:
    """File records and their checksums.

    Raises:
        IntegrityError: If cells are empty or hold what they cannot.
    """
    with _reading(table, FILES):
        columns = [table[name].to_pylist() for name in _FILE_COLUMNS]
        records = [
            FileRecord(path, size, mtime_ns, item, FileStatus(status), *rest)
            for path, size, mtime_ns, item, status, *rest in zip(*columns, strict=True)
        ]
        return records, table["crc"].to_pylist()


@contextmanager
def _reading(table: pa.Table, name: str) -> Iterator[None]:
    """Turn what Arrow says of damaged cells into an error of the store."""
    try:
        for column in set(table.column_names) - _MAY_BE_EMPTY:
            if table[column].null_count:
                raise ValueError(f"cells of {column!r} are empty")
        yield
    except (KeyError, ValueError, OverflowError) as error:
        raise IntegrityError(
            f"the table of {name} is damaged: {error}; see: isthmus doctor --deep"
        ) from error


def damaged_items(
    entries: Sequence[Entry], vectors: F32, hubness: F32, crcs: NDArray[np.int64]
) -> list[str]:
    """Ids of rows whose checksum does not match, or whose vector is of no use."""
    bad = set(_useless(entries, vectors, hubness))
    rows = zip(entries, vectors, hubness, crcs.tolist(), strict=True)
    return [e.id for e, x, h, crc in rows if e.id in bad or _crc(_plain(e), x, h) != crc]


def _useless(entries: Sequence[Entry], vectors: F32, hubness: F32) -> list[str]:
    """Ids of rows that no store writes, by which a search would fail."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("nd,nd->n", vectors, vectors)
        fine = (squares > 0) & (squares < _LONGEST) & np.isfinite(hubness).all(axis=1)
    rows = zip(entries, fine.tolist(), strict=True)
    return [entry.id for entry, usable in rows if not (usable and _finite(entry))]


def _finite(entry: Entry) -> bool:
    numbers = (entry.added, *(entry.span or ()))
    return all(map(math.isfinite, numbers)) and "\0" not in entry.source


def damaged_files(records: Sequence[FileRecord], crcs: Sequence[int]) -> list[str]:
    """Paths of records whose checksum does not match."""
    rows = zip(records, crcs, strict=True)
    return [r.path for r, crc in rows if "\0" in r.path or _file_crc(r) != crc]


def literal(value: str) -> str:
    """A text as a literal of a predicate; quotes are doubled."""
    if "\x00" in value:
        raise InputError(f"{value!r} holds a null character")
    return "'" + value.replace("'", "''") + "'"


def earlier(schema: pa.Schema) -> list[pa.Schema]:
    """A schema, and those of items as earlier releases wrote them, the newest first."""
    found = [schema]
    for name in reversed(LATER):
        if name in schema.names:
            schema = schema.remove(schema.get_field_index(name))
            found.append(schema)
    return found


def _written(labels: tuple[tuple[str, float], ...]) -> str:
    """Labels as one text; empty where there are none."""
    return json.dumps([[name, p] for name, p in labels], ensure_ascii=False) if labels else ""


def _labels(written: str) -> tuple[tuple[str, float], ...]:
    """What :func:`_written` wrote.

    Raises:
        ValueError: If it did not.
    """
    if not written:
        return ()
    found = json.loads(written)
    if not isinstance(found, list) or not all(_is_label(each) for each in found):
        raise ValueError(f"labels are {written!r:.80}")
    return tuple((name, float(p)) for name, p in found)


def _more(entry: Entry) -> str:
    """What few entries have, as one text; empty where there is nothing."""
    if not (entry.origin or entry.fields or entry.copies):
        return ""
    told: list[object] = [entry.origin, [list(each) for each in entry.fields]]
    if entry.copies:
        told.append(list(entry.copies))
    return json.dumps(told, ensure_ascii=False)


def _read_more(written: str) -> tuple[str, Fields, tuple[str, ...]]:
    """What :func:`_more` wrote: origin, fields and copies.

    Raises:
        ValueError: If it did not.
    """
    if not written:
        return "", (), ()
    match json.loads(written):
        case [str() as origin, list() as fields, *copies] if all(map(_is_field, fields)):
            known = tuple((name, value) for name, value in fields)
            if not copies:
                return origin, known, ()
            if len(copies) == 1 and _are_texts(copies[0]):
                return origin, known, tuple(copies[0])
    raise ValueError(f"fields are {written!r:.80}")


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) for each in given)


def _is_field(given: object) -> bool:
    match given:
        case [str(), str()]:
            return True
        case [str(), float() | int() as value]:
            return not isinstance(value, bool) and math.isfinite(value)
    return False


def _is_label(given: object) -> bool:
    match given:
        case [str(), int() | float() as p]:
            return 0 <= p <= 1
    return False


def _span(start: float | None, stop: float | None) -> tuple[float, float] | None:
    return None if start is None or stop is None else (start, stop)


def _block(table: pa.Table, name: str) -> F32:
    column = table[name].combine_chunks()
    width = column.type.list_size
    # Cells are not empty; flatten() would do the same and import pyarrow.compute, which takes long.
    values = column.values.slice(column.offset * width, len(column) * width)
    if values.null_count:
        raise ValueError(f"numbers of {name!r} are missing")
    block: F32 = np.asarray(np.from_dlpack(values), np.float32).reshape(len(table), width)
    return block


def _plain(entry: Entry) -> list[object]:
    """What the checksum is of; without what came later, that of earlier releases."""
    span = None if entry.span is None else list(entry.span)
    labels = [[list(each) for each in entry.labels]] if entry.labels else []
    return [
        entry.id,
        entry.view,
        entry.modality,
        entry.source,
        entry.text,
        span,
        entry.added,
        entry.size,
        entry.gone,
        *labels,
        *([more] if (more := _more(entry)) else []),
    ]


def _crc(plain: list[object], vector: F32, hubness: F32) -> int:
    start = zlib.crc32(json.dumps(plain).encode())
    middle = zlib.crc32(np.ascontiguousarray(vector).tobytes(), start)
    return zlib.crc32(np.ascontiguousarray(hubness).tobytes(), middle)


def _file_crc(record: FileRecord) -> int:
    return zlib.crc32(json.dumps(astuple(record)).encode())
