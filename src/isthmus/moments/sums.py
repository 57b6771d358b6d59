"""What the sums of moments are called, in memory and in a file, and what they must be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from isthmus.core.artifact import Tensors
from isthmus.core.errors import ArtifactError, DataError
from isthmus.core.linalg import Array

Key = tuple[str, str] | tuple[str, str, str]
"""Of a sum: one view or two, then what is summed."""
_ROUNDING = 1e-9
"""Share of a count that weights of rows, added in another order, may leave."""


def check_sum(tensors: Tensors, name: str, shape: tuple[int, ...]) -> Array:
    """The array of a name, which must be finite floats of this shape.

    Raises:
        ArtifactError: If it is not.
    """
    x = tensors.get(name)
    if x is None or x.shape != shape or x.dtype.kind != "f" or not np.isfinite(x).all():
        raise ArtifactError(f"moments: {name} must be finite floats of the shape {shape}")
    return x


def axes_of(key: Key) -> list[tuple[str, int]]:
    """Which axes of a sum run over which view."""
    views, what = key[:-1], key[-1]
    names = {
        "n": (),
        "sum": views,
        "second": views * 2,
        "sum_a": views[:1],
        "sum_b": views[1:],
        "cross": views,
    }[what]
    return [(m, axis) for axis, m in enumerate(names)]


def named(keys: Iterable[Key], views: Iterable[str]) -> dict[str, Key]:
    """Keys of sums by a name in which places stand for views: ``0.sum``, ``0.1.cross``."""
    place = {m: str(number) for number, m in enumerate(views)}
    return {".".join([*(place[m] for m in key[:-1]), key[-1]]): key for key in keys}


def refuse_more(views: tuple[str, ...], gone: float, have: float) -> None:
    """Refuse to take out more records of a view, or of two together, than there are.

    Raises:
        DataError: If there are fewer.
    """
    if gone > have + _ROUNDING * abs(have):
        raise DataError(
            f"cannot take {gone:g} records of {' with '.join(views)} out of {have:g}: rows were "
            "forgotten that were never there, or twice"
        )
