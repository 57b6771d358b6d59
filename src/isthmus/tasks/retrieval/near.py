"""Items of a store that nearly coincide."""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.space import Space
from isthmus.store import Backend, is_whole
from isthmus.tasks.retrieval.alike import least_alike

_MOST_OWN = 20
"""Parts of an item that may be more like it than its near-duplicates are."""


def near_duplicates(
    space: Space, backend: Backend, ids: Iterable[str], *, most: int = 2000
) -> list[tuple[str, str, float]]:
    """Pairs of items of one view that nearly coincide, one of them among ``ids``.

    Those are the pairs that a search folds into one result, see :func:`least_alike`.

    Args:
        space: Of the vectors.
        backend: Where they are.
        ids: New items; past ``most`` only the first are looked at.
        most: Caps the time: each takes a search.

    Returns:
        Their sources and cosine, the closest first.
    """
    some = list(ids)[:most]
    snapshot = backend.snapshot()
    entries, vectors = snapshot.get(some), snapshot.vectors(some)
    pairs: dict[tuple[str, str], tuple[str, str, float]] = {}
    for one, vector in vectors.items():
        view = entries[one].view
        own = snapshot.parts([one], view).get(one, 0)
        rows = snapshot.search(vector, 3 + min(own, _MOST_OWN), view=view)
        for other, cosine in zip(rows.entries, rows.cosine.tolist(), strict=True):
            if other.id != one and is_whole(other.id) and cosine >= least_alike(space, view):
                a, b = sorted((entries[one], other), key=lambda entry: entry.id)
                pairs[a.id, b.id] = (a.source, b.source, cosine)
    return sorted(pairs.values(), key=lambda pair: -pair[2])
