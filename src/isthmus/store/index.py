"""The index of a large store: cells, kept in a file as centroids and what lies in which.

The file holds no vector of an item. Cells are filled from the store's own vectors when the
index is opened.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import write_atomically
from isthmus.core.linalg import F32, Array
from isthmus.store._training import train
from isthmus.store.base import HubnessCorrection
from isthmus.store.cells import ALL, Cells, Codes, Places

LEAST = 50_000
"""Rows of a store from which an index is worth it: below, an exact search takes under 10 ms."""
_GROWTH = 2.0
"""An index is made anew when a store has grown or shrunk by this factor."""
_FEW = 20_000
"""Rows that pass a filter, up to which they are scored one by one."""


class CellIndex:
    """A :class:`isthmus.store.vector_index.VectorIndex` of cells, kept by faiss.

    Args:
        views: Of the space, in the order of the columns of hubness.
        cells: Of the rows.
        built: Rows there were when the centroids were made.
    """

    def __init__(self, views: Sequence[str], cells: Cells, built: int) -> None:
        self.views, self.built = tuple(views), built
        self._cells = cells
        self._seen = 0
        self._rest: Places = np.zeros(0, dtype=np.int64)
        self._rest_codes: Codes = np.zeros(0, dtype=np.int8)
        self._lock = threading.Lock()

    @classmethod
    def build(cls, views: Sequence[str], x: F32, hubness: F32, codes: Codes) -> Self:
        """Make cells for all rows."""
        index = cls(views, train(x, hubness, codes), len(x))
        index._note(codes)
        return index

    def __len__(self) -> int:
        return self._seen

    def catch_up(self, x: F32, hubness: F32, codes: Codes) -> Self:
        """With rows in cells that came since, in a store that only grew."""
        if len(x) == self._seen:
            return self
        made = copy(self)
        new = np.arange(self._seen, len(x))
        fresh = codes[self._seen :]
        with self._lock:
            for code in np.unique(fresh).tolist():
                if code in self._cells.spans:
                    made._cells = made._cells.add(new[fresh == code], code, x, hubness)
        made._note(codes)
        return made

    def drop(self, keep: NDArray[np.bool_], codes: Codes) -> Self:
        """Without rows that were removed."""
        made = copy(self)
        made._cells = self._cells.drop(np.where(keep, np.cumsum(keep) - 1, -1))
        made._note(codes)
        return made

    def find(
        self,
        query: F32,
        k: int,
        view: str | None,
        passing: NDArray[np.bool_] | None,
        correction: HubnessCorrection | None,
    ) -> Places | None:
        """Rows in the nearest cells, and those that are in no cell."""
        if passing is not None and np.count_nonzero(passing) <= max(_FEW, k):
            return np.flatnonzero(passing)
        code = ALL if view is None else self.views.index(view)
        rest = self._rest if code == ALL else self._rest[self._rest_codes == code]
        if passing is not None:
            rest = rest[passing[rest]]
        if code not in self._cells.spans:
            return rest
        wide = self._query(query, correction)
        with self._lock:
            if passing is None:
                found: Places | None = self._cells.find(
                    wide, k, code, corrected=correction is not None
                )
            else:
                found = self._cells.find_passing(
                    wide, k, code, passing, corrected=correction is not None
                )
        return found if found is None or not len(rest) else np.concatenate([found, rest])

    def outgrown(self, count: int) -> bool:
        """Whether the store has changed so much that the centroids should be made anew."""
        outside = len(self._rest) > LEAST
        return outside or not self.built / _GROWTH <= count <= self.built * _GROWTH

    def save(self, path: Path, ids: Sequence[str]) -> None:
        """Write centroids, and the cells of the rows whose ids are given in their order."""
        from safetensors.numpy import save

        cells = self._cells
        there = cells.rows >= 0
        names = "\n".join(ids[row] for row in cells.rows[there].tolist())
        tensors: dict[str, Array] = {
            "centroids": cells.centroids,
            "owners": cells.owners,
            "cells": cells.cells[there],
            "ids": np.frombuffer(names.encode(), dtype=np.uint8),
        }
        probes = {str(code): count for code, count in cells.probes.items()}
        settings = {
            "views": self.views,
            "built": self.built,
            "probes": probes,
        }
        data = save(tensors, metadata={"index": json.dumps(settings)})
        write_atomically(path, zlib.crc32(data).to_bytes(4, "little") + data)

    @classmethod
    def load(
        cls,
        path: Path,
        views: Sequence[str],
        row_of: Callable[[str], int | None],
        x: F32,
        hubness: F32,
        codes: Codes,
    ) -> Self | None:
        """Fill the cells of a file from the vectors of a store."""
        read = _read(path)
        if read is None or read[0]["views"] != list(views):
            return None
        settings, arrays = read
        probes = {int(code): count for code, count in settings["probes"].items()}
        centroids: F32 = arrays["centroids"].astype(np.float32, copy=False)
        owners: Codes = arrays["owners"].astype(np.int8, copy=False)
        cells = Cells(centroids, owners, hubness.shape[1], probes)
        ids = arrays["ids"].tobytes().decode().split("\n")
        known_rows = ((-1 if (row := row_of(each)) is None else row) for each in ids)
        rows = np.fromiter(known_rows, np.int64, len(ids))
        known = np.full(len(x), -1, dtype=np.int32)
        known[rows[rows >= 0]] = arrays["cells"][rows >= 0]
        for code in (each for each in cells.spans if each != ALL):
            placed = np.flatnonzero((codes == code) & (known >= 0))
            cells = cells.add(placed, code, x, hubness, known[placed])
            new = np.flatnonzero((codes == code) & (known < 0))
            if len(new):
                cells = cells.add(new, code, x, hubness)
        index = cls(views, cells, settings["built"])
        index._note(codes)
        return index

    def _query(self, query: F32, correction: HubnessCorrection | None) -> F32:
        """The query as :func:`widened` would make it, with weights for hubness."""
        row: F32 = np.zeros(self._cells.width, dtype=np.float32)
        row[: len(query)] = query
        if correction is not None:
            row[: len(query)] *= 2
            row[len(query) + self.views.index(correction.view)] = -correction.strength
        return row

    def _note(self, codes: Codes) -> None:
        """Remember which rows are in no cell, and how many rows there are."""
        inside = np.isin(codes, list(self._cells.spans))
        self._rest = np.flatnonzero(~inside).astype(np.int64)
        self._rest_codes = codes[self._rest]
        self._seen = len(codes)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """Settings and arrays of a file; None where its checksum does not match."""
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < 12 or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
        return None
    length = int.from_bytes(data[4:12], "little")
    header = json.loads(data[12 : 12 + length])
    return json.loads(header["__metadata__"]["index"]), load(data[4:])
