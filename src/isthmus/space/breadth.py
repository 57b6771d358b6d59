"""How broad a query is: how many items of a hundred it is expected to be about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F32, F64, l2_normalize


@dataclass(frozen=True, eq=False)
class Breadth:
    """A line through native vectors along which queries grow broad: "a duck", "a bird", "animals".

    Attributes:
        direction: ``(dim,)``, in native vectors of unit length.
        offset: Added to the product.
        low: What it says is no lower: the narrowest queries that it was learned from.
        high: And no higher.
    """

    direction: F64
    offset: float
    low: float
    high: float

    def of(self, native: F32) -> F32:
        """``(n,)`` logarithm of how many items of a hundred native vectors ``(n, dim)`` mean."""
        x = np.asarray(l2_normalize(native), dtype=np.float64)
        out = np.clip(x @ self.direction + self.offset, self.low, self.high)
        return np.asarray(out, dtype=np.float32)

    def row(self) -> F32:
        """``(1, dim + 3)``, as a space saves it."""
        ends = [self.offset, self.low, self.high]
        return np.concatenate([self.direction, ends]).astype(np.float32)[None]

    @classmethod
    def of_row(cls, row: F32) -> Breadth:
        """What :meth:`row` gave.

        Raises:
            ArtifactError: If its ends are out of order.
        """
        values = row[0].astype(np.float64)
        offset, low, high = (float(x) for x in values[-3:])
        if not low <= high:
            raise ArtifactError(f"a breadth lies between {low} and {high}, which is not possible")
        return cls(values[:-3], offset, low, high)
