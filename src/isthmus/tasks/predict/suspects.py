"""Columns that know the target: copies of it, and what tells it without a mistake."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isthmus.core.fields import Value
from isthmus.core.linalg import F64, Array
from isthmus.core.record import Record
from isthmus.core.wording import way
from isthmus.datasets.plain import WITHOUT
from isthmus.fusion import Target
from isthmus.tasks.predict.chance import (
    log_chance_of_bounds,
    log_chance_of_ranks,
    log_chance_of_values,
    surprising,
)
from isthmus.tasks.predict.loading import Columned

_LEAST = 20
"""Records that must have a column, before it is suspected: among fewer, one in many columns parts
two classes by chance."""
_SAME = 1 - 1e-9
_NEARLY = 0.999
"""Correlation with a number from which on a column is suspected."""
_COMES_AGAIN = 2
"""Records that share a value on average, where a category is suspected."""
_WRONG = 0.02
"""Share of other values that a copy may have; one at least. Chosen, not tuned."""
_COPY, _PERFECT, _NEARLY_COPY = 1, 2, 3
"""What a column is suspected of, the worst first."""
_SHOWN = 3
"""Labels that are named."""
_HAVE = "of the records that have it"
_FILLED = 5
"""Records that must have a column, and must lack it, where its gaps are suspected."""
_BEYOND = 0.8
"""Share of what the most frequent answer gets wrong, that a suspect must get right."""
_MONOTONE = 0.95
"""Share of records that stand in the order of a number, from which on a column is suspected."""
_NAMED = 0.9
"""Share of texts that name the answer and no other, from which on they are suspected."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """Columns that know the target.

    Attributes:
        copies: They say the same as the target, value by value.
        perfect: They tell it without a mistake.
        nearly: They would be copies but for a few values; with the share of records they tell.
        gaps: Whether they are filled tells it, such as a date of discharge.
        of: What of the target each of these tells, by column: of several labels those that it
            tells, of a time and an event one of them; not there where it is the target as a whole.
    """

    copies: tuple[str, ...]
    perfect: tuple[str, ...]
    nearly: Mapping[str, float] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def suspects(records: Sequence[Record], names: Iterable[str], target: Target) -> Suspects:
    """Look for columns that know the target, and better than by chance.

    Args:
        records: ``n`` of them.
        names: Of columns.
        target: Of these records.
    """
    copies: list[str] = []
    perfect: list[str] = []
    nearly: dict[str, float] = {}
    gaps: list[str] = []
    of: dict[str, tuple[str, ...]] = {}
    columns = list(names)
    looks = len(columns) * target.values.shape[1]
    for name in columns:
        rows = np.array([i for i, r in enumerate(records) if name in r.fields], dtype=np.intp)
        told = _gaps_tell(rows, len(records), target, looks)
        if told:
            gaps.append(name)
        values = [records[i].fields[name] for i in rows]
        verdicts = {} if len(rows) < _LEAST else _verdicts(values, target.take(rows), looks)
        if best := min((each for each, _ in verdicts.values()), default=None):
            told = [part for part, (each, _) in verdicts.items() if each == best]
            if best == _NEARLY_COPY:
                nearly[name] = max(share for each, share in verdicts.values() if each == best)
            else:
                (copies if best == _COPY else perfect).append(name)
        if told and target.values.shape[1] > 1:
            of[name] = tuple(told)
    return Suspects(tuple(copies), tuple(perfect), nearly, tuple(gaps), of)


def _verdicts(values: Sequence[Value], target: Target, looks: int) -> dict[str, tuple[int, float]]:
    """How a column tells each part of a target that it tells, and for which share of records."""
    found: dict[str, tuple[int, float]] = {}
    for part, known in _told(target):
        verdict = _of(values, known, looks)
        if verdict is not None:
            found[part] = (_COPY if verdict else _PERFECT), 1.0
        elif (share := _nearly(values, known, looks)) is not None:
            found[part] = _NEARLY_COPY, share
    return found


def _gaps_tell(rows: NDArray[np.intp], n: int, target: Target, looks: int) -> list[str]:
    """Parts of which an answer is right for the records that have a column, and for no others."""
    if n < _LEAST or not _FILLED <= len(rows) <= n - _FILLED or target.kind == "number":
        return []
    filled = np.zeros(n, dtype=bool)
    filled[rows] = True
    sizes = np.array([len(rows), n - len(rows)])
    found = []
    for part, column in _told(target):
        if target.kind == "survival" and part == target.names[0]:
            continue
        for own in (column == value for value in np.unique(column)):
            wrong = min(int((own != filled).sum()), int((own == filled).sum()))
            rarer = min(int(own.sum()), n - int(own.sum()))
            few = wrong <= min(max(1, _WRONG * n), (1 - _BEYOND) * rarer)
            answers = np.array([int(own.sum()), n - int(own.sum())])
            if few and surprising(log_chance_of_values(sizes, answers, wrong), looks):
                found.append(part)
                break
    return found


def unsuspected(
    records: Sequence[Record],
    plain: Mapping[str, Sequence[str]],
    columned: Columned,
    target: Target,
    notes: list[str],
) -> dict[str, list[str]]:
    """Columns without copies of the target, unless somebody wrote their names.

    Args:
        records: ``n`` of them.
        plain: Columns by view.
        columned: What was asked for.
        target: Of these records.
        notes: Told what is left out, and what is suspected.
    """
    named = {name for patterns in columned.patterns.values() for name in patterns}
    found = suspects(records, dict.fromkeys(n for names in plain.values() for n in names), target)
    gone = [name for name in found.copies if name not in named]
    notes += [
        f"column {name} left out: it says the same as {_part(found, target, name)}, value by "
        "value. Name it among the columns if it is known before the answer is"
        for name in gone
    ]
    kept = [*found.perfect, *(each for each in found.copies if each in named)]
    how = dict.fromkeys(kept, f"without a mistake, for 100 % {_HAVE}")
    how |= {
        name: f"like a copy with some other values, for {share:.1%} {_HAVE}"
        for name, share in found.nearly.items()
    }
    gaps = [name for name in found.gaps if name not in (*gone, *kept)]
    how = {**dict.fromkeys(gaps, "by whether a record has it at all"), **how}
    notes += [_suspicion(name, f"{_part(found, target, name)} {how[name]}") for name in how]
    left = {view: [n for n in names if n not in gone] for view, names in plain.items()}
    return {view: names for view, names in left.items() if names}


def _part(found: Suspects, target: Target, name: str) -> str:
    """What of a target a column tells."""
    told = [repr(each) for each in found.of.get(name, ())]
    if not told:
        return "the target"
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    noun = "column" if target.kind == "survival" else "label"
    return f"the {noun}{'s' * (len(told) > 1)} {', '.join(told[:_SHOWN])}{more}"


def _suspicion(name: str, what: str) -> str:
    gone = f"{WITHOUT}{name}"
    out = way(python=f"columns=[{gone!r}]", shell=f"--columns {shlex.quote(gone)}")
    return (
        f"suspect: column {name} tells {what}. If it is made from the answer, or known "
        f"only after it, leave it out: {out}"
    )


def named_in_texts(records: Sequence[Record], views: Iterable[str], target: Target) -> list[str]:
    """A suspicion for each view of texts nearly all of which name the answer.

    Args:
        records: ``n`` of them.
        views: Of media.
        target: Of these records.
    """
    if target.kind not in ("classes", "grades", "labels"):
        return []
    notes = []
    for view in views:
        rows = [i for i, r in enumerate(records) if view in r.items and r.items[view].captions]
        if len(rows) < _LEAST:
            continue
        said = [" ".join(records[i].items[view].captions) for i in rows]
        share = _named(said, target.take(np.array(rows, dtype=np.intp)))
        if share is not None:
            out = way(python="views=['OTHER']", shell="--view OTHER")
            notes.append(
                f"suspect: the texts of {view} name the answer in {share:.1%} of the records that "
                "have one. If they were written after the answer was known, take its name out of "
                f"them, or use other views only: {out}"
            )
    return notes


def _named(texts: Sequence[str], target: Target) -> float | None:
    """Share of texts that name the answer and no other one, if it is suspicious."""
    places = {name.casefold(): place for place, name in enumerate(target.names)}
    longest = sorted((re.escape(name) for name in places if name), key=len, reverse=True)
    names = re.compile(f"(?<![a-z0-9])(?:{'|'.join(longest)})(?![a-z0-9])")
    held = np.zeros((len(texts), len(target.names)), dtype=bool)
    for row, text in enumerate(texts):
        held[row, [places[name] for name in names.findall(text.casefold())]] = True
    if target.kind == "labels":
        truth = target.values > 0
    else:
        truth = np.eye(len(target.names), dtype=bool)[target.codes]
    right = float((held == truth).all(axis=1).mean())
    # What texts would name by chance: the same names, dealt to other records.
    kinds, own = np.unique(np.vstack([held, truth]), axis=0, return_inverse=True)
    shares = [np.bincount(part, minlength=len(kinds)) / len(texts)
              for part in np.split(own.reshape(-1), 2)]  # fmt: skip
    chance = float(shares[0] @ shares[1])
    beyond = right - chance >= _BEYOND * (1 - chance)
    return right if right >= _NAMED and beyond else None


def _told(target: Target) -> Iterator[tuple[str, F64]]:
    """What may be copied of a target, column by column, with its name; classes as they are."""
    for part, column in zip(target.names, target.values.T, strict=False):
        if target.kind == "number" or len(np.unique(column)) > 1:
            yield part, column


def _of(values: Sequence[Value], known: F64, looks: int) -> bool | None:
    """Whether a column is a copy; None where it does not even tell the target."""
    names, codes, sizes = _counted([str(v) for v in values])
    answers = np.unique(known, return_counts=True)[1]
    if len(names) * _COMES_AGAIN <= len(values):
        pairs = len(np.unique(np.column_stack([codes, known]), axis=0))
        chance = log_chance_of_values(sizes, answers, 0) if pairs == len(names) else 0.0
        if surprising(chance, looks):  # each value goes with one
            return pairs == len(answers)
    if any(isinstance(value, str) for value in values):
        return None
    numbers = np.array(values, dtype=np.float64)
    return _of_numbers(numbers, known, answers, looks)


def _counted(
    values: Sequence[str] | F64,
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Different values, which each record has, and how many records have each."""
    names, codes, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return names, codes.reshape(-1), sizes


