"""Plain columns of records as vectors: numbers scaled, categories one-hot, what is missing marked.

Own code, since the encoders of scikit-learn are pickled rather than written as JSON, and do not say
which column a number of their output belongs to, which an exact account needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.document import Json, from_document, to_document
from isthmus.core.errors import DataError
from isthmus.core.fields import MOST_NUMBER, Value
from isthmus.core.linalg import F32, F64
from isthmus.core.record import Record
from isthmus.core.validate import need
from isthmus.core.view import TEXT
from isthmus.core.wording import count, did_you_mean, kind_of
from isthmus.datasets.plain import WITHOUT
from isthmus.datasets.roles import fits, mapped

OTHER = "other"
"""What stands for a category that was not learned."""
MOST_CATEGORIES = 32
"""Categories a column that have a number of their own: the most frequent ones."""
_LEAST_ROWS = 2
"""Records that a category needs: of one record nothing can be learned."""
_IDENTIFIER = 0.5
"""Share of the records of a column from which on as many different texts name records."""
_NORMAL_IQR = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""
_LARGEST = float(np.finfo(np.float64).max)
_LEAST_SCALE = float(np.finfo(np.float64).tiny)
_MOST = float(np.finfo(np.float32).max)
_TAME = 3.0
"""Standard deviations past which a number counts by its logarithm."""


@dataclass(frozen=True, slots=True)
class Number:
    """How a column of numbers is scaled.

    Attributes:
        name: Of the column.
        centre: Median of what was learned from; it stands for a missing number.
        scale: Interquartile range over 1.349, or where half of the numbers are equal, the standard
            deviation.
        gaps: Whether records lacked it, so that one more number marks that.
        low: Least that it becomes: past 3, what the second lowest record has.
        high: Most that it becomes, likewise.
    """

    name: str
    centre: float
    scale: float
    gaps: bool
    low: float = -_MOST
    high: float = _MOST


@dataclass(frozen=True, slots=True)
class Category:
    """Which values of a column of texts have a number of their own.

    Attributes:
        name: Of the column.
        values: Most frequent first; one number more is for all others.
        gaps: Whether records lacked it, so that one more number marks that.
    """

    name: str
    values: tuple[str, ...]
    gaps: bool

    @property
    def width(self) -> int:
        """How many numbers it is."""
        return len(self.values) + 1 + self.gaps


@dataclass(frozen=True)
class _Document:
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    left_out: Mapping[str, str]
    typical: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Columns:
    """Plain columns of records as the vectors of one view.

    A number becomes ``(x − median) · 1.349 / IQR``, and past 3 of these its logarithm, so that no
    heavy tail outweighs all other columns, and no more than the second most extreme record has:
    robust scaling, since one typing error moves a mean and a standard deviation at will. A category
    becomes one-hot with ``other``. A constant comes last, so that no record is all zeros.

    Attributes:
        numbers: In the order of their columns.
        categories: Likewise, behind them.
        left_out: Columns that say nothing, with the reason.
        typical: ``(d,)``, the mean of what was learned from.
    """

    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    left_out: Mapping[str, str]
    typical: F64

    @classmethod
    def fit(cls, records: Sequence[Record], names: Sequence[str]) -> Self:
        """Learn medians, scales and categories.

        Args:
            records: With the columns in their :attr:`Record.fields`, any of them missing.
            names: Of the columns.

        Raises:
            DataError: If a column holds numbers and texts, or none can be used.
        """
        numbers: list[Number] = []
        categories: list[Category] = []
        left_out: dict[str, str] = {}
        for name in names:
            values = [r.fields[name] for r in records if name in r.fields]
            _check_bounded(records, name)
            made = _learned(name, values, gaps=len(values) < len(records))
            if not values and any(name in record.unread for record in records):
                made = "no cell of it can be read"
            if isinstance(made, Number):
                numbers.append(made)
            elif isinstance(made, Category):
                categories.append(made)
            else:
                left_out[name] = made
        if not numbers and not categories:
            why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
            raise DataError(f"no column says anything about a record: {why or 'none was given'}")
        made_of = cls(tuple(numbers), tuple(categories), left_out, np.zeros(0))
        rows = made_of.transform(records)
        typical = rows[made_of.present(records)].mean(axis=0, dtype=np.float64)
        return cls(made_of.numbers, made_of.categories, left_out, typical)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are used, numbers first."""
        return (*(n.name for n in self.numbers), *(c.name for c in self.categories))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return len(self.features)

    @cached_property
    def features(self) -> tuple[tuple[str, str], ...]:
        """What each number of a vector is: its column, and what it says of that.

        Examples:
            >>> rows = [Record("a", {}, fields={"age": 3}), Record("b", {}, fields={"age": 5})]
            >>> Columns.fit(rows, ["age"]).features
            (('age', 'age'), ('', 'constant'))
        """
        found: list[tuple[str, str]] = []
        for number in self.numbers:
            found.append((number.name, number.name))
            found += [(number.name, f"{number.name} is missing")] * number.gaps
        for each in self.categories:
            found += [(each.name, f"{each.name} = {value}") for value in (*each.values, OTHER)]
            found += [(each.name, f"{each.name} is missing")] * each.gaps
        return (*found, ("", "constant"))

    def transform(self, records: Sequence[Record]) -> F32:
        """Vectors ``(n, d)`` float32 of records.

        A missing number is the median. A missing category that no record lacked before is as
        much of each category as there was of it.

        Raises:
            DataError: If a column of numbers holds a text.
        """
        columns: list[F64] = []
        for number in self.numbers:
            column = _numbers(records, number.name)
            there = np.isfinite(column)
            scaled = _tamed((column - number.centre) / number.scale)
            scaled = np.clip(scaled, number.low, number.high)
            columns.append(np.where(there, scaled, 0.0)[:, None])
            if number.gaps:
                columns.append(1.0 - there[:, None])
        place = len(columns)
        for each in self.categories:
            usual = self.typical[place : place + each.width]
            columns.append(_one_hot(each, [r.fields.get(each.name) for r in records], usual))
            place += each.width
        columns.append(np.ones((len(records), 1)))
        return np.ascontiguousarray(np.hstack(columns), dtype=np.float32)

    def present(self, records: Sequence[Record]) -> NDArray[np.bool_]:
        """Which records have any of the columns, ``(n,)``."""
        names = set(self.names)
        return np.array([not names.isdisjoint(r.fields) for r in records], dtype=bool)

    def notes(self, record: Record) -> list[str]:
        """What was taken for something else in a record that has some of the columns."""
        found = []
        for each in self.categories:
            value = record.fields.get(each.name)
            if value is not None and _name(value) not in each.values:
                found.append(f"{each.name}: {_name(value)!r:.60} is new, taken as {OTHER!r}")
        gone = (n for n in self.names if n not in record.fields)
        return [*found, *(record.unread.get(n, f"{n} is missing") for n in gone)]

    def block(self, name: str) -> NDArray[np.bool_]:
        """Which numbers of a vector are of a column, ``(d,)``."""
        return np.array([column == name for column, _ in self.features], dtype=bool)

    def document(self) -> Json:
        """As JSON."""
        typical = tuple(float(x) for x in self.typical)
        return to_document(_Document(self.numbers, self.categories, self.left_out, typical))

    @classmethod
    def from_document(cls, document: Json, where: str) -> Self:
        """What :meth:`document` wrote.

        Raises:
            ArtifactError: If it does not fit.
        """
        read = from_document(_Document, document, where)
        made = cls(read.numbers, read.categories, read.left_out, np.array(read.typical))
        need(len(set(made.names)) == len(made.names) > 0, f"{where}: a column is there twice")
        need(len(made.typical) == made.dim, f"{where}: typical needs {made.dim} numbers")
        need(bool((np.abs(made.typical) < _MOST).all()), f"{where}: typical is too large")
        for number in made.numbers:
            need(number.scale >= _LEAST_SCALE, f"{where}: {number.name!r:.40} has no scale")
            need(number.low <= 0 <= number.high, f"{where}: {number.name!r:.40} has no range")
        for each in made.categories:
            twice = len(set(each.values)) < len(each.values)
            need(not twice, f"{where}: {each.name!r:.40} has a value twice")
        return made


