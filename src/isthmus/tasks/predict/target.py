"""What is to be predicted: read from records, its kind guessed and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, InputError
from isthmus.core.fields import Value
from isthmus.core.record import Dataset, Record
from isthmus.core.wording import count, did_you_mean, kind_of, way
from isthmus.datasets.kinds import DATE, NUMBER, typed, written
from isthmus.fusion import KINDS, Kind, Target
from isthmus.tasks.predict.events import check_events, happened
from isthmus.tasks.predict.options import FitOptions
from isthmus.tasks.predict.values import SEPARATOR, bounded, column_of, values_of

MOST_CODES = 10
"""Different whole numbers up to which they are taken for the names of classes."""
_LEAST = 2
"""Records that a class or label needs: of one nothing can be learned and measured."""
_FEW = 3
"""Cells that could not be read, of which a note says so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks to predict.

    Attributes:
        name: Of the column; empty where values are given or survival is asked for.
        kind: Of the target; None to guess it.
        time: Column of the time, of survival.
        event: Column that says whether the event happened at that time.
        grades: Names of grades, lowest first; numbers need none.
        values: One a record, in the place of a column.
        names: Classes, labels or grades that a predictor knows, where it is to be measured:
            records of others are left out, and nothing is asked of how many there are.
        dates: Whether it is known to be a date, as of a predictor that is measured.

    Raises:
        InputError: If there is no such kind, or what is asked for does not fit together.
    """

    name: str = ""
    kind: Kind | None = None
    time: str = ""
    event: str = ""
    grades: tuple[str, ...] = ()
    values: Sequence[Value | None] | None = None
    names: tuple[str, ...] = ()
    dates: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            hint = did_you_mean(self.kind, KINDS)
            raise InputError(f"a target is one of {', '.join(KINDS)}, got {self.kind!r}.{hint}")
        if bool(self.time) != bool(self.event):
            raise InputError(
                "survival needs both a column of times and one that says whether the event "
                "happened: " + way(python="time='months', event='died'", shell="--time T --event E")
            )
        if self.kind == "survival" and not self.time:
            raise InputError(
                "survival needs "
                + way(python="time='months', event='died'", shell="--time T --event E")
            )
        if not (self.name or self.time or self.values is not None):
            need = way(python="target='sentiment'", shell="--target sentiment")
            raise InputError(f"say which column is to be predicted: {need}")

    @classmethod
    def of(cls, target: object, options: FitOptions) -> Self:
        """The name of a column, or one value a record; and what options say of it."""
        known = None if isinstance(target, str) else _one_each(target)
        name = target if isinstance(target, str) else ""
        kind, grades = cast("Kind | None", options.kind), tuple(options.grades)
        return cls(name, kind, options.time, options.event, grades, known)

    @property
    def own(self) -> tuple[str, ...]:
        """Columns that say what is predicted, so that nothing is predicted from them."""
        return tuple(name for name in (self.name, self.time, self.event) if name)

    @property
    def label(self) -> str:
        """What is predicted, in a word."""
        return self.name or self.event or "target"


def _one_each(target: object) -> list[Value | None]:
    """One value a record.

    Raises:
        InputError: If it is neither that nor the name of a column.
    """
    try:
        if not isinstance(target, Mapping | bytes):
            return list(cast("Iterable[Value | None]", target))
    except TypeError:  # nothing that has values
        pass
    raise InputError(
        f"the target is the name of a column, or one value a record; got {kind_of(target)}. "
        "Write: target='sentiment'"
    )


@dataclass(frozen=True, eq=False)
class Known:
    """A target, and of which records.

    Attributes:
        target: Of the records ``rows``.
        rows: ``(n,)`` places in the data set.
        notes: What was decided and left out.
    """

    target: Target
    rows: NDArray[np.intp]
    notes: list[str] = field(default_factory=list)

    def take(self, order: NDArray[np.intp]) -> Known:
        """Some of the records, in that order."""
        return Known(self.target.take(order), self.rows[order], self.notes)


def read_target(dataset: Dataset, wanted: Wanted) -> Known:
    """The target of the records that have one.

    Args:
        dataset: With the target among the fields of its records; or their group or language.
        wanted: What is asked for.

    Raises:
        DataError: If there is none, it is the same everywhere, or it is of another kind.
    """
    if wanted.time:
        return _survival(dataset, wanted)
    values, dates = values_of(dataset, wanted.name, wanted.label, wanted.values, dates=wanted.dates)
    rows = [row for row, value in enumerate(values) if value is not None]
    some = [value for value in values if value is not None]
    if not some:
        raise DataError(f"the target {wanted.label!r} is missing in every record")
    notes = []
    unread = [] if wanted.values is not None else unread_of(dataset.records, [wanted.name])
    if unread:
        notes.append(
            f"{count(len(unread), 'record')} left out: the target {wanted.label!r} cannot be read"
        )
        notes += first_of(unread)
    if lost := len(values) - len(some) - len(unread):
        notes.append(f"{count(lost, 'record')} left out: the target {wanted.label!r} is missing")
    kind, why = (wanted.kind, "") if wanted.kind else _guessed(some, dates)
    if why:
        notes.append(f"target {wanted.label!r}: {why}")
    if dates and kind == "number":
        numbers, all_of = _number(some, wanted, notes)
        return Known(replace(numbers, dates=True), np.array(rows, dtype=np.intp)[all_of], notes)
    if dates:
        some = [written(value, DATE) for value in some]
    made = {"classes": _classes, "grades": _grades, "labels": _labels, "number": _number}[kind]
    target, kept = made(some, wanted, notes)
    return Known(target, np.array(rows, dtype=np.intp)[kept], notes)


def unread_of(records: Sequence[Record], names: Iterable[str]) -> list[str]:
    """What is wrong with cells of columns that could not be read, row by row."""
    kept = list(names)
    return [record.unread[name] for record in records for name in kept if name in record.unread]


def first_of(unread: Sequence[str]) -> list[str]:
    """Of what could not be read, the first few, and how many more there are."""
    more = len(unread) - _FEW
    return [*unread[:_FEW], *([f"and {count(more, 'more cell')} of this kind"] if more > 0 else [])]


def _guessed(values: Sequence[Value], dates: bool) -> tuple[Kind, str]:
    """The kind of a target, and a word on it."""
    if dates:
        return "number", "a date; errors are told in days"
    if all(isinstance(value, str) for value in values):
        if any(SEPARATOR in str(value) for value in values):
            return "labels", f"several labels a record, parted by {SEPARATOR!r}"
        return "classes", f"{count(len(set(values)), 'class', 'classes')}"
    if any(isinstance(value, str) for value in values):
        return "classes", "numbers and texts, taken as classes"
    numbers = np.array(values, dtype=np.float64)
    different = len(np.unique(numbers))
    if different <= MOST_CODES and bool((numbers == np.round(numbers)).all()):
        ways = way(python="kind='grades' or kind='number'", shell="--kind grades or --kind number")
        return "classes", f"{different} whole numbers, taken as classes; if they count, say {ways}"
    return "number", "a number"


def _name(value: Value) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else str(value)


def _order(value: Value) -> tuple[bool, float, str]:
    """Numbers by their size, before texts."""
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _classes(
    values: Sequence[Value], wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    names = list(dict.fromkeys(_name(v) for v in sorted(set(values), key=_order)))
    return _coded(values, names, "classes", wanted, notes)


def _grades(
    values: Sequence[Value], wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    there = {_name(value) for value in values}
    if not wanted.grades:
        if any(isinstance(value, str) for value in values):
            few = ", ".join(sorted(there)[:6])
            raise DataError(
                f"grades that are texts ({few}) need their order, lowest first: "
                + way(python="grades=['bad', 'fair', 'good']", shell="--grades bad,fair,good")
            )
        return _coded(values, [_name(v) for v in sorted(set(values), key=_order)], "grades",
                      wanted, notes)  # fmt: skip
    if unknown := sorted(there - set(wanted.grades)):
        raise DataError(
            f"the target {wanted.label!r} holds {unknown[0]!r}, which is none of the grades "
            f"{', '.join(wanted.grades)}.{did_you_mean(unknown[0], wanted.grades)}"
        )
    names = [name for name in dict.fromkeys(wanted.grades) if name in there]
    return _coded(values, names, "grades", wanted, notes)


def _coded(
    values: Sequence[Value], names: Sequence[str], kind: Kind, wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    counts = Counter(_name(value) for value in values)
    if wanted.names:
        return _recoded(values, kind, wanted, notes)
    if len(counts) == 1:
        raise DataError(
            f"the target {wanted.label!r} is {names[0]!r} in every record; there is nothing to "
            "predict"
        )
    if len(counts) > len(values) / _LEAST:
        raise DataError(
            f"the target {wanted.label!r} has {count(len(counts), 'different value')} in "
            f"{count(len(values), 'record')}, so hardly any class comes again; "
            + way(
                python="name another column, or say kind='number'",
                shell="name another column, or say --kind number",
            )
        )
    rare = [name for name in names if counts[name] < _LEAST]
    if rare:
        notes.append(
            f"{count(len(rare), 'class', 'classes')} left out, of one record each: "
            f"{', '.join(rare[:5])}{' …' if len(rare) > 5 else ''}"
        )
    kept_names = [name for name in names if name not in rare]
    if len(kept_names) < 2:
        raise DataError(
            f"the target {wanted.label!r} has one class of more than one record "
            f"({', '.join(kept_names) or 'none'}); there is nothing to predict"
        )
    place = {name: code for code, name in enumerate(kept_names)}
    kept = np.array([_name(value) in place for value in values], dtype=bool)
    codes = np.array([place[_name(v)] for v in values if _name(v) in place], dtype=np.float64)
    return Target(kind, codes[:, None], tuple(kept_names)), kept


def _recoded(
    values: Sequence[Value], kind: Kind, wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    """Codes of classes that a predictor knows."""
    place = {name: code for code, name in enumerate(wanted.names)}
    known = [_name(value) in place for value in values]
    if strange := sorted({_name(value) for value in values} - set(place)):
        lost = count(len(values) - sum(known), "record")
        notes.append(f"{lost} left out, of classes that it never saw: {', '.join(strange[:5])}")
    if not any(known):
        raise DataError(
            f"no record is of a class that the predictor knows ({', '.join(wanted.names[:8])})"
        )
    codes = [place[_name(value)] for value in values if _name(value) in place]
    return Target(kind, np.array(codes, dtype=np.float64)[:, None], wanted.names), np.array(known)


def _labels(
    values: Sequence[Value], wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    sets = [
        {part.strip() for part in _name(value).split(SEPARATOR) if part.strip()} for value in values
    ]
    counts = Counter(name for names in sets for name in names)
    names = sorted(name for name, n in counts.items() if _LEAST <= n <= len(sets) - _LEAST)
    names = list(wanted.names) or names
    if lost := sorted(set(counts) - set(names)):
        notes.append(
            f"{count(len(lost), 'label')} left out, of hardly any or nearly all records: "
            f"{', '.join(lost[:5])}{' …' if len(lost) > 5 else ''}"
        )
    if not names:
        raise DataError(
            f"the target {wanted.label!r} has no label that some records have and others lack"
        )
    matrix = np.array([[name in have for name in names] for have in sets], dtype=np.float64)
    return Target("labels", matrix, tuple(names)), np.ones(len(sets), dtype=bool)


def _number(
    values: Sequence[Value], wanted: Wanted, notes: list[str]
) -> tuple[Target, NDArray[np.bool_]]:
    numbers = _numbers(values, wanted.label)
    if numbers.std() == 0 and not wanted.names:
        raise DataError(
            f"the target {wanted.label!r} is {numbers[0]:g} in every record; there is nothing to "
            "predict"
        )
    return Target("number", numbers[:, None], (wanted.label,)), np.ones(len(numbers), dtype=bool)


def _numbers(values: Sequence[Value], name: str) -> NDArray[np.float64]:
    numbers = []
    for value in values:
        try:
            number = typed(value, NUMBER)
        except DataError:
            number = None
        if number is None:
            said = f"{str(value)[:40]!r}, which is no number that can be used"
            raise DataError(f"{name!r} holds {said}")
        numbers.append(number)
    return np.array(numbers, dtype=np.float64)


def _survival(dataset: Dataset, wanted: Wanted) -> Known:
    if dataset.kinds.get(wanted.time) == DATE:
        raise DataError(
            f"{wanted.time!r} holds dates, and survival needs the time until the event: write a "
            "column of the days from when each record was first followed"
        )
    times, events = column_of(dataset, wanted.time), column_of(dataset, wanted.event)
    rows = [i for i, (t, e) in enumerate(zip(times, events, strict=True)) if None not in (t, e)]
    if not rows:
        raise DataError(f"no record has both {wanted.time!r} and {wanted.event!r}")
    notes = []
    if lost := len(dataset) - len(rows):
        notes.append(f"{count(lost, 'record')} left out: the time or the event is missing")
        notes += first_of(unread_of(dataset.records, [wanted.time, wanted.event]))
    given = [bounded(times[i], i, wanted.time) for i in rows]
    time = _numbers([t for t in given if t is not None], wanted.time)
    if (time < 0).any():
        raise DataError(
            f"{wanted.time!r} holds {time.min():g}; a time until an event is not below 0"
        )
    told = [each for each in (events[i] for i in rows) if each is not None]
    event = np.array([happened(_name(each), wanted.event) for each in told])
    notes.append(f"{count(int(event.sum()), 'event')} in {count(len(rows), 'record')}")
    target = Target("survival", np.column_stack([time, event]), (wanted.time, wanted.event))
    if not wanted.names:
        check_events(target, wanted.time, wanted.event)
    return Known(target, np.array(rows, dtype=np.intp), notes)
