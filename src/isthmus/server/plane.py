"""Items on a plane, for the map of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.core.linalg import F32, F64
from isthmus.server import schemas
from isthmus.store import Reader, is_whole


def drawn(snapshot: Reader, limit: int) -> schemas.Map:
    """The map of a store; parts of items have no place of their own.

    Args:
        snapshot: Of the store.
        limit: Past so many items, a fixed random sample is drawn.
    """
    entries = [e for e in snapshot.entries() if not e.gone and is_whole(e.id)]
    total = len(entries)
    if total > limit:
        rows = np.random.default_rng(0).permutation(total)[:limit]
        entries = [entries[row] for row in sorted(rows.tolist())]
    vectors = snapshot.vectors([entry.id for entry in entries])
    views = [entry.view for entry in entries]
    x = [vectors[entry.id] for entry in entries]
    flat = _flat(np.stack(x), views) if x else np.zeros((0, 2))
    return schemas.Map(
        ids=[entry.id for entry in entries],
        names=[Path(entry.source).name for entry in entries],
        views=views,
        modalities=[entry.modality for entry in entries],
        x=flat[:, 0].round(4).tolist(),
        y=flat[:, 1].round(4).tolist(),
        total=total,
        method="the two principal axes, after the mean of each view is taken off",
    )


def _flat(x: F32, kinds: Sequence[str]) -> F64:
    """``(n, 2)`` in 0…1; ranks are blended in, so that a crowd is spread and an outlier tamed."""
    x = x.copy()
    for kind in dict.fromkeys(kinds):
        mine = np.array([each == kind for each in kinds])
        x[mine] -= x[mine].mean(axis=0)
    _, axes = np.linalg.eigh((x.T @ x).astype(np.float64))
    out: F64 = x @ axes[:, -1:-3:-1]
    ranks = out.argsort(axis=0).argsort(axis=0) / max(len(out) - 1, 1)
    low, high = out.min(axis=0), out.max(axis=0)
    return np.asarray(0.5 * ranks + 0.5 * (out - low) / np.maximum(high - low, 1e-9))
