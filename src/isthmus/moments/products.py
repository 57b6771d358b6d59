"""Sums and products of blocks of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64


class Block(NamedTuple):
    """Rows ``(n, d)`` less an origin ``(d,)``, their sum, and the sum as they came in."""

    rows: NDArray[np.floating]
    origin: F64 | None
    offsets: F64
    total: F64

    @classmethod
    def of(cls, rows: NDArray[np.floating], origin: NDArray[np.floating] | None) -> Block:
        """Rows from which an origin was subtracted, or None."""
        offsets = column_sums(rows)
        if origin is None:
            return cls(rows, None, offsets, offsets)
        exact = origin.astype(np.float64)
        return cls(rows, exact, offsets, offsets + len(rows) * exact)

    def take(self, mask: NDArray[np.bool_]) -> Block:
        """The rows of a mask."""
        return self if mask.all() else Block.of(self.rows[mask], self.origin)


def column_sums(rows: NDArray[np.floating]) -> F64:
    """Sums ``(d,)`` of the columns of rows ``(n, d)``."""
    # BLAS sums columns several times faster than a reduction along the first axis.
    out: F64 = (np.ones(len(rows), dtype=rows.dtype) @ rows).astype(np.float64)
    return out


def product(x: Block, y: Block) -> NDArray[np.floating]:
    """``Σxyᵀ`` of the rows as they came in."""
    # An array times its own transpose lets BLAS do half the work.
    product = x.rows.T @ y.rows
    if x.origin is None or y.origin is None:
        return product
    left, right = np.stack([x.origin, x.offsets]), np.stack([y.total, y.origin])
    out: NDArray[np.floating] = left.T @ right
    out += product
    return out


def accumulate(total: F64, product: NDArray[np.floating], weight: float) -> None:
    """Add a product to a total in place."""
    total += product if weight == 1.0 else weight * product
