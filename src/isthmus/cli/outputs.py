"""Files that commands write: what they may replace, checked before any work is done.

A command replaces a file only if the file is what the same command writes, so that it can be run
again. Any other file is the user's and is refused, and so is a file that the command reads.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.artifact import check_writable
from isthmus.core.errors import InputError
from isthmus.core.paths import expanded
from isthmus.media.array_rows import file_named

NO_ROWS = ("source",)
"""Columns of a table without rows, where the columns depend on the rows."""
_MOST = 2**20
"""Characters of a first line that are read."""


@dataclass(frozen=True)
class Output:
    """A kind of file that a command writes.

    Attributes:
        said: What it is, for messages: ``"HTML page"``.
        is_one: Whether a file that is there, and not empty, is of this kind.
        endings: That its name may have, in small letters; any where there are none.
    """

    said: str
    is_one: Callable[[Path], bool]
    endings: Sequence[str] = ()


def check_output(path: Path | None, kind: Output, inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse a file that cannot or must not be written, before any work is done.

    Args:
        path: Of the file; None where none is wanted.
        kind: What would be written.
        inputs: Files, or rows of them, that are read.

    Raises:
        InputError: If it is a folder, is read, is of another kind, or has another ending.
        ArtifactError: If nothing can be created there.
    """
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    read = {expanded(file_named(str(each)) or each).resolve() for each in inputs if each}
    if path.resolve() in read:
        raise InputError(f"{path} is read, so it is not written; give another name")
    if kind.endings and path.suffix.lower() not in kind.endings:
        raise InputError(f"{path}: give a name that ends with {' or '.join(kind.endings)}")
    if path.is_file() and path.stat().st_size and not kind.is_one(path):
        raise InputError(
            f"{path} is there and is no {kind.said}; give another name, or move it away"
        )
    check_writable(path)
    path.parent.mkdir(parents=True, exist_ok=True)


def check_page(path: Path | None, inputs: Iterable[str | Path | None] = ()) -> None:
    """The same for an HTML page."""
    check_output(path, Output("HTML page", _is_page), inputs)


def rows_like(first: Sequence[str], last: Sequence[str], *endings: str) -> Output:
    """A table that begins and ends with some columns, between which others may stand.

    Args:
        first: Names of the columns that it begins with.
        last: Names of those that it ends with.
        *endings: Of its name.
    """

    def is_one(path: Path) -> bool:
        names, more = _columns(path)
        if tuple(names) == NO_ROWS and not more:
            return True
        ends = len(names) - len(last)
        return ends >= len(first) and [*names[: len(first)], *names[ends:]] == [*first, *last]

    return Output("table of this command", is_one, endings)


def arrays_named(names: Iterable[str]) -> Output:
    """A ``.npz`` file of arrays of exactly these names."""
    wanted = {f"{name}.npy" for name in names}

    def is_one(path: Path) -> bool:
        import zipfile

        try:
            with zipfile.ZipFile(path) as archive:
                return set(archive.namelist()) == wanted
        except (zipfile.BadZipFile, OSError, NotImplementedError):
            return False

    return Output("file of this command", is_one, (".npz",))


def _is_page(path: Path) -> bool:
    with path.open("rb") as handle:
        begins = handle.read(512).lstrip().lower()
    return not begins or begins.startswith((b"<!doctype html", b"<html"))


def _columns(path: Path) -> tuple[Sequence[str], bool]:
    """Names of the columns of a table, and whether more follows; none of what is no table."""
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        try:
            if path.suffix.lower() != ".jsonl":
                rows = csv.reader(handle)
                return next(rows), next(rows, None) is not None
            row = json.loads(handle.readline(_MOST))
        except (csv.Error, ValueError, RecursionError):
            return [], True
    return list(row) if isinstance(row, dict) else [], True
