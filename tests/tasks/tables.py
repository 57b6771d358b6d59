"""Records of a small table."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.fields import Value
from isthmus.core.record import Dataset, Record


def rows(**columns: Sequence[Value | None]) -> Dataset:
    """One record a row, of columns by name; None is missing."""
    listed = zip(*columns.values(), strict=True)
    return Dataset(
        "d",
        [
            Record(
                str(i),
                {},
                fields={n: v for n, v in zip(columns, row, strict=True) if v is not None},
            )
            for i, row in enumerate(listed)
        ],
    )
