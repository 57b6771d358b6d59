"""What heads share: what they save, and a direction for what they map to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np

from isthmus.core.document import Json, from_document
from isthmus.core.errors import ArtifactError, VectorError
from isthmus.core.linalg import F32, Array, Floats, l2_normalize

Document = Mapping[str, Any]
"""Parameters of a head as JSON; each kind of head knows its own."""
State = tuple[dict[str, Any], dict[str, Array]]
"""Parameters of a head: a document and arrays by name."""
Arrays = Mapping[str, Array]
"""Arrays of a head by name."""
_Numbers = TypeVar("_Numbers")


class Mapped:
    """A head that begins with ``(x − mean) W``.

    Args:
        mean: ``(d,)``.
        weight: ``(d, k)``.
    """

    def __init__(self, mean: Array, weight: Array) -> None:
        self.mean = np.asarray(mean, dtype=np.float32)
        self.weight = np.ascontiguousarray(weight, dtype=np.float32)

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return int(self.weight.shape[0])

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        return int(self.weight.shape[1])


def numbers(kind: type[_Numbers], document: Document) -> _Numbers:
    """What a head keeps as JSON, with types.

    Args:
        kind: A dataclass with the fields of the document.
        document: As parsed.

    Raises:
        ArtifactError: If a key is missing or unknown, or a value is of another type.
    """
    return from_document(kind, cast(Json, document), "head")


def require(good: bool, what: str) -> None:
    """Refuse a head that was saved with numbers that no head has.

    Raises:
        ArtifactError: Saying ``what`` they must be.
    """
    if not good:
        raise ArtifactError(f"head: {what}")


def with_direction(unit: F32) -> F32:
    """Give rows that a head maps to zero a direction: equal parts of every axis.

    It happens to the mean itself and to vectors that resemble no anchor. Such a row then
    scores about the same against everything, instead of poisoning a store with zeros.

    Raises:
        VectorError: If a row is not finite: numbers grew beyond what float32 holds.
    """
    if not np.isfinite(unit).all():
        raise VectorError("a head maps these vectors beyond what float32 can hold; fit it again")
    lost = ~unit.any(axis=1)
    if lost.any():
        unit[lost] = 1.0 / np.sqrt(unit.shape[1])
    return unit


def unit_rows(x: Floats) -> F32:
    """Rows of unit length, as every head returns them."""
    return with_direction(l2_normalize(x).astype(np.float32, copy=False))
