"""What is known of rows by which views they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.fusion.target import Target
from isthmus.predictor.link import Link, probabilities_of

Present = Mapping[str, NDArray[np.bool_]]
"""By view ``(n,)``, whether a row has it."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """What was learned of rows that have certain views.

    Attributes:
        views: Which; None for all rows together.
        link: From scores to log-odds.
        worth: ``(m,)`` ascending: of classes and grades the probability of the true one, of labels
            that of every true one, of numbers the distance from the true one.
    """

    views: frozenset[str] | None
    link: Link
    worth: F64

    @classmethod
    def fit(cls, views: frozenset[str] | None, scores: F64, target: Target) -> Self:
        """Learn from scores ``(n, width)`` of rows that were left out of the fits."""
        link = Link.fit(scores, target)
        linked = link(scores)
        if target.kind == "survival":
            worth = np.zeros(0)
        elif target.kind == "number":
            worth = np.abs(linked - target.values)[:, 0]
        elif target.kind == "labels":
            worth = probabilities_of(target.kind, linked)[target.values > 0]
        else:
            rows = np.arange(len(target))
            worth = probabilities_of(target.kind, linked)[rows, target.codes]
        return cls(views, link, np.sort(worth))


def rows_of_patterns(n: int, present: Present | None) -> dict[frozenset[str], NDArray[np.intp]]:
    """Rows ``0 … n−1`` by the set of views that they have.

    Args:
        n: How many.
        present: By view ``(n,)``; None where it is not known, which is one set.
    """
    if not present:
        return {frozenset(): np.arange(n)}
    views = list(present)
    kinds, place = np.unique(
        np.column_stack([present[view] for view in views]), axis=0, return_inverse=True
    )
    return {
        frozenset(view for view, has in zip(views, kind, strict=True) if has): np.flatnonzero(
            place.reshape(-1) == number
        )
        for number, kind in enumerate(kinds)
    }
