"""Several aligners side by side in one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import Aligner
from isthmus.aligners.heads import ConcatHead
from isthmus.aligners.traits import Abilities
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors, Pairs

_SAMPLE = 1000
"""Records whose cosines give the spread. Chosen, not tuned."""
_LEAST_SPREAD = 1e-6
"""Of an aligner that maps everything to one place."""


class Ensemble(Aligner):
    """Add the standardised cosines of several aligners, as one concatenated head.

    The cosines of one aligner may spread ten times as wide as another's; each weight is
    therefore divided by the spread of that aligner's cosines between records that do not
    belong together.

    Args:
        members: The aligners.
        weights: How much each counts, after standardising; None means equally.
    """

    name = "ensemble"
    abilities = Abilities(missing_rows=True, many_views=True)

    def __init__(self, members: Sequence[Aligner], weights: Sequence[float] | None = None) -> None:
        self.members, self.weights = members, weights
        each = self._weights()
        if not members or len(members) != len(each):
            raise InputError(
                f"an ensemble needs one weight for each of its members, got "
                f"{len(each)} for {len(members)}"
            )
        if min(each) <= 0:
            raise InputError(f"weights must be positive, got {each}")

    def fit(self, pairs: Pairs) -> Self:
        """Fit every member on the same rows."""
        pairs = self.admit(pairs)
        for member in self.members:
            member.fit(pairs)
        return self.combine(pairs)

    def combine(self, pairs: PairedVectors) -> Self:
        """Join members that are already fitted; ``pairs`` only gives the spreads."""
        scaled = [
            weight / spread(_mapping(member, pairs), pairs)
            for member, weight in zip(self.members, self._weights(), strict=True)
        ]
        self.heads_ = {
            m: ConcatHead([member.heads_[m] for member in self.members], scaled)
            for m in pairs.views
        }
        return self

    def _weights(self) -> list[float]:
        return [1.0] * len(self.members) if self.weights is None else list(self.weights)


def spread(mapping: Callable[[str, NDArray[np.intp]], F32], pairs: PairedVectors) -> float:
    """Standard deviation of cosines between records that do not belong together.

    Args:
        mapping: Vectors in the space of some rows ``(n,)`` of a view, ``(n, k)``.
        pairs: The records; as many as a sample needs are mapped.

    Returns:
        A positive number.
    """
    found = []
    names = pairs.views
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            rows = pairs.rows(a, b)[:_SAMPLE]
            if len(rows) > 1:
                cosines = mapping(a, rows) @ mapping(b, rows).T
                found.append(cosines[~np.eye(len(rows), dtype=bool)].std())
    return max(float(np.mean(found)), _LEAST_SPREAD) if found else 1.0


def _mapping(member: Aligner, pairs: PairedVectors) -> Callable[[str, NDArray[np.intp]], F32]:
    return lambda view, rows: member.transform(pairs.vectors[view][rows], view)
