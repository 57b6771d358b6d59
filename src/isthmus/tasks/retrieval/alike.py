"""From which cosine on two items are copies of one thing, as far as vectors of a space tell."""

from __future__ import annotations

from threading import Lock

import numpy as np
from cachetools import LRUCache

from isthmus.core.rows import thin
from isthmus.space import Space

NEARLY_ALIKE = 0.995
"""Cosine from which two items are near-duplicates, unless those of a space are all that alike."""
_SHARE = 0.9
"""Of the items that a space was made from whose nearest neighbour must be less alike."""
_MOST = 1000
"""Of these items that are looked at."""
_KEPT: LRUCache[tuple[str, str], float] = LRUCache(64)
_LOCK = Lock()


def least_alike(space: Space, view: str) -> float:
    """The cosine from which two items of a view are copies of one thing.

    It is :data:`NEARLY_ALIKE`, or more where different items of the space's own are often as near
    to one another: of coarse encoders hardly anything can be told apart. Above 1 nothing is.
    """
    key = (space.fingerprint, view)
    with _LOCK:
        known = _KEPT.get(key)
    if known is None:
        known = _measured(space, view)
        with _LOCK:
            _KEPT[key] = known
    return known


def _measured(space: Space, view: str) -> float:
    bank = space.banks[view]
    some = bank[thin(np.arange(len(bank)), _MOST)]
    if len(some) < 2:
        return NEARLY_ALIKE
    cosine = some @ some.T
    np.fill_diagonal(cosine, -1)
    usual = float(np.quantile(cosine.max(axis=1), _SHARE))
    return max(NEARLY_ALIKE, usual + 1e-4)
