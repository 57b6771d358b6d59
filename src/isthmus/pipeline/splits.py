"""Splits of records into folds that no group and no double straddles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.near import near_vectors, same_vectors
from isthmus.core.paired import PairedVectors
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


def doubled(pairs: PairedVectors, near: Mapping[str, bool]) -> dict[str, NDArray[np.intp]]:
    """Which records have the same item of a view, or nearly, as its vectors tell.

    A file that was saved again has other bytes, and so another id, but hardly another vector.

    Args:
        pairs: ``n`` records.
        near: By view, whether its vectors are those of an encoder, of which near ones are of one
            thing; else only equal ones are, up to rounding.

    Returns:
        By view, ``(n,)`` codes, −1 where a record lacks it.
    """
    found = {}
    for view, close in near.items():
        rows = pairs.rows(view)
        codes = np.full(len(pairs), -1, dtype=np.intp)
        if len(rows):
            x = pairs.vectors[view][rows]
            codes[rows] = near_vectors(x) if close else same_vectors(x)
        found[view] = codes
    return found


@dataclass(frozen=True, eq=False)
class Together:
    """Records that stay on one side of every split.

    Attributes:
        links: ``(n,)`` labels; records with one stay together.
        joined: By view, how many records are the same as another one that they stay with.
        apart: By view, how many are the same as one that they do not stay with, because too many
            would.
    """

    links: NDArray[np.intp]
    joined: Mapping[str, int]
    apart: Mapping[str, int]


def keep_together(
    links: NDArray[np.intp], doubles: Mapping[str, NDArray[np.intp]], most: float
) -> Together:
    """Join what is linked and is doubled, the smallest families of doubles first.

    Args:
        links: ``(n,)`` labels of what stays together anyway.
        doubles: By view, ``(n,)`` codes; records with one are the same, those below 0 are alone.
        most: Records that doubles may add to what is together: a fold's worth, past which records
            could not be dealt any more. A family that would add more is left apart.
    """
    found = [
        (view, rows)
        for view, codes in doubles.items()
        for rows in np.split(np.argsort(codes, kind="stable"), _turns(codes))
        if len(rows) > 1 and codes[rows[0]] >= 0
    ]
    joined, apart = dict.fromkeys(doubles, 0), dict.fromkeys(doubles, 0)
    label = np.unique(links, return_inverse=True)[1]
    members = {code: [row] for code, row in enumerate(np.split(np.argsort(label, kind="stable"),
                                                               _turns(label)))}  # fmt: skip
    core = {code: len(rows[0]) for code, rows in members.items()}
    for view, rows in sorted(found, key=lambda each: len(each[1])):
        codes = np.unique(label[rows]).tolist()
        if len(codes) > 1:
            all_of = [part for code in codes for part in members[code]]
            largest = max(core[code] for code in codes)
            if sum(map(len, all_of)) - largest > most:
                apart[view] += len(rows)
                continue
            into, *others = codes
            members[into], core[into] = all_of, largest
            for code in others:
                for part in members.pop(code):
                    label[part] = into
        joined[view] += len(rows)
    return Together(np.unique(label, return_inverse=True)[1], joined, apart)


def _turns(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where sorted codes change."""
    return np.flatnonzero(np.diff(np.sort(codes))) + 1


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
