"""Rows for stores, without pytest, so that child processes start quickly."""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import F32, l2_normalize
from isthmus.store import Entry

DIM, VIEWS = 8, ("text", "image")


def rows(n: int, seed: int = 0, start: int = 0) -> tuple[list[Entry], F32, F32]:
    rng = np.random.default_rng(seed)
    entries = [
        Entry(
            f"id{i}",
            VIEWS[i % 2],
            VIEWS[i % 2],
            f"/动物/{'animals' if i % 3 else 'cars'}/item {i}.png",
            f"猫 number{i}",
            None if i % 5 else (0.5, 1.5),
            1.7e9 + 86_400 * i,
            100 * i,
        )
        for i in range(start, start + n)
    ]
    x = l2_normalize(rng.normal(size=(n, DIM))).astype(np.float32)
    return entries, x, rng.random((n, 2)).astype(np.float32)
