"""The cells of tables: CSV, TSV, Parquet, JSON, JSON lines, arrays: row by row, none lost unsaid.

CSV is read by the ``csv`` module of Python. What is own code is to go on behind a quote that never
closes, where pandas and DuckDB refuse the table or take the rows behind it for one cell.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from isthmus.core.errors import DataError, MediaError
from isthmus.core.extras import require
from isthmus.core.wording import count
from isthmus.datasets._arrays import read_arrays
from isthmus.datasets._rows import Collector
from isthmus.datasets._values import GROUPS, MINUS
from isthmus.media.arrays import SUFFIXES as ARRAYS

Row: TypeAlias = tuple[str, Sequence[tuple[str, Any]]]
"""What the user knows a row by, and its cells with the names of their columns, in order."""
_BATCH = 1024
_INSIDE = re.compile(rf"[+{MINUS}-]?\d+(?:[.,{GROUPS}]\d+)*")
"""A number inside of a cell, as people write it."""
_GROUP = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A number of which it is not clear whether decimals follow."""
_SEPARATORS = ",;\t|"
_FREE_ROWS, _ROWS_PER_BYTE = 100_000, 4
"""Rows that a Parquet file may have: more all repeat, and expand past what memory holds."""
_HEAD = 20
"""Lines that the names of columns may take, past which a quote is taken for one that is not closed.
"""
_FEW = 3
"""Columns without a name that are listed."""
_LONGEST = 16 * 2**20
"""Characters of a cell of CSV, past which its quote is taken for one that never closes."""


def read(path: Path, collector: Collector, known: Collection[str]) -> Iterator[Row]:
    """The rows of a table.

    Args:
        path: Of the table; its ending tells the format.
        collector: Told what is lost.
        known: Names of columns in lower case, by which the separator of a CSV is found.

    Raises:
        DataError: If it cannot be read.
        MissingExtraError: If it is Parquet and pyarrow is missing.
    """
    suffix = path.suffix.lower()
    try:
        if not path.stat().st_size:
            raise DataError(f"{path} is empty: it has 0 bytes; write or copy it again")
        if suffix in ARRAYS or path.is_dir():
            yield from read_arrays(path, collector)
        elif suffix == ".parquet":
            yield from _read_parquet(path)
        elif suffix in (".csv", ".tsv"):
            with path.open(newline="", encoding="utf-8-sig") as handle:
                yield from _Csv(path, handle, collector, known).rows(tabs=suffix == ".tsv")
        else:
            yield from _read_json(path, suffix == ".jsonl", collector)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    except MediaError as error:
        raise DataError(str(error)) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def mended(cell: object, sign: str = ".") -> str:
    """How to write a cell of a column of numbers that is none.

    Args:
        cell: Of the column.
        sign: Of its decimals, a point or a comma.

    Examples:
        >>> mended("12,5 kg"), mended("1.234,5"), mended("many")
        ('write 12.5', 'write 1234.5', 'write a number such as 1234.5, or leave the cell empty')
        >>> mended("1.234.567 kg"), mended("1,234"), mended("2.5", sign=",")
        ('write 1234567', 'write 1234, or 1.234 if decimals follow', 'write 2,5')
    """
    found = _INSIDE.search(str(cell))
    if found is None:
        return f"write a number such as 1234{sign}5, or leave the cell empty"
    text = re.sub(f"[{GROUPS}]", "", found[0]).replace(MINUS, "-")
    mark = max(",.", key=text.rfind)
    whole, _, rest = text.rpartition(mark)
    digits = re.sub("[.,]", "", whole)
    if not digits or mark in whole:
        return f"write {digits}{rest}"
    made = f"write {digits}{sign}{rest}"
    if mark != sign and _GROUP.fullmatch(f"{whole},{rest}"):
        made = f"write {digits}{rest}, or {digits}{sign}{rest} if decimals follow"
    return made


class _Lines:
    """Lines of a file, of which those behind the first of a row can be handed out once more."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.first = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._handle)
        self.taken.append(line)
        return line

    def begin(self) -> None:
        """Begin a row."""
        self.first += len(self.taken) or 1
        self.taken = []

    def give_back(self) -> str:
        """Hand out all lines of the row but its first again; says what that is."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return self.taken[0]


