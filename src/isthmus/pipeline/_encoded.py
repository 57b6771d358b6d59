"""Native vectors of items, and those of several encoders side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.record import Failure


@dataclass(frozen=True, eq=False)
class EncodedItems:
    """Native vectors of items, row ``i`` for item ``i``.

    Attributes:
        vectors: ``(n, dim)`` float32; rows of items that failed are zero.
        ok: ``(n,)`` bool, whether the item has a vector.
        failures: What was left out, and why, in the order of the items.
        native: ``(n, native dim)`` what the encoder gave, where ``vectors`` are of a space.
        empty: Places of items that failed because there is nothing in them, such as silence.
    """

    vectors: F32
    ok: NDArray[np.bool_]
    failures: list[Failure]
    native: F32 | None = None
    empty: frozenset[int] = frozenset()


def side_by_side(parts: Sequence[EncodedItems]) -> EncodedItems:
    """What :class:`JoinedEncoder` makes of vectors that its parts made, cached one by one.

    An item that one part cannot use fails, for the first reason there is. It is empty if no part
    says more than that.
    """
    vectors = np.concatenate([l2_normalize(part.vectors) for part in parts], axis=1)
    told: dict[int, Failure] = {}
    broken: set[int] = set()
    for part in parts:
        rows = np.flatnonzero(~part.ok).tolist()
        told = dict(zip(rows, part.failures, strict=True)) | told
        broken |= set(rows) - part.empty
    ok = np.logical_and.reduce([part.ok for part in parts])
    failures = [told[row] for row in sorted(told)]
    empty = frozenset(set(told) - broken)
    return EncodedItems(np.where(ok[:, None], vectors, 0), ok, failures, empty=empty)
