"""Records of which it is known what their views say."""

from __future__ import annotations

import numpy as np

from isthmus.core.paired import PairedVectors
from isthmus.fusion import Kind, Target


def clusters(n: int = 160, *, noise: float = 1.0, seed: int = 0) -> tuple[PairedVectors, Target]:
    """Three classes, told by a sound that one in five lacks and by a picture."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    views = {
        name: (rng.normal(size=(3, dim))[codes] + noise * rng.normal(size=(n, dim))).astype(
            np.float32
        )
        for name, dim in (("sound", 12), ("picture", 16))
    }
    here = {"sound": rng.random(n) < 0.8}
    return PairedVectors(views, here), Target("classes", codes, ("a", "b", "c"))


def of_kind(kind: Kind, n: int = 120) -> tuple[PairedVectors, Target]:
    """The same records with a target of another kind, which follows from their classes."""
    rows, target = clusters(n)
    codes = target.codes.astype(np.float64)
    rng = np.random.default_rng(1)
    if kind == "labels":
        return rows, Target(kind, np.column_stack([codes > 0, codes > 1]), ("some", "many"))
    if kind == "number":
        return rows, Target(kind, 1000 + 50 * codes + rng.normal(size=n), ("price",))
    if kind == "survival":
        times = rng.exponential(np.exp(-codes))
        return rows, Target(kind, np.column_stack([times, rng.random(n) < 0.7]), ("time", "event"))
    return rows, Target(kind, codes, ("a", "b", "c"))


def product(n: int = 400, seed: int = 0) -> tuple[PairedVectors, Target]:
    """Two classes that follow from the signs of both views together, and from neither alone."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(n, 2))
    views = {}
    for place, name in enumerate(("sound", "picture")):
        x = rng.normal(size=(n, 6))
        x[:, 0] += 3 * signs[:, place]
        views[name] = x.astype(np.float32)
    codes = (signs[:, 0] * signs[:, 1] > 0).astype(np.float64)
    return PairedVectors(views), Target("classes", codes, ("differ", "agree"))
