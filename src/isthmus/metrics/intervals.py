"""Figures with the interval in which their true value lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F64

NORMAL = 1.96
"""Standard errors to either side of a mean for 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval.

    Attributes:
        value: Estimated.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_mean(cls, values: F64) -> Interval:
        """The mean of independent values ``(n,)``: Wilson's where all are 0 or 1, else normal.

        Examples:
            >>> round(Interval.of_mean(np.array([0.0, 1.0, 1.0, 1.0])).low, 2)
            0.3
            >>> Interval.of_mean(np.array([0.5, 0.5])).high
            0.5
        """
        mean = float(values.mean())
        if np.isin(values, (0.0, 1.0)).all():
            return cls(mean, *wilson_interval(mean, len(values)))
        return cls.of_difference(values)

    @classmethod
    def of_difference(cls, gaps: F64) -> Interval:
        """The mean of paired differences ``(n,)``, normal; a single one may be anything."""
        mean = float(gaps.mean())
        if len(gaps) < 2:
            return cls(mean, -1.0, 1.0)
        half = NORMAL * float(gaps.std(ddof=1)) / float(np.sqrt(len(gaps)))
        return cls(mean, mean - half, mean + half)


def wilson_interval(share: float, n: int, z: float = NORMAL) -> tuple[float, float]:
    """95 % interval of a share that was counted on ``n`` queries (Wilson 1927).

    Examples:
        >>> low, high = wilson_interval(0.3, 130)
        >>> round(low, 3), round(high, 3)
        (0.228, 0.384)
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
