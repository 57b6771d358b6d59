"""What each view adds to scores; exact Shapley values where that is not a sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors


@dataclass(frozen=True, eq=False)
class Shares:
    """What each view adds to scores; with the rest they sum to them exactly.

    Attributes:
        views: By view ``(n, width)``; zero where a record lacks it.
        rest: ``(n, width)``: what no view can claim.
    """

    views: Mapping[str, F64]
    rest: F64

    @property
    def total(self) -> F64:
        """The scores, ``(n, width)``."""
        total: F64 = self.rest + np.sum(list(self.views.values()), axis=0)
        return total


def shapley_shares(scores: Callable[[PairedVectors], F64], rows: PairedVectors) -> Shares:
    """Shares of the views by their Shapley values; scores are asked for every set of views.

    Args:
        scores: Of rows of which some views are marked as missing.
        rows: ``n`` records; a view that a record lacks has no share in it.
    """
    views = rows.views
    of_set = {
        chosen: scores(_only(rows, chosen))
        for size in range(len(views) + 1)
        for chosen in combinations(views, size)
    }
    shares: dict[str, F64] = {}
    for view in views:
        others = [each for each in views if each != view]
        total = np.zeros_like(of_set[()])
        for size in range(len(others) + 1):
            weight = 1 / (len(views) * comb(len(others), size))
            for chosen in combinations(others, size):
                joined = tuple(each for each in views if each in chosen or each == view)
                total += weight * (of_set[joined] - of_set[chosen])
        shares[view] = np.where(rows.present[view][:, None], total, 0.0)  # rounding is no share
    return Shares(shares, of_set[()])


def _only(rows: PairedVectors, chosen: tuple[str, ...]) -> PairedVectors:
    present = {v: p if v in chosen else np.zeros_like(p) for v, p in rows.present.items()}
    return replace(rows, present=present)
