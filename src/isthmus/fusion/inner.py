"""Folds inside a fit: scores of training records by fusions that have not seen them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import deal as dealt
from isthmus.core.wording import count
from isthmus.fusion.base import Fusion
from isthmus.fusion.target import Target

Labels = NDArray[np.intp]


def group_codes(rows: PairedVectors) -> Labels:
    """Number of the group of each record, ``(n,)``; a record without one is alone in its own."""
    if rows.groups is None:
        return np.arange(len(rows))
    keys = [("", i) if group is None else (str(group), -1) for i, group in enumerate(rows.groups)]
    number: dict[tuple[str, int], int] = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.intp)


def deal(rows: PairedVectors, target: Target, folds: int = 5, seed: int = 0) -> Labels:
    """Fold of each record: groups stay whole, and classes are spread as far as they allow.

    The largest groups are dealt first, each to the fold that has fewest of its class, then
    fewest records.

    Args:
        rows: ``n`` records.
        target: Of the same records.
        folds: How many; fewer where there are fewer groups.
        seed: Of the order of groups of one size.

    Returns:
        ``(n,)``, from 0.

    Raises:
        DataError: If all records are of one group, or there are fewer than two.
    """
    if len(rows) < 2:
        raise DataError(f"{count(len(rows), 'record')}; need at least 2, so that one is held out")
    groups = group_codes(rows)
    if not groups.any():
        raise DataError(
            f"all {len(rows)} records are of one group, so none can be held out; leave groups out "
            "if records can be told apart"
        )
    return dealt(groups, folds, seed, _kinds(target))


def _kinds(target: Target) -> Labels:
    """What is to be spread: the class, the grade, whether the event happened; else nothing."""
    if target.kind in ("classes", "grades"):
        return target.codes
    if target.kind == "survival":
        return target.values[:, 1].astype(np.intp)
    return np.zeros(len(target), dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Cut:
    """Records without a fold, and those of the fold.

    Attributes:
        rows: Without it.
        target: Of these.
        memo: What is shared by all that is fitted on these.
        held: ``(h,)``, places of the records of the fold.
    """

    rows: PairedVectors
    target: Target
    memo: Memo
    held: Labels


def cuts(rows: PairedVectors, target: Target, memo: Memo, folds: int, seed: int) -> list[Cut]:
    """One cut for each fold of :func:`deal`, the same for all that share the memo.

    Args:
        rows: The records.
        target: Of the same records.
        memo: Of these records.
        folds: As for :func:`deal`.
        seed: As for :func:`deal`.
    """

    def made() -> list[Cut]:
        labels = deal(rows, target, folds, seed)
        found = []
        for fold in range(int(labels.max()) + 1):
            kept, held = np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)
            found.append(Cut(rows.take(kept), target.take(kept), Memo(), held))
        return found

    return memo.get(("cuts", folds, seed), made)


def out_of_fold(make: Callable[[], Fusion], rows: PairedVectors, among: Sequence[Cut]) -> F64:
    """Scores of records by fusions that were fitted without their fold, ``(n, width)``.

    Args:
        make: Makes an unfitted fusion.
        rows: ``n`` records.
        among: Their cuts.
    """
    scores = np.zeros((len(rows), among[0].target.width))
    for cut in among:
        fusion = make().fit(cut.rows, cut.target, memo=cut.memo)
        scores[cut.held] = fusion.scores(rows.take(cut.held))
    return scores
