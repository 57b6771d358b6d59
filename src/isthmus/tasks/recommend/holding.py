"""What is held out to judge recommendations: the last thing of each user, or whole items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.datasets.interactions import Interactions, Places
from isthmus.metrics.retrieval import ranks

Targets = tuple[Places, Places]
"""Places of users, and of the item that each took last."""
_FEWEST = 2


def without_last(interactions: Interactions, seed: int = 0) -> tuple[Interactions, Targets]:
    """Take the last interaction of each user away; of several at one time a random one.

    Where there are no times, it is a random one of all. Users with one interaction keep it.

    Args:
        interactions: Of all users.
        seed: Of what is random.

    Returns:
        The rest, and what was taken away.

    Raises:
        DataError: If no user has two interactions.
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(interactions)), interactions.later(), interactions.user))
    user = interactions.user[order]
    first = np.r_[True, user[1:] != user[:-1]] if len(user) else np.zeros(0, dtype=bool)
    counts = np.bincount(interactions.user, minlength=len(interactions.users))
    last = order[first & (counts[user] >= _FEWEST)]
    if not len(last):
        raise DataError(
            "to judge recommendations, some users need two interactions; none of these has"
        )
    kept = np.ones(len(interactions), dtype=bool)
    kept[last] = False
    return interactions.take(kept), (interactions.user[last], interactions.item[last])


def without_items(
    interactions: Interactions, share: float = 0.2, seed: int = 0
) -> tuple[Interactions, NDArray[np.bool_]]:
    """Hide a share of the items that somebody took from all users, as if they had just arrived.

    Args:
        interactions: Of all users.
        share: Of these items.
        seed: Of which.

    Returns:
        The interactions with the others, and ``(n,)`` which items are hidden.
    """
    cold = np.zeros(len(interactions.items), dtype=bool)
    order = np.random.default_rng(seed).permutation(np.unique(interactions.item))
    cold[order[: int(len(order) * share)]] = True
    return interactions.take(~cold[interactions.item]), cold


def gains(scores: F64, targets: Places, seen: NDArray[np.bool_]) -> tuple[F64, F64]:
    """How high one wanted item of each user stands among all that the user has not seen.

    Args:
        scores: ``(u, n)``.
        targets: ``(u,)``.
        seen: ``(u, n)``, what is never recommended.

    Returns:
        nDCG@10 and recall@20 of each user, ``(u,)``; ties get their average rank.
    """
    shown = np.where(seen, np.finfo(np.float64).min, scores)
    place = ranks(shown, targets)
    return np.where(place <= 10, 1 / np.log2(place + 1), 0.0), (place <= 20).astype(np.float64)


def precision(scores: F64, wanted: NDArray[np.bool_], k: int = 10) -> F64:
    """Share of the first ``k`` items that the user took, ``(u,)``.

    Args:
        scores: ``(u, n)``; ties are broken by place.
        wanted: ``(u, n)``.
        k: How many are looked at.
    """
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    out: F64 = np.take_along_axis(wanted, first, axis=1).mean(axis=1)
    return out
