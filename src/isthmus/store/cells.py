"""An inverted file: vectors in cells around centroids, of which a search looks at the nearest.

Every view has cells of its own, because vectors of two views lie apart: among those of
one that is asked for, the nearest cells are then the nearest of that view. Vectors are kept
in faiss as one byte a number; what they find is scored anew, exactly. Each column has a unit of its
own, by which vectors are divided and queries multiplied, which leaves their product as it is.
Hubness is a further column of every vector, so that

    2·cosine − strength·hubness = [2·query, −strength] · [vector, hubness]

and ranking with their correction costs what ranking without does. See Jégou, Douze & Schmid,
Product quantization for nearest neighbor search, 2011, for the inverted file, and
https://github.com/facebookresearch/faiss for the library.
"""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.store._faiss import InvertedFile

Places = NDArray[np.int64]
Codes = NDArray[np.int8]

_BLOCK = 16_384
_WIDEST = 0.25
"""Share of the cells from which looking at every row is no slower."""
_LANES = 16
"""Vectors are padded to a multiple of this, without which faiss takes seven times as long."""
_CORRECTED = 1.5
"""Times more cells where hubness is corrected for, which moves rows within their cells."""
_MORE = 8
"""Rows looked at beyond those asked for, to make good for rounding."""
_LARGEST = 127
"""Of the whole numbers that one byte holds."""
ALL = -2
"""Key of the probes for a search of every view."""


