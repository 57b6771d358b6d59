"""The starter space as a rival of heads learned from own pairs alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.aligners.continued import Known
from isthmus.aligners.heads import LinearHead
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F32
from isthmus.core.view import TEXT
from isthmus.pipeline.prepared import Prepared
from isthmus.space import Space, starter

_SAME = 0.9995
"""Cosine in the starter space from which on two pictures or sounds are the same one; its banks are
kept in half precision, which moves a cosine by less than .0001."""
_MOST_SEEN = 0.01
"""Share of records that the starter may have learned from. Its banks hold a part of what it has
learned from, so that even a few of them tell of many. Chosen, not tuned."""


def known_of(ready: Prepared) -> tuple[Known | None, str]:
    """What the starter space knows of the views of a data set.

    Args:
        ready: The data set.

    Returns:
        The starter's heads and pairs, or None and the reason why it cannot take part.
    """
    try:
        space = Space.load(starter.folder())
    except ArtifactError:  # it is being made
        return None, "the starter space is not there"
    views: dict[str, str] = {}
    for view in ready.pairs.views:
        alike = [v for v in space.views if _fits(space, v, ready, view)]
        if not alike:
            return None, f"it was made for other encoders than that of {view}"
        if alike[0] in views.values():
            return None, "two views have one encoder"
        views[view] = alike[0]
    if reason := _not_paired(space, list(views.values())):
        return None, reason
    if count := _learned_from(space, ready, views):
        return None, f"it has learned from these records: {count} of {len(ready.pairs)} are known"
    heads = {view: space.heads[known] for view, known in views.items()}
    linear = {view: head for view, head in heads.items() if isinstance(head, LinearHead)}
    bank = {view: space.banks[known] for view, known in views.items()}
    return Known(linear, bank, space.fingerprint), ""


def _fits(space: Space, known: str, ready: Prepared, view: str) -> bool:
    return space.encoders[known].fingerprint == ready.encoders[view].fingerprint and isinstance(
        space.heads[known], LinearHead
    )


def _not_paired(space: Space, views: Sequence[str]) -> str:
    """Why rows of the banks do not belong together, if they do not."""
    first = space.bank_ids[views[0]]
    other = next((view for view in views if space.bank_ids[view] != first), None)
    return f"it remembers no pairs of {views[0]} and {other}" if other else ""


def _learned_from(space: Space, ready: Prepared, views: dict[str, str]) -> int:
    """How many records it has seen, or none if they are few.

    A text says little: "a dog" is the caption of many pictures.
    """
    seen = np.zeros(len(ready.pairs), dtype=bool)
    for view, known in views.items():
        if space.modalities[known] == TEXT:
            continue
        rows = ready.pairs.rows(view)
        found = space.heads[known](ready.pairs.vectors[view][rows])
        seen[rows] |= _nearest(found, space.banks[known]) >= _SAME
    return int(seen.sum()) if seen.mean() >= _MOST_SEEN else 0


def _nearest(x: F32, bank: F32) -> F32:
    """Largest cosine of each row to a bank, ``(n,)``."""
    found = [(x[first : first + 1000] @ bank.T).max(axis=1) for first in range(0, len(x), 1000)]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
