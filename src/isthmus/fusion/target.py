"""What is predicted: classes, labels, grades, a number, or the time until an event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F64, Array

Kind = Literal["classes", "labels", "grades", "number", "survival"]
DAYS = "days"
"""Unit of errors and widths where dates are predicted."""
KINDS: tuple[Kind, ...] = ("classes", "labels", "grades", "number", "survival")


_ROUNDING = 1e-9
"""By which an event between two events may miss them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers follow from standardised ones: ``origin + unit · standard``.

    Attributes:
        origin: Mean.
        unit: Standard deviation.
    """

    origin: float = 0.0
    unit: float = 1.0

    @classmethod
    def of(cls, values: F64) -> Scale:
        """Of numbers of any size; of one number, or none, nothing is scaled but the mean."""
        size = float(np.abs(values).max(initial=0.0))
        if not size:
            return cls()
        small = values / size  # squares of the numbers themselves could overflow
        unit = size * float(small.std()) if np.ptp(small) > 0 else 1.0
        return cls(size * float(small.mean()), unit or 1.0)


@dataclass(frozen=True, eq=False)
class Target:
    """What is known of each record, in the form that a fusion learns from.

    Attributes:
        kind: ``"classes"``: one of several; ``"labels"``: any number of several; ``"grades"``: one
            of several that have an order; ``"number"``; ``"survival"``: a time, and whether the
            event happened then or had not happened yet.
        values: ``(n, c)`` float64. Of classes and grades one column of codes ``0…k−1``; of labels
            ``k`` columns of 0 and 1; of a number one; of survival the time and the event (0, 1).
        names: Of the classes, labels or grades (lowest first); else the name of each column.
        standard: Whether a number is standardised, so that nothing that learns it scales it again.
        dates: Whether a number is a date, as days since 1970-01-01.

    Raises:
        InputError: For another kind.
        DataError: If values are not finite, have another number of columns, or are none that the
            kind may have.
    """

    kind: Kind
    values: F64
    names: tuple[str, ...]
    standard: bool = False
    dates: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"a target is one of {', '.join(KINDS)}, got {self.kind!r}")
        values = np.asarray(self.values, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        need = {"labels": len(self.names), "survival": 2}.get(self.kind, 1)
        if values.ndim != 2 or values.shape[1] != need:
            raise DataError(f"a target of {self.kind} needs values (n, {need}), got {values.shape}")
        if not np.isfinite(values).all():
            raise DataError("values of a target must be finite; leave rows without one out")
        _check_values(self.kind, values, len(self.names))
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def unit(self) -> str:
        """Of errors and widths: ``"days"`` for dates; empty where none is known."""
        return DAYS if self.dates else ""

    @property
    def width(self) -> int:
        """Columns of scores: one a class or label, one a boundary between grades, else one."""
        k = len(self.names)
        return {"classes": k, "labels": k, "grades": k - 1}.get(self.kind, 1)

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """Class or grade of each row, ``(n,)``."""
        if self.kind not in ("classes", "grades"):
            raise InputError(f"a target of {self.kind} has no codes")
        return self.values[:, 0].astype(np.intp)

    @cached_property
    def matrix(self) -> F64:
        """What a linear method regresses on, ``(n, width)``.

        One-hot classes; labels; whether a grade is above each boundary; the number; for survival
        the martingale residual of a model that knows nothing: the event less the cumulative
        hazard (Nelson and Aalen) until the time, to which one Newton step of Cox's model from
        zero is a regression (Therneau, Grambsch & Fleming, Biometrika 77, 1990).
        """
        if self.kind == "classes":
            return np.eye(len(self.names))[self.codes]
        if self.kind == "grades":
            above: F64 = (self.codes[:, None] > np.arange(self.width)).astype(np.float64)
            return above
        if self.kind == "survival":
            return martingale_residuals(self.values[:, 0], self.values[:, 1])[:, None]
        return self.values

    @property
    def ordered(self) -> bool:
        """Whether an event happened while another record was still followed; of survival."""
        times, events = self.values[:, 0], self.values[:, 1] > 0
        first = times[events].min(initial=np.inf)
        return bool((np.where(events, times > first, times >= first)).any())

    def take(self, rows: Array) -> Target:
        """The rows (indices or a mask), in that order; names stay."""
        return replace(self, values=self.values[rows])

    @property
    def scale(self) -> Scale:
        """What is taken off a number before it is learned; nothing if that was done before."""
        return Scale.of(self.values) if self.kind == "number" and not self.standard else Scale()

    def scaled(self, scale: Scale) -> Target:
        """A number standardised by a scale; other targets, and what is standardised, stay.

        It is rounded to float32, which moments hold: so the same numbers in another unit become
        the same to the last bit, and no choice between near equals turns on the unit.
        """
        if self.kind != "number" or self.standard:
            return self
        values = ((self.values - scale.origin) / scale.unit).astype(np.float32).astype(np.float64)
        return replace(self, values=values, standard=True)


def _check_values(kind: Kind, values: F64, names: int) -> None:
    """Refuse what a kind cannot have.

    Raises:
        DataError: With the first value that is none.
    """
    if kind in ("classes", "grades"):
        need = f"codes of {kind} are whole numbers from 0 to {names - 1}, one for each name"
        wrong = (values != np.round(values)) | (values < 0) | (values >= names)
    elif kind == "labels":
        need, wrong = "labels are 0 or 1", (values != 0) & (values != 1)
    elif kind == "survival":
        need = "of survival a time is not below 0, and an event is from 0 to 1"
        wrong = np.column_stack([values[:, 0] < 0, np.abs(values[:, 1] - 0.5) > 0.5 + _ROUNDING])
    else:
        return
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"row {row} (from 0) of the target: {need}; got {values[row, column]:g}")


def martingale_residuals(times: F64, events: F64) -> F64:
    """Event less the Nelson–Aalen cumulative hazard until each time, ``(n,)``.

    Args:
        times: ``(n,)``.
        events: ``(n,)``, 1 where the event happened at that time, 0 where it had not yet.

    Examples:
        >>> martingale_residuals(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        array([ 0.5, -0.5])
    """
    ends, place = np.unique(times, return_inverse=True)
    happened = np.bincount(place, weights=events, minlength=len(ends))
    at_risk = np.cumsum(np.bincount(place, minlength=len(ends))[::-1])[::-1]
    residuals: F64 = events - np.cumsum(happened / at_risk)[place]
    return residuals
