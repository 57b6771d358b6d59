"""From which cosine on two items are copies of one thing, as far as vectors of a space tell."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from isthmus.core.rows import thin
from isthmus.space import Space

NEARLY_ALIKE = 0.995
"""Cosine from which two items are near-duplicates, unless those of a space are all that alike."""
_SHARE = 0.9
"""Of the items that a space was made from whose nearest neighbour must be less alike."""
_MOST = 1000
"""Of these items that are looked at."""
_KEPT: WeakKeyDictionary[Space, dict[str, float]] = WeakKeyDictionary()
"""By view. A search asks for it at each of its hits, and a fingerprint takes 6 ms."""


def least_alike(space: Space, view: str) -> float:
    """The cosine from which two items of a view are copies of one thing.

    It is :data:`NEARLY_ALIKE`, or more where different items of the space's own are often as near
    to one another: of coarse encoders hardly anything can be told apart. Above 1 nothing is.
    """
    known = _KEPT.setdefault(space, {})
    if view not in known:
        known[view] = _measured(space, view)
    return known[view]


def _measured(space: Space, view: str) -> float:
    bank = space.banks[view]
    some = bank[thin(np.arange(len(bank)), _MOST)]
    if len(some) < 2:
        return NEARLY_ALIKE
    cosine = some @ some.T
    np.fill_diagonal(cosine, -1)
    usual = float(np.quantile(cosine.max(axis=1), _SHARE))
    return max(NEARLY_ALIKE, usual + 1e-4)
