"""The index of a large store: cells, kept in a file as centroids and what lies in which.

The file holds no vector of an item. Cells are filled from the store's own vectors when the
index is opened.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.linalg import F32, Array
from isthmus.core.reading import parse_json, parse_tensors
from isthmus.core.validate import fitting
from isthmus.store._disk import read_checked, write_checked
from isthmus.store._training import train
from isthmus.store.base import HubnessCorrection
from isthmus.store.cells import ALL, Cells, Codes, Places, units_of

LEAST = 50_000
"""Rows of a store from which an index is worth it: below, an exact search takes under 10 ms."""
_GROWTH = 2.0
"""An index is made anew when a store has grown or shrunk by this factor."""
_MOST_PROBES = 2**20
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
        write_checked(path, save(tensors, metadata={"index": json.dumps(settings)}))

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
        try:
            saved = _read(path, views, x.shape[1])
        except (ArtifactError, FileNotFoundError):
            return None
        units = units_of(x, hubness)
        cells = Cells(saved.centroids, saved.owners, units, hubness.shape[1], saved.probes)
        known_rows = ((-1 if (row := row_of(each)) is None else row) for each in saved.ids)
        rows = np.fromiter(known_rows, np.int64, len(saved.ids))
        known = np.full(len(x), -1, dtype=np.int32)
        known[rows[rows >= 0]] = saved.cells[rows >= 0]
        for code in (each for each in cells.spans if each != ALL):
            span = cells.spans[code]
            placed = np.flatnonzero((codes == code) & (known >= span.start) & (known < span.stop))
            cells = cells.add(placed, code, x, hubness, known[placed])
            new = np.setdiff1d(np.flatnonzero(codes == code), placed, assume_unique=True)
            if len(new):
                cells = cells.add(new, code, x, hubness)
        index = cls(views, cells.trim(), saved.built)
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


@dataclass(frozen=True)
class _Settings:
    """What a file of an index holds as JSON."""

    views: tuple[str, ...]
    built: int
    probes: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class _Saved:
    """A file of an index, checked.

    Attributes:
        centroids: ``(cells, dim)``.
        owners: ``(cells,)`` views, ascending.
        cells: ``(n,)`` of the rows.
        ids: ``n`` of the rows.
        probes: By view or :data:`ALL`.
        built: See :class:`CellIndex`.
    """

    centroids: F32
    owners: Codes
    cells: NDArray[np.int32]
    ids: Sequence[str]
    probes: dict[int, int]
    built: int


def _read(path: Path, views: Sequence[str], dim: int) -> _Saved:
    """What :meth:`CellIndex.save` wrote.

    Raises:
        FileNotFoundError: If there is no file.
        ArtifactError: If it is damaged, or of other views or vectors.
    """
    texts, arrays = parse_tensors(read_checked(path), str(path))
    settings = from_document(
        _Settings, parse_json(texts.get("index", "").encode(), str(path)), str(path)
    )
    centroids = fitting({"centroids": arrays.pop("centroids", np.zeros(0))}, centroids="cd")
    count = len(centroids["centroids"])
    owners, cells = (_whole(arrays, name, path) for name in ("owners", "cells"))
    try:
        ids = arrays["ids"].tobytes().decode().split("\n")
    except (KeyError, UnicodeError) as error:
        raise IntegrityError(f"{path} is damaged: it has no ids") from error
    codes = {ALL, *owners.tolist()}
    probes = {code: settings.probes.get(str(code), 0) for code in codes}
    if not (
        settings.views == tuple(views)
        and settings.built >= 1
        and centroids["centroids"].shape[1] == dim
        and (owners.shape, cells.shape) == ((count,), (len(ids),))
        and bool((np.diff(owners) >= 0).all())
        and -1 <= owners.min() <= owners.max() < len(views)
        and 0 <= cells.min() <= cells.max() < count
        and all(1 <= each <= _MOST_PROBES for each in probes.values())
    ):
        raise IntegrityError(f"{path} is of another store")
    kinds = owners.astype(np.int8), cells.astype(np.int32)
    return _Saved(centroids["centroids"], *kinds, ids, probes, settings.built)


def _whole(arrays: Mapping[str, Array], name: str, path: Path) -> NDArray[np.int64]:
    found = arrays.get(name)
    if found is None or found.dtype.kind not in "iu" or found.ndim != 1 or not len(found):
        raise IntegrityError(f"{path} is damaged: it has no {name}")
    return found.astype(np.int64)
