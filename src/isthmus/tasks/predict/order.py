"""The order of records in which a predictor learns: by what they hold, not by where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash
from isthmus.core.fields import Value
from isthmus.core.record import Record
from isthmus.fusion import Target


def by_content(records: Sequence[Record], target: Target, own: Iterable[str]) -> NDArray[np.intp]:
    """Places ``(n,)`` of records in an order that is the same however a file is sorted.

    Folds are dealt, and records are drawn, in the order of rows. So the same records make the same
    predictor. Of a number only its place among the others counts, so that no unit changes anything.
    Records that hold the same are interchangeable.

    Args:
        records: ``n`` of them.
        target: Theirs; it decides among records that are otherwise the same.
        own: Columns that say what is predicted.
    """
    names = sorted({name for record in records for name in record.fields}.difference(own))
    places = np.full((len(records), len(names)), -1, dtype=np.int32)
    for column, name in enumerate(names):
        places[:, column] = _places([record.fields.get(name) for record in records])
    rows = target.values.tolist()
    keys = [(_hash(r, place.tobytes()), row) for r, place, row in zip(records, places, rows,
                                                                      strict=True)]  # fmt: skip
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def _places(values: Sequence[Value | None]) -> list[int]:
    """Where each value stands among the different ones, numbers first; −1 for a missing one."""
    there = {value for value in values if value is not None and value == value}
    texts = sorted(value for value in there if isinstance(value, str))
    order: list[Value] = [*sorted(v for v in there if not isinstance(v, str)), *texts]
    place: dict[Value | None, int] = {value: number for number, value in enumerate(order)}
    return [place.get(value, -1) for value in values]


def _hash(record: Record, places: bytes) -> str:
    items = sorted((view, item.id) for view, item in record.items.items())
    return content_hash(repr((items, record.group)).encode(errors="surrogatepass") + places)
