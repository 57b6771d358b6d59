"""Columns that know the target: copies of it, and what tells it without a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.fields import Value
from isthmus.core.linalg import F64
from isthmus.core.record import Record
from isthmus.fusion import Target

_LEAST = 20
"""Records that must have a column, before it is suspected: among fewer, one in many columns parts
two classes by chance."""
_SAME = 1 - 1e-9
_NEARLY = 0.999
"""Correlation with a number from which on a column is suspected."""
_COMES_AGAIN = 2
"""Records that share a value on average, where a category is suspected."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """Columns that know the target.

    Attributes:
        copies: They say the same as the target, value by value.
        perfect: They tell it without a mistake.
    """

    copies: tuple[str, ...]
    perfect: tuple[str, ...]


def suspects(records: Sequence[Record], names: Iterable[str], target: Target) -> Suspects:
    """Look for columns that know the target.

    Args:
        records: ``n`` of them.
        names: Of columns.
        target: Of these records.
    """
    copies: list[str] = []
    perfect: list[str] = []
    for name in names:
        rows = np.array([i for i, r in enumerate(records) if name in r.fields], dtype=np.intp)
        if len(rows) < _LEAST:
            continue
        values = [records[i].fields[name] for i in rows]
        for known in _told(target.take(rows)):
            verdict = _of(values, known)
            if verdict is not None:
                (copies if verdict else perfect).append(name)
                break
    return Suspects(tuple(copies), tuple(perfect))


def _told(target: Target) -> list[F64]:
    """What may be copied of a target, column by column; classes as they are."""
    if target.kind == "number":
        return [target.values[:, 0]]
    return [column for column in target.values.T if len(np.unique(column)) > 1]


def _of(values: Sequence[Value], known: F64) -> bool | None:
    """Whether a column is a copy; None where it does not even tell the target."""
    names, codes = np.unique([str(v) for v in values], return_inverse=True)
    different = len(np.unique(known))
    if len(names) * _COMES_AGAIN <= len(values):
        pairs = len(np.unique(np.column_stack([codes, known]), axis=0))
        if pairs == len(names):  # each value goes with one
            return pairs == different
    if any(isinstance(value, str) for value in values):
        return None
    numbers = np.array(values, dtype=np.float64)
    return _of_numbers(numbers, known, different)


def _of_numbers(numbers: F64, known: F64, different: int) -> bool | None:
    if numbers.std() == 0:
        return None
    if different > len(known) / _COMES_AGAIN:
        r = abs(float(np.corrcoef(numbers, known)[0, 1]))
        return True if r >= _SAME else False if r >= _NEARLY else None
    return False if _parted(numbers, known.astype(np.intp), different) else None


def _parted(numbers: F64, codes: NDArray[np.intp], different: int) -> bool:
    """Whether bounds between numbers part the classes."""
    order = np.argsort(numbers, kind="stable")
    numbers, codes = numbers[order], codes[order]
    turns = np.flatnonzero(np.diff(codes) != 0)
    apart = bool((numbers[turns] < numbers[turns + 1]).all())
    return apart and len(turns) == different - 1
