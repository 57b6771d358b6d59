"""Plain columns of a table: numbers, dates and categories, told apart when all rows are read.

What a column holds is a property of the column, and in CSV every cell is a text, so cells are kept
until the end. This is own code because pandas guesses silently: a column of dates or of ``1,5``
becomes a category there, and a column that counts the rows a number.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from isthmus.core.errors import DataError, InputError
from isthmus.core.fields import Value, beyond
from isthmus.core.item import MediaItem
from isthmus.core.record import Record
from isthmus.core.wording import count, did_you_mean, way
from isthmus.datasets._rows import Collector, text_item
from isthmus.datasets._values import (
    category_of,
    counts_rows,
    digits,
    has_comma,
    has_decimal_commas,
    iso,
    like_number,
    matches,
    number_of,
    plain,
    reader_with_comma,
    short,
    stands_for_nothing,
    too_large,
)
from isthmus.datasets.kinds import CATEGORY, COMMA, DATE, NUMBER, READS, misfit
from isthmus.datasets.roles import FIELDS, fits

WITHOUT = "!"
"""What stands before the name of a column that is taken out."""
_MOST = 0.9
"""Share of the cells of a column that must be of a kind; the others are typing errors and are told.
A column of codes such as 401, 402, 401a has fewer."""
_LONG = 30
"""Characters of a cell on average, from which on a column of many different texts is a view."""
_MIXED = 0.5
"""Share of the cells of a column of categories that are numbers, from which on that is told."""
_FEW = 3
_OTHER_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d\d)(?: .*)?|\d{4}[./]\d\d?[./]\d\d?")
_WORDY = re.compile(r"\S\s+\S|[^\W\d_a-zA-Z]")
"""Words with a blank between them, or letters of a script that may have none."""


@dataclass(frozen=True, slots=True)
class Again:
    """How an earlier table was read; another is read so, and may lack any of these columns.

    Attributes:
        kinds: Of its plain columns, by name, see :data:`isthmus.datasets.kinds.KINDS`.
        columns: What the others held, by name, as in ``load_dataset(…, columns=…)``.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


Wanted = bool | Sequence[str] | Mapping[str, str] | Again
"""All plain columns or none; names and patterns; or how an earlier table was read, a mapping where
only its plain columns are known."""


@dataclass
class _Column:
    """What is known of one column.

    Attributes:
        name: Of the column.
        cells: By record.
        rows: What the user knows their rows by.
        unread: Type of cells that are no values.
        lost: By record, what is wrong with a cell that could not be read.
    """

    name: str
    cells: dict[str, Value] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    unread: str = ""
    lost: dict[str, str] = field(default_factory=dict)


def again_of(wanted: Wanted) -> Again | None:
    """How an earlier table was read; None where columns are wanted otherwise."""
    if isinstance(wanted, Mapping):
        return Again(wanted) if wanted else None
    return wanted if isinstance(wanted, Again) else None


