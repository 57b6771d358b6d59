"""Arrays of NumPy as a table: each of one or two axes is a column, and row i of all is a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.linalg import Array
from isthmus.datasets._rows import Collector
from isthmus.media.arrays import IDS, cell_text, open_arrays

_BATCH = 1024
_PLURALS = {"groups": "group", "languages": "language", "splits": "split"}


def read_arrays(path: Path, collector: Collector) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Rows of a file of arrays, or of a folder of them: what each is known by, and its cells.

    A cell of an array of two axes is a vector ``(dim,)``, of others a number or a text. Rows are
    counted from 0, as NumPy does.

    Args:
        path: Of the file or folder.
        collector: Told of what is no column.

    Raises:
        MediaError: If it cannot be read, or its arrays do not belong together.
    """
    arrays = open_arrays(path)
    collector.notes += [
        f"{name} is left out: it is one value, and a column has a value for each row"
        for name in arrays.left_out
    ]
    names = {name: _column(name) for name in arrays.columns}
    for start in range(0, len(arrays), _BATCH):
        parts = [_cells(x[start : start + _BATCH]) for x in arrays.columns.values()]
        for place, cells in enumerate(zip(*parts, strict=True), start):
            yield f"row {place}", list(zip(names.values(), cells, strict=True))


def _column(name: str) -> str:
    """What a column of a table is called."""
    return IDS[0] if name in IDS else _PLURALS.get(name, name)


def _cells(x: Array) -> Sequence[Any]:
    """Some rows of an array as cells."""
    if x.ndim == 2:
        return list(np.ascontiguousarray(x))
    if x.dtype.kind == "M":
        days = np.datetime_as_string(x.astype("datetime64[s]"))
        return [None if each == "NaT" else str(each).removesuffix("T00:00:00") for each in days]
    return [cell_text(each) for each in x] if x.dtype.kind == "S" else x.tolist()