def names_of(
    records: Iterable[Record],
    patterns: Sequence[str] = ("*",),
    *,
    without: Iterable[str] = (),
    left_out: Iterable[str] = (),
) -> list[str]:
    """Names of plain columns, in the order in which records bring them.

    Columns of which no cell could be read come last.

    Args:
        records: With fields.
        patterns: Names, or patterns such as ``"gene_*"``; ``"!name"`` takes one out of the others,
            and of all if there are no others.
        without: Names that only an exact pattern takes, such as that of the target.
        left_out: Names of others that were not read, and can be taken out.

    Raises:
        DataError: If a pattern matches none.
    """
    rows = list(records)
    filled = dict.fromkeys(name for record in rows for name in record.fields)
    known = list(filled | dict.fromkeys(name for record in rows for name in record.unread))
    hidden, unread = set(without), list(left_out)
    found: dict[str, None] = {}
    gone = [p[len(WITHOUT) :] for p in patterns if p.startswith(WITHOUT) and p not in known]
    taken = [p for p in patterns if not p.startswith(WITHOUT) or p in known]
    for pattern in [*(taken or ["*"]), *gone]:
        own = [n for n in known if fits(n, pattern) and (n not in hidden or n == pattern)]
        absent = pattern in gone and any(fits(n, pattern) for n in unread)
        if not own and pattern != "*" and not absent:
            has = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
            hint = did_you_mean(pattern, known)
            raise DataError(f"no column is called {pattern!r}; there are {has or 'none'}.{hint}")
        found.update(dict.fromkeys(own))
    return [n for n in found if not any(fits(n, p) for p in gone)]