class PlainColumns:
    """Cells that no view takes, by column.

    Args:
        path: Of the table, for messages.
        wanted: Names of columns or patterns such as ``"gene_*"``; True for all, False for none; or
            how each is read, by name, as :attr:`kinds` said before: columns may then be missing.
            ``"*"`` is all, too, and a name beside it keeps a column that would be left out.
            ``"!name"`` takes one out, of all if nothing else is named.
        collector: Told what is lost.

    Attributes:
        again: How columns were read before, and are read now; they may then be missing.
        notes: What was decided, where it may surprise.
        kinds: How each column was read, by name.
        left_out: Why a column was left out, by name.

    Raises:
        InputError: If columns are wanted in another form.
    """

    def __init__(self, path: Path, wanted: Wanted, collector: Collector) -> None:
        if isinstance(wanted, str):
            raise InputError(f"fields: need a list of columns or True, got a text: [{wanted!r}]")
        self._path, self._collector = path, collector
        self.again = again_of(wanted)
        self._forced = dict(self.again.kinds) if self.again else {}
        names = wanted if isinstance(wanted, Sequence) else ()
        gone = [name for name in names if name.startswith(WITHOUT)]
        self._gone = tuple(name.removeprefix(WITHOUT) for name in gone)
        self._patterns = tuple(self._forced or names)
        self._all = wanted is True or "*" in names or (len(names) > 0 and len(gone) == len(names))
        self._absent: DataError | None = None
        self._columns: dict[str, _Column] = {}
        self.notes: list[str] = []
        self.kinds: dict[str, str] = {}
        self.left_out: dict[str, str] = {}

    def takes(self, name: str) -> bool:
        """Whether a column that no view takes is wanted; one that is named is, whatever else."""
        if name not in self._patterns and any(fits(name, gone) for gone in self._gone):
            self.left_out[name] = "it is taken out by name"
            return False
        return self._all or any(fits(name, pattern) for pattern in self._patterns)

    def add(self, record: str, row: str, cells: Iterable[tuple[str, Any]]) -> None:
        """Keep cells of a record until all rows are read.

        Raises:
            DataError: If two columns have one name; one of them would be lost.
        """
        for name, cell in cells:
            column = self._columns.setdefault(name, _Column(name))
            if column.rows.get(record) == row:
                raise DataError(f"{self._path} has two columns {name!r}; rename one of them")
            value = plain(cell)
            if value is None:
                column.unread = column.unread or type(cell).__name__
            else:
                column.cells[record], column.rows[record] = value, row

    def check(self, seen: Iterable[str]) -> None:
        """Refuse patterns that match no column; from now on columns are in the order of ``seen``.

        Raises:
            DataError: Naming the first of them, and the columns that there are.
        """
        names = list(seen)
        self._columns = {n: self._columns[n] for n in names if n in self._columns} | self._columns
        for pattern in self._patterns if names and not self.again else ():
            known = ["*", *FIELDS, *names] if self._all else names
            if not pattern.startswith(WITHOUT) and not any(fits(name, pattern) for name in known):
                has, hint = ", ".join(names), did_you_mean(pattern, names)
                said = f"{self._path} has no column {pattern!r}; it has {has}.{hint}"
                self._absent = self._absent or DataError(said)
        if self._absent and not self._all:  # beside all there may be other things of that name
            raise self._absent

    def filled(self, records: Sequence[Record]) -> list[Record]:
        """Records with their fields; texts of a column of long ones become a view of its name.

        Raises:
            DataError: If numbers have commas, and it is not clear what for.
        """
        fields: dict[str, dict[str, Value]] = {}
        items: dict[str, dict[str, MediaItem]] = {}
        unread: dict[str, dict[str, str]] = {}
        for column in self._columns.values():
            if self._is_text(column):
                self._say(column, f"texts; read as the view {column.name!r} of text")
                for record, cell in column.cells.items():
                    source = f"{self._path}, {column.rows[record]}"
                    if text := text_item([str(cell)], source):
                        items.setdefault(record, {})[column.name] = text
                continue
            for record, value in self._typed(column).items():
                fields.setdefault(record, {})[column.name] = value
            for record, what in column.lost.items():
                unread.setdefault(record, {})[column.name] = what
        return [
            replace(
                record,
                items={**items.get(record.id, {}), **record.items},
                fields=fields.get(record.id, {}),
                unread=unread.get(record.id, {}),
            )
            for record in records
        ]

    def _say(self, column: _Column, what: str) -> None:
        self.notes.append(f"column {column.name}: {what}")

    def _leave_out(self, column: _Column, why: str) -> None:
        self._say(column, f"left out: {why}")
        self.left_out[column.name] = why

    def _named(self, column: _Column) -> bool:
        """Whether the user wrote the name of this very column."""
        return column.name in self._patterns

    def _is_text(self, column: _Column) -> bool:
        texts = [cell for cell in column.cells.values() if isinstance(cell, str)]
        if len(texts) < max(2, len(column.cells)) or 2 * len(set(texts)) <= len(texts):
            return False
        wordy = sum(_WORDY.search(text) is not None for text in texts)
        return sum(map(len, texts)) >= _LONG * len(texts) and 2 * wordy > len(texts)

    def _typed(self, column: _Column) -> Mapping[str, Value]:
        """The values of a column; empty where it cannot be used, which is told."""
        if column.unread:
            self.kinds[column.name] = CATEGORY
            self._leave_out(column, f"some cells hold a {column.unread}")
            return {}
        cells = column.cells
        known = {r: c for r, c in cells.items() if not stands_for_nothing(c)}
        kind = self._forced.get(column.name)
        if kind is not None and kind in READS:
            return self._kept(column, known, kind)
        if kind is None and (values := self._told_apart(column, known)) is not None:
            return values
        if kind is None:
            self._say_mixed(column, known)
        self.kinds[column.name] = CATEGORY
        return {record: category_of(cell) for record, cell in cells.items()}

    def _told_apart(
        self, column: _Column, known: Mapping[str, Value]
    ) -> Mapping[str, Value] | None:
        """The values of a column of numbers or dates; None if it is of categories."""
        kind = COMMA if has_decimal_commas(known.values(), _MOST) else NUMBER
        if self._share(known, lambda cell: READS[kind](cell) is not None) >= _MOST:
            return self._numbers(column, known, kind)
        if self._share(known, like_number) >= _MOST:
            raise self._unclear(column, known)
        if self._share(known, lambda cell: iso(cell) is not None) >= _MOST:
            self._say(column, "dates; read as days since 1970-01-01")
            return self._kept(column, known, DATE)
        if self._share(known, lambda cell: matches(_OTHER_DATE, cell)) >= _MOST:
            self.kinds[column.name] = DATE
            first = next(iter(known.values()))
            self._leave_out(
                column, f"dates such as {first!r} may be read in several ways; write 2026-01-31"
            )
            return {}
        return None

    def _numbers(
        self, column: _Column, known: Mapping[str, Value], kind: str
    ) -> Mapping[str, Value]:
        values = self._kept(column, known, kind)
        whole = [int(v) for v in values.values() if float(v).is_integer()]
        counts = len(whole) == len(values) and counts_rows(whole)
        if counts and not self._named(column):
            name = column.name
            keep = way(python=f"['*', {name!r}]", shell=f"--column {shlex.quote(name)}")
            self._leave_out(column, f"it counts the rows. To keep it, name it: {keep}")
            return {}
        if len(set(whole)) >= 3 and len(whole) == len(values) and all(map(digits, whole)):
            self._say(column, "dates as numbers; read as days since 1970-01-01")
            self.kinds[column.name] = DATE
            return {record: digits(int(value)) or 0.0 for record, value in values.items()}
        return values

    def _unclear(self, column: _Column, known: Mapping[str, Value]) -> DataError:
        """What to say of commas that may stand before decimals, or between thousands.

        First comes that a column is not there: it may be the target, and all others are of no use.
        """
        record = next(r for r, cell in known.items() if has_comma(cell))
        gone = f"{WITHOUT}{column.name}"
        out = way(python=f"[{gone!r}]", shell=f"--columns {shlex.quote(gone)}")
        without = "" if self._named(column) else f", or leave the column out: {out}"
        return self._absent or DataError(
            f"{self._path}: column {column.name}, {column.rows[record]}: the number "
            f"{short(known[record])!r} has a comma, and it is not clear whether decimals follow; "
            f"write all numbers of the column as 1234.5{without}"
        )

    def _kept(self, column: _Column, known: Mapping[str, Value], kind: str) -> dict[str, Value]:
        """What can be read as a column of a kind; each cell that cannot is told."""
        self.kinds[column.name] = kind
        read: Callable[[Value], float | None] = READS[kind]
        if kind == COMMA:
            read = reader_with_comma(known.values())
            self._say_commas(column, known, read)
        kept: dict[str, Value] = {}
        for record, cell in known.items():
            value = read(cell)
            if value is None or beyond(value):
                what = too_large(cell) if beyond(value) else misfit(cell, kind)
                said = f"column {column.name}: {what}"
                self._collector.skip(column.rows[record], said, what="cell")
                place = f"{self._path.name}, {column.rows[record]}, column {column.name}"
                column.lost[record] = f"{place}: {what}"
            else:
                kept[record] = value
        return kept

    def _say_commas(
        self,
        column: _Column,
        known: Mapping[str, Value],
        read: Callable[[Value], float | None],
    ) -> None:
        """Show by the first cell what commas and points mean."""
        for cell in known.values():
            value = read(cell)
            if value is not None and not beyond(value) and number_of(cell) != value:
                self._say(column, f"numbers with decimal commas; {short(cell)} is {value:g}")
                return

    def _say_mixed(self, column: _Column, known: Mapping[str, Value]) -> None:
        """Name the first cells of a column of categories that are none of its many numbers."""
        share = self._share(known, like_number)
        odd = [record for record, cell in known.items() if not like_number(cell)]
        if share >= _MIXED and odd:
            few = ", ".join(f"{column.rows[r]} {str(known[r])[:40]!r}" for r in odd[:_FEW])
            more = f" and {len(odd) - _FEW} more" if len(odd) > _FEW else ""
            self._say(
                column,
                f"read as categories, since {len(odd)} of {count(len(known), 'cell')} are no "
                f"numbers: {few}{more}. If it counts or measures, write them as numbers",
            )

    @staticmethod
    def _share(cells: Mapping[str, Value], test: Callable[[Value], bool]) -> float:
        return sum(map(test, cells.values())) / len(cells) if cells else 0.0
