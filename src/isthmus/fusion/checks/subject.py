"""The fusion under test, and the records it is tested on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np

from isthmus.core import checking
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.fusion.base import Fusion
from isthmus.fusion.target import Kind, Target

Factory = Callable[[], Fusion]
"""Makes a new, unfitted fusion."""

ROWS, TRAIN = 120, 80
"""Planted records, and how many of them are learned from."""
_NAMES = ("low", "middle", "high")


class Subject:
    """A fusion under test.

    The fit that several checks look at is made once. Nothing may fit it again.

    Args:
        factory: Makes a new, unfitted one.
    """

    def __init__(self, factory: Factory) -> None:
        self.new = factory

    @cached_property
    def fitted(self) -> Fusion:
        """Fitted on the first rows of :func:`planted` records of classes."""
        rows, target = planted("classes" if "classes" in self.new().kinds else self.new().kinds[0])
        return self.new().fit(rows.take(np.arange(TRAIN)), target.take(np.arange(TRAIN)))

    @property
    def held(self) -> PairedVectors:
        """Records that it has not seen."""
        return planted("classes")[0].take(np.arange(TRAIN, ROWS))


Check: TypeAlias = checking.Check[Subject]
"""A check of it."""


def planted(kind: Kind, seed: int = 0) -> tuple[PairedVectors, Target]:
    """Records of two views, of which a fifth lacks ``sound``, and a target of a kind."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, ROWS)
    views = {
        name: (rng.normal(size=(3, dim))[codes] + rng.normal(size=(ROWS, dim))).astype(np.float32)
        for name, dim in (("sound", 20), ("picture", 30))
    }
    rows = PairedVectors(views, {"sound": rng.random(ROWS) < 0.8})
    return rows, _target(kind, codes.astype(np.float64), rng)


def _target(kind: Kind, codes: F64, rng: np.random.Generator) -> Target:
    if kind in ("classes", "grades"):
        return Target(kind, codes, _NAMES)
    if kind == "labels":
        return Target(kind, np.stack([codes > 0, codes > 1], axis=1), _NAMES[1:])
    if kind == "number":
        return Target(kind, 1e6 + codes + 0.1 * rng.normal(size=ROWS), ("price",))
    times = rng.exponential(np.exp(-2.0 * codes))
    return Target(kind, np.stack([times, rng.random(ROWS) < 0.8], axis=1), ("time", "event"))


def assert_close(found: F64, expected: F64, what: str, atol: float = 1e-4) -> None:
    """Scores that may differ by rounding alone, in units of the largest."""
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, need {expected.shape}"
    size = max(float(np.abs(expected).max(initial=0.0)), 1.0)
    gap = float(np.abs(found - expected).max(initial=0.0)) / size
    assert gap <= atol, f"{what}: scores differ by {gap:.1e}, at most {atol:.0e} is allowed"
