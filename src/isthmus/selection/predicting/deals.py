"""How records are dealt: into outer folds for the estimate, and within each for its choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import count as counted
from isthmus.fusion.inner import deal
from isthmus.fusion.target import Target
from isthmus.selection.predicting.table import Cut, Split

_ROWS_SCORED = 600
"""Held-out rows over all deals of the final choice; with so many one deal says enough. As in
:mod:`isthmus.selection.select`."""
_MAX_DEALS = 4
_LEAST_HELD = 2
"""Records of a fold: of one alone no target can be dealt anew, so that no signal is ever seen."""


@dataclass(frozen=True, eq=False)
class Deals:
    """Cuts of records.

    Attributes:
        folds: ``(n,)``, the outer fold of each record.
        count: How many outer folds there are.
        singles: Cuts that leave one fold out: outer ones first, then those of further deals.
        doubles: Cuts that leave two outer folds out, by those two.
    """

    folds: NDArray[np.intp]
    count: int
    singles: tuple[Cut, ...]
    doubles: dict[tuple[int, int], Cut]

    @classmethod
    def of(
        cls,
        rows: PairedVectors,
        target: Target,
        links: NDArray[np.intp],
        *,
        folds: int,
        seed: int,
    ) -> Deals:
        """Deal records; those with one link stay together, classes are spread.

        What is fitted without folds f and g serves the choice of both: it is scored on g for the
        outer fold f, and on f for g. So a nested estimate takes ``K (K − 1) / 2`` fits, not
        ``K (K − 1)``.

        Raises:
            InputError: If folds would hold one record each.
        """
        _check_folds(folds, len(rows), len(np.unique(links)))
        grouped = replace(rows, groups=links)
        some = int(np.clip(round(_ROWS_SCORED / len(rows)), 1, _MAX_DEALS))
        dealt = [deal(grouped, target, folds, seed + turn) for turn in range(some)]
        first = dealt[0]
        count = int(first.max()) + 1
        singles = tuple(
            _cut(f"{turn}/{fold}", labels, (fold,))
            for turn, labels in enumerate(dealt)
            for fold in range(int(labels.max()) + 1)
        )
        doubles = {
            pair: _cut(f"0/{pair[0]}+{pair[1]}", first, pair)
            for pair in combinations(range(count), 2)
        }
        return cls(first, count, singles, doubles)

    @property
    def outer(self) -> tuple[Split, ...]:
        """Each outer fold, left out."""
        return tuple(Split(cut, fold) for fold, cut in enumerate(self.singles[: self.count]))

    @property
    def final(self) -> tuple[Split, ...]:
        """What the choice on all records may look at."""
        return tuple(Split(cut, fold) for cut in self.singles for fold in cut.held)

    def inner(self, fold: int) -> tuple[Split, ...]:
        """What the choice of an outer fold may look at: it is left out of everything."""
        others = [other for other in range(self.count) if other != fold]
        # Neighbours on the ring of folds first: the first rung looks at these.
        others.sort(key=lambda other: min((other - fold) % self.count, (fold - other) % self.count))
        return tuple(
            Split(self.doubles[min(fold, other), max(fold, other)], other) for other in others
        )

    @property
    def held(self) -> float:
        """Held-out rows for each training row, of a single cut."""
        return 1 / max(self.count - 1, 1)

    @property
    def held_inside(self) -> float:
        """The same of a split of a choice inside an outer fold."""
        return 1 / max(self.count - 2, 1)


def _check_folds(folds: int, records: int, groups: int) -> None:
    """Refuse so many folds that some hold one record alone, before anything is fitted."""
    most = records // _LEAST_HELD
    if min(folds, groups) > most:
        raise InputError(
            f"folds: {folds} of {counted(records, 'record')} would hold one record alone, which "
            f"can tell no signal from chance; {most} fit at most, and 5 to 10 are enough"
        )


def _cut(name: str, labels: NDArray[np.intp], folds: Sequence[int]) -> Cut:
    return Cut(
        name,
        np.flatnonzero(~np.isin(labels, folds)),
        {fold: np.flatnonzero(labels == fold) for fold in folds},
    )
