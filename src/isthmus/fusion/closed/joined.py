"""Moments of views joined with those of a target, which is one view more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.fusion.target import Kind, Target
from isthmus.moments.moments import Moments
from isthmus.moments.rows import of_rows

TARGET = "\0target"
"""Name of the target among the views of moments; no view of a user's can have it."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Moments of views and a target.

    Attributes:
        moments: Of the views and of :data:`TARGET`, whose last column is constant.
        kind: Of the target.
        width: Columns of its scores.
        origin: ``(width,)``, what was subtracted from the target, so that float32 holds it.
    """

    moments: Moments
    kind: Kind
    width: int
    origin: F64

    @classmethod
    def of(cls, rows: PairedVectors, target: Target, origin: F64 | None = None) -> Joined:
        """Of ``n`` records; an origin is that of the moments to which they will be added."""
        if origin is None:
            origin = origin_of(target)
        # A constant column keeps rows of a target from being only zeros.
        known = np.column_stack([target.matrix - origin, np.ones(len(target))])
        joined = {**rows.vectors, TARGET: known.astype(np.float32)}
        both = PairedVectors(joined, rows.present, encoders=rows.encoders)
        return cls(of_rows(both), target.kind, target.width, origin)

    def __add__(self, other: Joined) -> Joined:
        """Of the rows of both, which have one origin."""
        return replace(self, moments=self.moments + other.moments)

    def __sub__(self, other: Joined) -> Joined:
        """As if the rows of the other had never been seen.

        Raises:
            DataError: If that leaves no rows, or fewer than none of a view, a class or a label.
        """
        rest = replace(self, moments=self.moments - other.moments)
        left = rest.moments.count(TARGET)
        if left > 0 and rest.kind != "number":  # of each column, records that have it, and others
            have = (left * rest.mean).round(3)
            if min(*have, *(left - have)) < 0:
                raise DataError(
                    "cannot take out more records of a class or a label than were learned: rows "
                    "were forgotten that were never there, or twice"
                )
        if left == 0:
            raise DataError("these are all rows that were learned; make a new one instead")
        return rest

    @property
    def views(self) -> tuple[str, ...]:
        """The views without the target."""
        return tuple(view for view in self.moments.views if view != TARGET)

    @property
    def mean(self) -> F64:
        """Mean of the target less its origin, ``(width,)``."""
        return self.moments.mean(TARGET)[:-1]

    @property
    def regressed(self) -> F64:
        """From the target to what is regressed on, ``(width, m)``.

        The boundaries between grades share one direction, their sum, so that they cannot cross
        (proportional odds: McCullagh, "Regression models for ordinal data", 1980).
        """
        return np.ones((self.width, 1)) if self.kind == "grades" else np.eye(self.width)

    @property
    def prior(self) -> F64:
        """Scores of a record that lacks every view, ``(width,)``.

        Shares are counted with half a record more on each side (Krichevsky & Trofimov, 1981), so
        that a class nobody has is unlikely and not impossible.
        """
        count, mean = self.moments.count(TARGET), self.mean
        if self.kind == "classes":
            return np.log((count * mean + 0.5) / (count + 0.5 * self.width))
        if self.kind in ("labels", "grades"):
            odds: F64 = np.log((count * mean + 0.5) / (count * (1 - mean) + 0.5))
            return odds
        return mean + self.origin if self.kind == "number" else np.zeros(self.width)

    def cross(self, view: str) -> F64:
        """Covariance of a view with what is regressed on, ``(d, m)``."""
        return self.moments.cross(view, TARGET)[:, :-1] @ self.regressed

    def useful(self, view: str) -> bool:
        """Whether the records that have a view differ in it."""
        if self.moments.count(view) < 2:
            return False
        return self.moments.spread(view) > _CONSTANT * float(np.sum(self.moments.mean(view) ** 2))


_CONSTANT = 1e-12
"""Share of the squared mean below which the spread of float32 rows is rounding."""


def origin_of(target: Target) -> F64:
    """What is subtracted from a target, ``(width,)``: the mean of a number, else nothing."""
    mean: F64 = target.matrix.mean(axis=0)
    return mean if target.kind == "number" else np.zeros_like(mean)
