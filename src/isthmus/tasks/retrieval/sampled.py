"""Some items of a store, for what a space that has learned from none cannot say itself."""

from __future__ import annotations

from threading import Lock

import numpy as np

from isthmus.core.linalg import F32
from isthmus.core.memo import Memo
from isthmus.core.rows import thin
from isthmus.store import Reader, is_whole

_MOST = 500
"""Rows: the standard error of their mean is a twentieth of their deviation or less."""
_KEPT, _LOCK = Memo(), Lock()


def sample(rows: Reader, view: str, dim: int) -> F32:
    """Vectors of items of a view, evenly spread over a store; ``(n, dim)``, at most 500.

    Args:
        rows: The store.
        view: Of the items.
        dim: Of the space.
    """
    with _LOCK:
        return _KEPT.latest(view, rows.revision, lambda: _sampled(rows, view, dim))


def _sampled(rows: Reader, view: str, dim: int) -> F32:
    ids = [entry.id for entry in rows.entries() if entry.view == view and is_whole(entry.id)]
    held = rows.vectors([ids[i] for i in thin(np.arange(len(ids)), _MOST)])
    return np.stack(list(held.values())) if held else np.zeros((0, dim), np.float32)
