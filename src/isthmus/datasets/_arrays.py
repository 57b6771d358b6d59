"""Arrays of NumPy as a table: each of one or two axes is a column, and row i of all is a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.linalg import Array
from isthmus.datasets._rows import Collector
from isthmus.media.arrays import PLURALS, cells, open_arrays

_BATCH = 1024


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
    columns = dict(arrays.columns)
    for plural, name in PLURALS.items():
        if name in columns and columns.pop(plural, None) is not None:
            collector.notes.append(f"{plural} is left out: {name} is there, too, and is read")
    names = [PLURALS.get(name, name) for name in columns]
    for start in range(0, len(arrays), _BATCH):
        parts = [
            _cells(x.part(start, start + _BATCH), f"{path}, {name}", start)
            for name, x in columns.items()
        ]
        for place, row in enumerate(zip(*parts, strict=True), start):
            yield f"row {place}", list(zip(names, row, strict=True))


def _cells(x: Array, source: str, first: int) -> Sequence[Any]:
    """Some rows of an array as cells."""
    return list(np.ascontiguousarray(x)) if x.ndim == 2 else cells(x, source, first)
