"""Files of arrays, ``.npy`` and ``.npz``, and folders of ``.npy`` files: vectors of the user's.

Row i of all arrays belongs together: those with two axes hold a vector a row, those with one hold
what else is known of the row, such as its id. Vectors are not read before their row is asked for;
nothing is ever unpickled.
"""

from __future__ import annotations

import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from isthmus.core.errors import CorruptMediaError, MediaError, MediaTooLargeError
from isthmus.core.linalg import Array
from isthmus.media.npy import OpenedFile, Rows, rows_at

NPY, NPZ = SUFFIXES = (".npy", ".npz")
_LISTED = 4
"""Files that a message lists."""
IDS = ("id", "ids")
"""Names of the array that says what each row is called."""
PLURALS = {"ids": "id", "groups": "group", "languages": "language", "splits": "split"}
"""Of arrays that say something of each row: how they may be called, too."""
_MOST_UNPACKED = 2**31
"""Bytes of the compressed arrays of a file, which have to lie in memory whole."""
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
)
"""What :mod:`zipfile` raises of archives that are damaged, or that it does not read."""
_LAST_CHARACTER = 0x10FFFF
_NO_TEXT = "is no text: it holds bytes that stand for no character; mend it"
_OPEN = 4
"""Files whose arrays are kept at hand."""
_LOCAL_HEADER = 30
"""Bytes of what stands before a member of a zip archive, without its name and extra field."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """Arrays of which row i belongs together.

    Attributes:
        path: Of the file, or of the folder of ``.npy`` files.
        columns: By name, each of one or two axes and of as many rows.
        left_out: Names of what is one value and no column.
        ids: What each row is called; None where nothing says it.
    """

    path: Path
    columns: Mapping[str, Rows]
    left_out: Sequence[str] = ()
    ids: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def vectors(self) -> dict[str, Rows]:
        """Arrays of vectors ``(n, dim)``, by name."""
        return {name: x for name, x in self.columns.items() if x.ndim == 2}

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Row by what it is called.

        Raises:
            CorruptMediaError: If two rows are called the same.
        """
        if self.ids is None:
            return {str(row): row for row in range(len(self))}
        rows: dict[str, int] = {}
        for row, name in enumerate(self.ids):
            if (first := rows.setdefault(name, row)) != row:
                raise CorruptMediaError(
                    str(self.path),
                    f"rows {first} and {row} have the same id {name!r}; every row needs its own",
                )
        return rows

    def paths(self, name: str) -> list[Path]:
        """Paths of the rows of an array of vectors, in order."""
        place = self.path / _quoted(name) if self.path.suffix.lower() == NPZ else self.path
        return [place / _quoted(each) for each in self.row_of]


