"""The order of records in which a predictor learns: by what they hold, not by where they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.artifact import content_hash
from isthmus.core.record import Record
from isthmus.fusion import Target


def by_content(records: Sequence[Record], target: Target) -> NDArray[np.intp]:
    """Places ``(n,)`` of records in an order that is the same however a file is sorted.

    Folds are dealt, and records are drawn, in the order of rows. So the same records make the same
    predictor. Records that hold the same are interchangeable.

    Args:
        records: ``n`` of them.
        target: Theirs.
    """
    rows = target.values.tolist()
    keys = [_key(record, row) for record, row in zip(records, rows, strict=True)]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def _key(record: Record, target: Sequence[float]) -> str:
    items = sorted((view, item.id) for view, item in record.items.items())
    held = items, sorted(record.fields.items()), record.group, target
    return content_hash(repr(held).encode(errors="surrogatepass"))
