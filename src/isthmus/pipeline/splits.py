"""Splits of records into folds that no group straddles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.record import Record
from isthmus.core.rows import deal, families
from isthmus.core.wording import way

FOLDS = 5


def linked_groups(records: Sequence[Record], *, by_group: bool = True) -> NDArray[np.intp]:
    """Label records so that those that must stay on one side share a label.

    Records are linked by sharing an item (the same picture with two captions, the same
    caption for two sounds) and, if asked, by a group of the user's.

    Args:
        records: ``n`` records.
        by_group: Whether ``record.group`` links.

    Returns:
        ``(n,)`` labels ``0…g−1``, in order of first appearance.
    """
    first = families([_keys(record, by_group) for record in records])
    return np.unique(first, return_inverse=True)[1]


def _keys(record: Record, by_group: bool) -> list[tuple[str, str]]:
    keys = [("item", item.id) for item in record.items.values()]
    if by_group and record.group is not None:
        keys.append(("group", record.group))
    return keys


def fold_labels(groups: NDArray[np.intp], *, folds: int = FOLDS, seed: int = 0) -> NDArray[np.intp]:
    """Deal groups into folds of nearly equal size.

    Groups are dealt in random order, the large ones first, each to the smallest fold.

    Args:
        groups: ``(n,)`` labels.
        folds: At most this many; fewer where there are fewer groups.
        seed: Of the order.

    Returns:
        ``(n,)`` fold of each row, ``0…folds−1``.

    Raises:
        DataError: If everything is one group.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    if min(folds, int(codes.max(initial=0)) + 1) < 2:
        raise DataError(
            "all records belong to one group, by its label or because they share an item (for "
            "example the same caption), so no record can be held out. Give records different "
            "items, use more groups (each sub-folder is a group), or ignore the labels: "
            + way(python="by_group=False", shell="--no-groups")
        )
    return deal(codes, folds, seed)
