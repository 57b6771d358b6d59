"""Principal components of native vectors, which closed forms that are tried together share."""

from __future__ import annotations

import numpy as np

from isthmus.aligners.base import SharedRows
from isthmus.core.linalg import F32, F64
from isthmus.moments.moments import Moments


def components(rows: SharedRows, moments: Moments, view: str, *, scale: bool = False) -> F32:
    """Principal components of rows of a view, ``(n, r)``, in the order of their spectrum."""
    return rows.memo.get(
        ("components", moments, scale), lambda: _components(rows.x, moments, view, scale)
    )


def _components(x: F32, moments: Moments, m: str, scale: bool) -> F32:
    known = moments.components_of(m, x, scale=scale)
    if known is not None:
        return f32(known)
    scales, _, vectors = moments.spectrum(m, scale=scale)
    return np.asarray((x - f32(moments.mean(m))) @ f32(scales[:, None] * vectors), dtype=np.float32)


def f32(x: F64) -> F32:
    """The same in single precision."""
    return x.astype(np.float32)
