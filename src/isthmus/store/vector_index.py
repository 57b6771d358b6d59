"""What a store asks of an index of its vectors, whatever library does the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.store.base import HubnessCorrection


class VectorIndex(Protocol):
    """Finds rows that are likely to be the best, so that not every row need be scored.

    What it finds is scored again, exactly. An index may miss a row, but it cannot give a row a
    wrong score. An index belongs to one state of the rows and does not change: what follows the
    rows is another index, though both may share what is large.
    """

    @classmethod
    def build(cls, views: Sequence[str], x: F32, hubness: F32, codes: NDArray[np.int8]) -> Self:
        """Make an index of all rows.

        Args:
            views: Of the space.
            x: ``(n, dim)`` unit vectors.
            hubness: ``(n, len(views))``.
            codes: ``(n,)`` place of each row's view in ``views``; −1 for another.
        """
        ...

    @classmethod
    def load(
        cls,
        path: Path,
        views: Sequence[str],
        row_of: Callable[[str], int | None],
        x: F32,
        hubness: F32,
        codes: NDArray[np.int8],
    ) -> Self | None:
        """Read what :meth:`save` wrote.

        Args:
            path: Of the file.
            views: Of the space.
            row_of: Says the number of a row, by id.
            x: ``(n, dim)``, all vectors.
            hubness: ``(n, len(views))``.
            codes: ``(n,)`` places of views.

        Returns:
            The index; None where there is no file, or it is damaged and must be made anew.
        """
        ...

    def save(self, path: Path, ids: Sequence[str]) -> None:
        """Write a file that holds no vector of an item.

        Args:
            path: Of the file.
            ids: Of the rows, in their order.
        """
        ...

    def __len__(self) -> int:
        """Rows of the store that it knows of."""
        ...

    def catch_up(self, x: F32, hubness: F32, codes: NDArray[np.int8]) -> Self:
        """With rows that came since, in a store that only grew; arguments as :meth:`build`."""
        ...

    def drop(self, keep: NDArray[np.bool_], codes: NDArray[np.int8]) -> Self:
        """Without rows that were removed.

        Args:
            keep: ``(rows before,)`` which of them stay.
            codes: ``(rows,)`` views of those that stay.
        """
        ...

    def find(
        self,
        query: F32,
        k: int,
        view: str | None,
        passing: NDArray[np.bool_] | None,
        correction: HubnessCorrection | None,
    ) -> NDArray[np.int64] | None:
        """Rows that are likely to hold the best ``k``, to be scored exactly.

        Args:
            query: ``(dim,)`` unit vector.
            k: How many are wanted.
            view: Only rows of this one.
            passing: ``(rows,)`` which pass a filter and are of the view; None for no filter.
            correction: How rows are ranked.

        Returns:
            Numbers of rows; None where all rows had better be looked at.
        """
        ...

    def outgrown(self, count: int) -> bool:
        """Whether a store of ``count`` rows has changed so much that it needs a new index."""
        ...