def _learned(name: str, values: Sequence[Value], *, gaps: bool) -> Number | Category | str:
    """A column, or why it is left out."""
    if not values:
        return "it is empty in every record"
    if len(set(values)) == 1 and not gaps:
        return f"it is {_name(values[0])!r:.40} in every record"
    texts = sum(isinstance(value, str) for value in values)
    if texts == 0:
        return _scaled(name, np.array(values, dtype=np.float64), gaps=gaps)
    counts = Counter(map(_name, values))
    if len(counts) > max(_IDENTIFIER * len(values), 2) and len(counts) > MOST_CATEGORIES:
        return (
            f"it has {count(len(counts), 'different value')} in {count(len(values), 'record')}; to "
            f"read it as a view of texts: {mapped(name, TEXT)}"
        )
    often = [value for value, n in counts.most_common(MOST_CATEGORIES) if n >= _LEAST_ROWS]
    if not often:
        return "no value of it is in two records"
    return Category(name, tuple(often), gaps)


def _scaled(name: str, values: F64, *, gaps: bool) -> Number:
    low, centre, high = np.quantile(values, (0.25, 0.5, 0.75))
    scale = (high - low) / _NORMAL_IQR or values.std() or 1.0
    tamed = np.sort(_tamed((values - centre) / scale))
    low, high = (tamed[1], tamed[-2]) if len(tamed) > 1 else (0.0, 0.0)
    ends = float(min(low, -_TAME)), float(max(high, _TAME))  # one typing error moves neither
    return Number(name, float(centre), float(scale), gaps, *ends)


def _tamed(x: F64) -> F64:
    """Past 3 the logarithm, without a step: ``±(3 + log(|x| − 2))``."""
    size = np.minimum(np.abs(x), _LARGEST)
    found: F64 = np.where(
        size > _TAME, np.sign(x) * (_TAME + np.log(np.maximum(size - _TAME + 1, 1))), x
    )
    return found


def _numbers(records: Sequence[Record], name: str) -> F64:
    """A column of numbers ``(n,)``, NaN where it is missing.

    Raises:
        DataError: If a record holds a text, or a number beyond all bounds.
    """
    values = [record.fields.get(name, np.nan) for record in records]
    for record, value in zip(records, values, strict=True):
        if isinstance(value, str):
            raise DataError(
                f"record {record.id!r}: the column {name!r} held numbers when the predictor was "
                f"made, got {kind_of(value)}: {value[:40]!r}"
            )
    _check_bounded(records, name)
    return np.array(values, dtype=np.float64)


def _check_bounded(records: Sequence[Record], name: str) -> None:
    """Refuse numbers beyond all bounds."""
    for record in records:
        value = record.fields.get(name)
        if isinstance(value, int | float) and abs(value) > MOST_NUMBER:
            raise DataError(
                f"record {record.id!r}: the number in the column {name!r} lies beyond "
                f"{MOST_NUMBER:g}; use a larger unit, or leave it out"
            )


def _one_hot(category: Category, values: Sequence[Value | None], usual: F64) -> F64:
    place = {value: i for i, value in enumerate(category.values)}
    rows = np.zeros((len(values), category.width))
    for row, value in enumerate(values):
        if value is not None:
            rows[row, place.get(_name(value), len(place))] = 1.0
        elif category.gaps:
            rows[row, -1] = 1.0
        else:
            rows[row] = usual if len(usual) else 0.0  # not known before all was learned
    return rows


def _name(value: Value) -> str:
    """A number among categories is called as it is written."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else str(value)