def _nearly(values: Sequence[Value], known: F64, looks: int) -> float | None:
    """Share of records that a copy with a few other values, or in its order, tells; else None."""
    names, codes, sizes = _counted([str(v) for v in values])
    answers, truth, frequent = _counted(known)
    n = len(values)
    if len(answers) * _COMES_AGAIN > n:
        if len(names) * _COMES_AGAIN <= n or any(isinstance(value, str) for value in values):
            return None
        numbers = np.array(values, dtype=np.float64)
        share = max(_in_order(numbers, known), _in_order(numbers, -known))
        return share if share >= _MONOTONE else None
    if len(names) > _COMES_AGAIN * len(answers) or len(names) * _COMES_AGAIN > n:
        return None  # a number that is merely good, or a finer category
    table = np.zeros((len(names), len(answers)), dtype=np.intp)
    np.add.at(table, (codes, truth), 1)
    right, plain = int(table.max(axis=1).sum()), int(table.sum(axis=0).max())
    few = n - right <= max(1, _WRONG * n)
    if not few or right - plain < _BEYOND * (n - plain):
        return None
    by_chance = log_chance_of_values(sizes, frequent, n - right)
    return right / n if surprising(by_chance, looks) else None


def _in_order(numbers: F64, known: F64) -> float:
    """Share of the longest run of records in which one rises as the other does."""
    ends: list[float] = []
    for value in known[np.lexsort((known, numbers))].tolist():
        place = bisect_right(ends, value)
        ends[place : place + 1] = [value]
    return len(ends) / len(known)


def _of_numbers(numbers: F64, known: F64, answers: NDArray[np.intp], looks: int) -> bool | None:
    if numbers.std() == 0:
        return None
    if len(answers) > len(known) / _COMES_AGAIN:
        r = abs(float(np.corrcoef(numbers, known)[0, 1]))
        if r < _NEARLY or not surprising(log_chance_of_ranks(numbers, known), looks):
            return None
        return r >= _SAME
    codes = np.unique(known, return_inverse=True)[1].reshape(-1)
    parted = _parted(numbers, codes, len(answers))
    return False if parted and surprising(log_chance_of_bounds(answers), looks) else None


def _parted(numbers: F64, codes: NDArray[np.intp], different: int) -> bool:
    """Whether bounds between numbers part the classes."""
    order = np.argsort(numbers, kind="stable")
    numbers, codes = numbers[order], codes[order]
    turns = np.flatnonzero(np.diff(codes) != 0)
    apart = bool((numbers[turns] < numbers[turns + 1]).all())
    return apart and len(turns) == different - 1
