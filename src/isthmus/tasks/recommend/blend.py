"""Scores by content and by co-occurrence as one, and what each liked item adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.options import check_between, check_whole
from isthmus.datasets.interactions import Interactions, Places

_FLAT = 1e-12


@dataclass(frozen=True)
class Settings:
    """How a recommender scores; chosen on held-out interactions.

    Attributes:
        ridge: λ of co-occurrence.
        neighbours: Of each item where cosines stand for EASE; None for EASE.
        half_life: After how many later interactions of the user one counts half; None: never.
        share: Of content in the score of an item that others took, 0…1.
        content_ridge: See :class:`isthmus.tasks.recommend.content.Content`; None for the cosine.
        cold_half_life: As ``half_life``, where new items are scored by content alone.

    Raises:
        InputError: If one of them is out of its range.
    """

    ridge: float = 200.0
    half_life: float | None = None
    share: float = 0.5
    content_ridge: float | None = None
    cold_half_life: float | None = None
    neighbours: int | None = None

    def __post_init__(self) -> None:
        for name in ("ridge", "half_life", "content_ridge", "cold_half_life"):
            if getattr(self, name) is not None:
                check_between(getattr(self, name), name, 0, ends=False)
        if self.neighbours is not None:
            check_whole(self.neighbours, "neighbours", 1)
        check_between(self.share, "share", 0, 1)


def profiles(
    interactions: Interactions, half_life: float | None, users: Places | None = None
) -> F64:
    """How much each user has of each item, ``(u, n)``; rows sum to 1.

    Args:
        interactions: What was taken.
        half_life: See :class:`Settings`.
        users: Whose; default: all.
    """
    weights = None if half_life is None else 0.5 ** (interactions.later() / half_life)
    rows = interactions.matrix(weights, users)
    total = rows.sum(axis=1, keepdims=True)
    out: F64 = rows / np.where(total > 0, total, 1.0)
    return out


@dataclass(frozen=True, eq=False)
class Standardized:
    """Scores of each user about their mean over the items that may be shown.

    Attributes:
        scores: ``(u, n)``.
        mean: ``(u, 1)``.
        spread: ``(u, 1)``, the standard deviation; 1 where all scores are one.
    """

    scores: F64
    mean: F64
    spread: F64

    @classmethod
    def of(cls, raw: F64, shown: NDArray[np.bool_]) -> Standardized:
        """Standardize.

        Args:
            raw: ``(u, n)``.
            shown: ``(u, n)`` or ``(n,)``, which items count.
        """
        counted = np.broadcast_to(shown, raw.shape)
        number = np.maximum(counted.sum(axis=1, keepdims=True), 1)
        mean = np.where(counted, raw, 0.0).sum(axis=1, keepdims=True) / number
        off = np.where(counted, raw - mean, 0.0)
        spread = np.sqrt((off**2).sum(axis=1, keepdims=True) / number)
        spread = np.where(spread > _FLAT, spread, 1.0)
        return cls((raw - mean) / spread, mean, spread)


def blended(taken: F64, content: F64, share: float, cold: NDArray[np.bool_], new: F64) -> F64:
    """One score of two: a mean for items that others took, content alone for new ones.

    Args:
        taken: ``(u, n)`` standardized scores by co-occurrence.
        content: ``(u, n)`` standardized scores by content.
        share: Of content.
        cold: ``(n,)``, items that nobody took.
        new: ``(u, n)`` standardized scores by content, for those.
    """
    return np.where(cold, new, share * content + (1 - share) * taken)