def is_array_file(path: Path) -> bool:
    """Whether a path leads to a file of arrays, by its name."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def is_arrays_folder(path: Path) -> bool:
    """Whether a path leads to a folder in which all that is not hidden are ``.npy`` files."""
    try:
        if not path.is_dir():
            return False
        found = False
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    found = True
                    if not is_array_file(path / entry.name):
                        return False
        return found
    except OSError:
        return False


def apart(files: Sequence[str]) -> str:
    """What to do with files of arrays whose rows belong together, and that lie among others."""
    some = ", ".join(files[:_LISTED]) + (" …" if len(files) > _LISTED else "")
    return (
        f"if row i of {some} belongs together, put these files into a folder with nothing else in "
        "it, and give that folder"
    )


def open_arrays(path: Path, *, alone: bool = False) -> Arrays:
    """The arrays of a file, or of a folder of ``.npy`` files.

    Ids of the rows of a ``.npy`` file are those of ``id.npy`` or ``ids.npy`` beside it, if its
    folder is one of arrays, see :func:`is_arrays_folder`.

    Args:
        path: Of the file or folder.
        alone: Whether to leave what lies beside the file alone.

    Raises:
        MediaError: If it cannot be read, holds no array of rows, or arrays of different length.
    """
    try:
        files = [path] if alone else _files(path)
        states = [(str(file), *_state(file)) for file in files]
        return _opened(str(path), tuple(states))
    except OSError as error:
        raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error


def changed(path: Path) -> tuple[int, int]:
    """When what :func:`open_arrays` reads was changed, in nanoseconds.

    Returns:
        When the content was, and when the content or a name was.

    Raises:
        OSError: If the file system does not show it.
    """
    states = [_state(file) for file in _files(path)]
    return max(content for _, content, _ in states), max(either for *_, either in states)


def _files(path: Path) -> list[Path]:
    """What has to be read for a path."""
    if path.is_dir():
        return sorted(each for each in path.iterdir() if not each.name.startswith("."))
    beside = [path.with_name(f"{name}{NPY}") for name in IDS]
    ids = [each for each in beside if each.is_file()] if path.suffix.lower() == NPY else []
    if not ids or ids[0] == path or not is_arrays_folder(path.parent):
        return [path]
    return [path, ids[0]]


def _state(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=_OPEN)
def _opened(path: str, files: Sequence[tuple[str, int, int, int]]) -> Arrays:
    """Arrays of files as they are now; opened once, and again when one of them has changed."""
    found: dict[str, Rows] = {}
    for name, *_ in files:
        file = Path(name)
        members = _members(file) if file.suffix.lower() == NPZ else {file.stem: _lone(file)}
        if twice := found.keys() & members:
            raise CorruptMediaError(path, f"has two arrays {min(twice)!r}; rename one of them")
        found |= members
    columns = {name: x for name, x in found.items() if x.ndim}
    if not columns:
        raise MediaError(path, "holds no array with rows")
    for name, x in columns.items():
        _check_kind(name, x, path)
    _check_rows(columns, path)
    left_out = [name for name in found if name not in columns]
    ids = next((name for name in IDS if name in columns), None)
    names = None if ids is None else _names(ids, columns[ids], path)
    return Arrays(Path(path), columns, left_out, names)


def _names(name: str, x: Rows, path: str) -> list[str]:
    """What rows are called.

    Raises:
        MediaError: If a row has no id, or one that is no text.
    """
    if x.ndim > 1:
        raise MediaError(path, f"{name} has the shape {x.shape}, need (rows,): an id for each row")
    read, source = x.part(), f"{path}, {name}"
    kind = read.dtype.kind
    names = []
    for row, cell in enumerate(read.tolist() if kind == "S" else cells(read, source)):
        if cell is None or (kind == "f" and np.isnan(cell)):
            raise CorruptMediaError(f"{source}, row {row}", "has no id; every row needs its own")
        try:
            names.append(cell.decode() if isinstance(cell, bytes) else cell_text(cell))
            names[-1].encode()
        except UnicodeError as error:
            raise CorruptMediaError(f"{source}, row {row}", _NO_TEXT) from error
    return names


def cells(x: Array, source: str, first: int = 0) -> list[Any]:
    """Cells of an array of one axis as numbers, texts, and dates as texts; None for NaT.

    Args:
        x: Some rows of it.
        source: For messages.
        first: Number of the first of these rows.

    Raises:
        MediaError: If a cell is no text or no date.
    """
    if x.dtype.kind == "U":
        codes = np.ascontiguousarray(x).view(x.dtype.byteorder + "u4").reshape(len(x), -1)
        if len(bad := np.flatnonzero((codes > _LAST_CHARACTER).any(axis=1))):
            raise CorruptMediaError(f"{source}, row {first + bad[0]}", _NO_TEXT)
    if x.dtype.kind == "M":
        try:
            days = np.datetime_as_string(x.astype("datetime64[s]"))
        except (OverflowError, ValueError) as error:
            raise MediaError(source, f"holds {x.dtype}; save it anew as datetime64[s]") from error
        return [None if each == "NaT" else str(each).removesuffix("T00:00:00") for each in days]
    return [cell_text(each) for each in x] if x.dtype.kind == "S" else x.tolist()


def cell_text(cell: Any) -> str:
    """A cell of an array of one axis as text.

    Examples:
        >>> cell_text(b"cat"), cell_text(7), cell_text(7.0)
        ('cat', '7', '7')
    """
    if isinstance(cell, bytes):
        return cell.decode(errors="replace")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _check_kind(name: str, x: Rows, path: str) -> None:
    """Refuse what is neither vectors nor cells."""
    if x.ndim > 2:
        raise MediaError(
            path,
            f"{name} has the shape {x.shape}, need (rows, dimension); make each row one vector: "
            "x.reshape(len(x), -1), or x.mean(axis=1)",
        )
    kinds = "fiub" if x.ndim == 2 else "fiubUSM"
    if x.dtype.kind not in kinds:
        what = "numbers" if x.ndim == 2 else "numbers, texts or dates"
        raise MediaError(path, f"{name} holds {x.dtype}, need {what}")
    if x.ndim == 2 and not x.shape[1]:
        raise MediaError(path, f"{name} has the shape {x.shape}: its vectors have no numbers")


def _check_rows(columns: Mapping[str, Rows], path: str) -> None:
    """Refuse arrays of different length, and those of none."""
    sizes = {name: len(x) for name, x in columns.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {size:,} rows" for name, size in sizes.items())
        raise MediaError(path, f"row i of all arrays belongs together, but {listed}")
    if not next(iter(sizes.values())):
        raise MediaError(path, f"has no rows: {', '.join(sizes)} of length 0")


def _lone(file: Path) -> Rows:
    """The array of a ``.npy`` file."""
    with file.open("rb") as handle:
        held = OpenedFile.of(file, handle)
        return rows_at(handle, held, str(file), held.size)


def _members(file: Path) -> dict[str, Rows]:
    """The arrays of a ``.npz`` file; those that are compressed are unpacked."""
    out: dict[str, Rows] = {}
    unpacked = 0
    try:
        with file.open("rb") as handle, zipfile.ZipFile(handle) as archive:
            held = OpenedFile.of(file, handle)
            for info in archive.infolist():
                if info.is_dir():
                    continue
                name, source = info.filename.removesuffix(NPY), f"{file}, {info.filename}"
                if not info.filename.endswith(NPY):
                    raise MediaError(source, "is no array; a .npz file holds .npy files")
                if name in out:
                    raise CorruptMediaError(source, "is there twice; write the file anew")
                if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
                    handle.seek(_begin(handle, info))
                    end = min(held.size, handle.tell() + info.file_size)
                    out[name] = rows_at(handle, held, source, end)
                    continue
                unpacked += info.file_size
                if unpacked > _MOST_UNPACKED:
                    raise MediaTooLargeError(
                        str(file),
                        f"has more than {_MOST_UNPACKED:,} bytes once it is unpacked; write it "
                        "with np.savez, which compresses nothing",
                    )
                data = archive.read(info)
                out[name] = rows_at(io.BytesIO(data), data, source, len(data))
    except MediaError:
        raise
    except _DAMAGED as error:
        raise CorruptMediaError(str(file), f"is not a whole .npz file ({error})") from error
    return out


def _begin(handle: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a member that is not compressed begin."""
    handle.seek(info.header_offset)
    head = handle.read(_LOCAL_HEADER)
    lengths = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    return info.header_offset + _LOCAL_HEADER + sum(lengths)


def _quoted(name: str) -> str:
    """A name as a part of a path."""
    text = name.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
    return text.replace(".", "%2E") if text in (".", "..") else text or "%"


def unquoted(part: str) -> str:
    """A part of a path as the name that it stands for."""
    if part == "%":
        return ""
    for code, letter in (("%2E", "."), ("%00", "\0"), ("%2F", "/"), ("%25", "%")):
        part = part.replace(code, letter)
    return part