class Cells:
    """Vectors, each in the cell of its view whose centroid is nearest.

    Cells do not change. Those that :meth:`add` and :meth:`drop` return share the vectors, which
    only grow; which row of the store each of them is, they know by themselves. One thread at a
    time.

    Args:
        centroids: ``(cells, dim)`` unit vectors, those of a view next to one another.
        owners: ``(cells,)`` the view of each, as a code.
        units: ``(width,)``, see :func:`units_of`.
        columns: Columns of hubness.
        probes: Cells that a search for ten rows looks at, by view or :data:`ALL`.
    """

    def __init__(
        self, centroids: F32, owners: Codes, units: F32, columns: int, probes: dict[int, int]
    ) -> None:
        self.centroids, self.owners, self.columns = centroids, owners, columns
        self._units = units
        self.probes = dict(probes)
        self.rows: Places = np.zeros(0, dtype=np.int64)
        self.cells: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.spans = {ALL: slice(0, len(owners))}
        for code in np.unique(owners).tolist():
            mine = np.flatnonzero(owners == code)
            self.spans[code] = slice(int(mine[0]), int(mine[-1]) + 1)
        self._sums = np.zeros((len(centroids), columns))
        self._dropped = 0
        self._wide = widened(centroids, self._sums) / units
        self.width = self._wide.shape[1]
        self._file = InvertedFile(len(centroids), self.width)

    def add(
        self, rows: Places, code: int, x: F32, hubness: F32, cells: NDArray[np.int32] | None = None
    ) -> Self:
        """With further vectors of one view in their cells.

        Args:
            rows: Numbers ``(n,)`` of the rows in the store.
            code: Their view.
            x: All vectors of the store ``(rows, dim)``; those of ``rows`` are read.
            hubness: Of all rows ``(rows, columns)``.
            cells: Their cells ``(n,)``, where they are known.
        """
        span = self.spans[code]
        foreign = self._file.count - len(self.rows)  # vectors that others added
        placed = np.empty(len(rows), dtype=np.int32)
        for start in range(0, len(rows), _BLOCK):
            some = slice(start, start + _BLOCK)
            block, near = x[rows[some]], hubness[rows[some]]
            if cells is None:
                placed[some] = span.start + (block @ self.centroids[span].T).argmax(axis=1)
            else:
                placed[some] = cells[some]
            whole = np.rint(widened(block, near) / self._units)
            self._file.add(whole.clip(-_LARGEST, _LARGEST), placed[some].astype(np.int64))
            np.add.at(self._sums, placed[some], near)
        made = copy(self)
        made.rows = np.concatenate([self.rows, np.full(foreign, -1, dtype=np.int64), rows])
        made.cells = np.concatenate([self.cells, np.zeros(foreign, dtype=np.int32), placed])
        made._dropped = self._dropped + foreign
        counts = np.bincount(made.cells, minlength=len(self.centroids))[:, None]
        made._wide = widened(self.centroids, self._sums / np.maximum(counts, 1)) / self._units
        self._file.move(made._wide)
        return made

    def trim(self) -> Self:
        """The same without the room that vectors took to come in."""
        self._file.trim()
        return self

    def drop(self, places: Places) -> Self:
        """Without rows that were removed from the store.

        Args:
            places: New number ``(rows,)`` of every former row; −1 where it is gone.
        """
        made = copy(self)
        made.rows = np.where(self.rows >= 0, places[self.rows], -1)
        made._dropped = int(np.count_nonzero(made.rows < 0))
        return made

    def find(self, query: F32, k: int, code: int, *, corrected: bool = False) -> Places:
        """Rows that are likely to hold the best.

        Args:
            query: :func:`widened`, see the head of this module.
            k: How many are wanted.
            code: Of which view, or :data:`ALL`.
            corrected: Whether hubness is corrected for.

        Returns:
            Numbers of rows of the store, more than ``k`` where there are, in no order.
        """
        query = query * self._units
        wanted = min(k + _MORE + self._dropped, len(self.rows))
        if code == ALL:
            probes = self.probes_for(k, code, corrected=corrected)
            return self._rows_of(self._file.nearest(query, probes, wanted))
        span = self.spans[code]
        products = self._wide[span] @ query
        probes = min(self.probes_for(k, code, corrected=corrected), len(products))
        near = np.argpartition(products, -probes)[-probes:] + span.start
        return self._rows_of(self._file.within(query, near, wanted, None))

    def find_passing(
        self, query: F32, k: int, code: int, passing: NDArray[np.bool_], *, corrected: bool = False
    ) -> Places | None:
        """The same among rows that pass a filter, in the nearest cells that hold any.

        As many passing rows are looked at as there are rows without a filter, however few
        pass in each cell.

        Args:
            query: :func:`widened`.
            k: How many are wanted.
            code: Of which view, or :data:`ALL`.
            passing: ``(rows,)``, which rows of the store may be found.
            corrected: Whether hubness is corrected for.

        Returns:
            As :meth:`find`; None where so many cells would be looked at that scoring every row
            is no slower.
        """
        query = query * self._units
        span = self.spans[code]
        chosen = (self.rows >= 0) & passing[self.rows]
        counts = np.bincount(self.cells[chosen], minlength=len(self.centroids))
        holding = np.flatnonzero(counts[span]) + span.start
        if not len(holding):
            return np.zeros(0, dtype=np.int64)
        near = holding[np.argsort(-(self._wide[holding] @ query))]
        least = self.probes_for(k, code, corrected=corrected)
        enough = least * len(self.rows) / len(self.centroids)
        probes = int(np.searchsorted(np.cumsum(counts[near]), enough)) + 1
        probes = min(max(probes, least), len(near))
        if probes > max(_WIDEST * len(self.centroids), least):
            return None
        bits = np.packbits(chosen, bitorder="little")
        wanted = min(k + _MORE, len(self.rows))
        return self._rows_of(self._file.within(query, near[:probes], wanted, bits))

    def probes_for(self, k: int, code: int, *, corrected: bool = False) -> int:
        """Cells that a search for ``k`` rows looks at: more where more are wanted."""
        times = (1.0 if k <= 10 else float(np.sqrt(k / 10))) * (_CORRECTED if corrected else 1.0)
        return round(self.probes[code] * times)

    def _rows_of(self, labels: Places) -> Places:
        if self._file.count > len(self.rows):
            labels = labels[labels < len(self.rows)]
        found: Places = self.rows[labels]
        return found[found >= 0] if self._dropped else found


def widened(x: F32, hubness: NDArray[np.floating]) -> F32:
    """Vectors ``(n, dim)`` and hubness ``(n, columns)`` side by side, padded with zeros."""
    used = x.shape[1] + hubness.shape[1]
    out: F32 = np.zeros((len(x), -(-used // _LANES) * _LANES), dtype=np.float32)
    out[:, : x.shape[1]], out[:, x.shape[1] : used] = x, hubness
    return out


def units_of(x: F32, hubness: F32) -> F32:
    """What the numbers of each column of :func:`widened` vectors are counted in, ``(width,)``.

    The largest of these rows just fits into a byte; larger ones that come later are cut off, which
    costs a little of what is found.
    """
    ends = [np.maximum(part.max(axis=0), -part.min(axis=0)) for part in (x, hubness)]
    wide = widened(ends[0][None], ends[1][None])[0]
    units: F32 = np.where(wide > 0, wide / np.float32(_LARGEST), np.float32(1))
    return units
