"""The aligner under test, the data it is tested on, and what is asserted of its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import Aligner
from isthmus.core import checking
from isthmus.core.linalg import F32, Floats

Factory = Callable[[], Aligner]
"""Makes a new, unfitted aligner."""
Views = dict[str, F32]

ROWS, TRAIN = 200, 150
"""Planted records, and how many of them are learned from where some are held out."""
TIMES_CHANCE = 10
"""How much more often than by chance a held-out partner must be found. Every aligner of isthmus
finds it at least thirty times as often in the data that is planted."""


class Subject:
    """An aligner under test.

    Fits that several checks look at are made once. Nothing may fit these again.

    Args:
        factory: Makes a new, unfitted one.
    """

    def __init__(self, factory: Factory) -> None:
        self.new = factory

    @cached_property
    def fitted(self) -> Aligner:
        """Fitted on :func:`planted` views."""
        return self.new().fit(planted())

    @cached_property
    def learner(self) -> Aligner:
        """Fitted on the first rows of :func:`clear` views, so that the others are new to it."""
        return self.new().fit(some(clear(), slice(TRAIN)))


Check: TypeAlias = checking.Check[Subject]
"""A check of it."""


def planted(
    n: int = ROWS, dims: tuple[int, ...] = (12, 9), *, noise: float = 0.3, seed: int = 0
) -> Views:
    """Views ``a``, ``b``, … of ``(n, dim)`` that share a latent of five dimensions."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 5))
    views = {}
    for name, dim in zip("abcdefgh", dims, strict=False):
        x = latent @ rng.normal(size=(5, dim)) + noise * rng.normal(size=(n, dim)) + 0.5
        views[name] = x.astype(np.float32)
    return views


def clear(dims: tuple[int, ...] = (12, 9)) -> Views:
    """Planted views with so little noise that partners can be found among new rows."""
    return planted(dims=dims, noise=0.1)


def some(views: Mapping[str, F32], rows: slice | NDArray[np.intp]) -> Views:
    """The same rows of every view."""
    return {m: x[rows] for m, x in views.items()}


def cosines(aligner: Aligner, views: Mapping[str, F32], a: str = "a", b: str = "b") -> F32:
    """Cosines of two views; unlike coordinates they do not depend on the basis."""
    return aligner.transform(views[a], a) @ aligner.transform(views[b], b).T


def assert_close(found: Floats, expected: Floats, what: str, atol: float = 1e-4) -> None:
    """Cosines that may differ by rounding alone."""
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, need {expected.shape}"
    gap = float(np.abs(found - expected).max(initial=0.0))
    assert gap <= atol, f"{what}: cosines differ by {gap:.1e}, at most {atol:.0e} is allowed"


def assert_unit(x: F32, n: int, what: str) -> None:
    """Unit vectors ``(n, k)``, float32."""
    assert x.dtype == np.float32, f"{what}: dtype {x.dtype}, need float32"
    assert x.ndim == 2, f"{what}: shape {x.shape}, need (n, k)"
    assert len(x) == n, f"{what}: {len(x)} rows of {n}"
    assert x.shape[1] >= 1, f"{what}: a space of no dimension"
    assert np.isfinite(x).all(), f"{what}: not finite"
    gap = float(np.abs(np.linalg.norm(x, axis=1) - 1).max(initial=0.0))
    assert gap < 1e-5, f"{what}: norms differ from 1 by {gap:.1e}"


def assert_finds(scores: F32, a: str, b: str) -> None:
    """Row i belongs to column i and is found there, in both directions."""
    chance = 1 / len(scores)
    for direction, table in ((f"{a} to {b}", scores), (f"{b} to {a}", scores.T)):
        recall = float((table.argmax(axis=1) == np.arange(len(table))).mean())
        assert recall >= TIMES_CHANCE * chance, (
            f"recall@1 {direction} is {recall:.2f} of {len(table)} pairs, need "
            f"{TIMES_CHANCE} times chance, which is {chance:.3f}"
        )
