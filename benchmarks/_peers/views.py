"""How a view is scaled and turned before a linear method sees it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isthmus.core.linalg import F64, l2_normalize

Scaling = Literal["rows", "whole", "columns"]


class Axes:
    """Scale a view, centre it, and turn it onto the principal axes of its training rows.

    A linear method that is indifferent to rotations gives the same on these coordinates as
    on the view itself, only sooner where rows are fewer than columns; the leading ones are
    what principal component analysis gives.

    Args:
        x: ``(n, d)`` training rows.
        scaling: ``rows`` gives each row unit length, ``columns`` each column unit variance,
            and ``whole`` divides by one number, so that the mean variance is 1.

    Attributes:
        rank: Number of axes.
    """

    def __init__(self, x: F64, scaling: Scaling = "rows") -> None:
        self.scaling = scaling
        self.scale = _spread(x, scaling)
        rows = self._scaled(x)
        self.mean = rows.mean(axis=0)
        self.axes = principal(rows - self.mean)
        self.rank = self.axes.shape[1]

    def __call__(self, x: F64, size: int | None = None) -> F64:
        """Coordinates on the leading axes, ``(m, size)``."""
        found: F64 = (self._scaled(x) - self.mean) @ self.axes[:, :size]
        return found

    def _scaled(self, x: F64) -> F64:
        return l2_normalize(x) if self.scaling == "rows" else x / self.scale


def _spread(x: F64, scaling: Scaling) -> F64:
    if scaling == "rows":
        return np.ones(1)
    spread = np.atleast_1d(x.std(axis=0) if scaling == "columns" else np.sqrt(x.var(axis=0).mean()))
    found: F64 = np.where(spread > 1e-9 * max(float(spread.max()), 1e-300), spread, 1.0)
    return found


def principal(centred: F64) -> F64:
    """Principal axes of centred rows in columns, leading ones first, those of no length left out.

    Raises:
        ValueError: If all rows are the same.
    """
    few = len(centred) <= centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if few else centred.T @ centred)
    length, vectors = np.sqrt(np.maximum(values[::-1], 0)), vectors[:, ::-1]
    if not length[0] > 0:
        raise ValueError("all rows of a view are the same")
    keep = length > 1e-6 * length[0]
    found: F64 = centred.T @ vectors[:, keep] / length[keep] if few else vectors[:, keep]
    return found