class _Csv:
    """One table of text with separators."""

    def __init__(
        self, path: Path, handle: TextIO, collector: Collector, known: Collection[str]
    ) -> None:
        self._path, self._collector, self._known = path, collector, known
        self._lines = _Lines(handle)

    def rows(self, *, tabs: bool) -> Iterator[Row]:
        csv.field_size_limit(_LONGEST)
        lines = self._lines
        lines.begin()
        head = next(lines, "")
        separator = "\t" if tabs else self._separator(head)
        if head.lower().startswith("sep="):  # a line for spreadsheets
            lines.begin()
            head = next(lines, "")
        names = self._names(head, separator, quotes=not tabs)
        reader = _reader(lines, separator, quotes=not tabs, strict=True)
        number, nameless = 0, dict.fromkeys((i for i, name in enumerate(names) if not name), False)
        while True:
            lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                self._say_nameless([place for place, filled in nameless.items() if filled])
                return
            except csv.Error as error:
                cells = _plain(lines.give_back(), separator, quotes=False)
                self._told(number + 1, cells, names, error)
            if not cells:
                continue
            number += 1
            row = f"row {number}"
            self._check(row, cells, names, separator)
            for place in nameless:
                nameless[place] |= place < len(cells) and bool(cells[place].strip())
            yield row, [pair for pair in zip(names, cells, strict=False) if pair[0]]

    def _say_nameless(self, places: Sequence[int]) -> None:
        """A note on columns that have cells and no name."""
        if places:
            listed = ", ".join(str(place + 1) for place in places[:_FEW])
            more = f" and {len(places) - _FEW} more" if len(places) > _FEW else ""
            self._collector.notes.append(
                f"{count(len(places), 'column')} left out, since the header has no name there: "
                f"place {listed}{more}; to keep what is in them, name them"
            )

    def _names(self, head: str, separator: str, *, quotes: bool) -> list[str]:
        """Of the columns; a name in quotes may go on in the next line."""
        lines = self._lines
        try:
            found = next(_reader(chain([head], lines), separator, quotes=quotes, strict=True), [])
        except csv.Error:
            found = []
        if not found or len(lines.taken) > _HEAD:  # a quote that is not closed there
            if lines.taken:
                lines.give_back()
            found = _plain(head, separator, quotes=quotes)
        return [re.sub(r"\s*[\r\n]\s*", " ", name.strip()) for name in found]

    def _separator(self, head: str) -> str:
        """The one by which most columns are known, or else there are most."""
        if head.lower().startswith("sep=") and len(head.strip()) == len("sep=;"):
            return head[4]

        def fits(separator: str) -> tuple[int, int]:
            names = _plain(head, separator, quotes=True)
            return sum(name.strip().lower() in self._known for name in names), len(names)

        return max(_SEPARATORS, key=fits)

    def _told(self, number: int, cells: list[str], names: Sequence[str], error: csv.Error) -> None:
        """Name a row whose quotes do not close; one that has other cells without them is lost."""
        place = f"row {number} (line {self._lines.first})"
        what = f"a quote opens that does not close as it should ({error})"
        if len(cells) == len(names):
            self._collector.skip(place, f"{what}; the line was read without quotes", what="")
        else:
            self._collector.skip(
                place, f"{what}; the line is left out: double or close the quote", what="row"
            )
            cells.clear()

    def _check(self, row: str, cells: Sequence[str], names: Sequence[str], separator: str) -> None:
        """Name cells that have no column, and lines in quotes that look like rows."""
        lost = [cell for cell in cells[len(names) :] if cell.strip()]
        for cell in lost:
            first, count = self._lines.first, f"{len(cells)} cells, the header has {len(names)}"
            said = f"has {count}; left out: {cell[:80]}"
            self._collector.skip(f"{row} (line {first})", said, what="cell")
        inner = self._lines.taken[1:]
        if inner and len(names) > 1 and all(x.count(separator) == len(names) - 1 for x in inner):
            first = self._lines.first
            self._collector.skip(
                f"{row} (lines {first}–{first + len(inner)})",
                "a cell in quotes holds lines that look like rows; if they are, close its quote in "
                f"line {first}",
                what="",
            )


def _plain(line: str, separator: str, *, quotes: bool) -> list[str]:
    """The cells of one line."""
    return next(_reader([line], separator, quotes=quotes), [])


def _reader(
    lines: Iterable[str], separator: str, *, quotes: bool, strict: bool = False
) -> Iterator[list[str]]:
    if quotes:
        return csv.reader(lines, delimiter=separator, strict=strict)
    return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=strict)


def _read_parquet(path: Path) -> Iterator[Row]:
    parquet = require("pyarrow.parquet", extra="tables", purpose="Reading Parquet")
    arrow = require("pyarrow", extra="tables", purpose="Reading Parquet")
    number = 0
    try:
        with parquet.ParquetFile(path) as table:
            most = _FREE_ROWS + _ROWS_PER_BYTE * path.stat().st_size
            if table.metadata.num_rows > most:
                raise DataError(
                    f"{path} declares {table.metadata.num_rows:,} rows, and a file of its size has "
                    f"{most:,} at most; write it without rows that repeat"
                )
            for batch in table.iter_batches(batch_size=_BATCH):
                names = batch.schema.names
                for cells in zip(*(each.to_pylist() for each in batch.columns), strict=True):
                    number += 1
                    yield f"row {number}", list(zip(names, cells, strict=True))
    except arrow.ArrowException as error:
        raise DataError(f"{path} is not a whole Parquet file ({error})") from error


def _read_json(path: Path, by_lines: bool, collector: Collector) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as handle:
        if not by_lines:
            yield from _objects(path, handle.read(), collector)
            return
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line, object_pairs_hook=_object)
            except (ValueError, RecursionError) as error:
                collector.skip(f"row {number}", f"is not JSON ({error})", what="row")
                continue
            if isinstance(cells, dict):
                yield f"row {number}", list(cells.items())
            else:
                collector.skip(f"row {number}", "is not a JSON object", what="row")


def _objects(path: Path, text: str, collector: Collector) -> Iterator[Row]:
    try:
        rows = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error})") from error
    if not isinstance(rows, list):
        raise DataError(f"{path} must be a list of objects, got {type(rows).__name__}")
    for number, cells in enumerate(rows, start=1):
        if isinstance(cells, dict):
            yield f"row {number}", list(cells.items())
        else:
            collector.skip(f"row {number}", "is not a JSON object", what="row")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return made
