"""Vectors that a user brings: passed through, checked, and named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32
from isthmus.core.validate import check_dim, check_vectors
from isthmus.core.view import VECTOR


class VectorEncoder:
    """Stands in for a model of the user's whose vectors are already there.

    Args:
        dim: Length of the vectors.
        name: What the user calls the model; vectors of another name are another encoder.
    """

    id = "vectors"
    languages: tuple[str, ...] = ()
    batch_size = 4096
    modality = VECTOR

    def __init__(self, dim: int, name: str) -> None:
        if dim < 1:
            raise InputError(f"vectors of {name!r}: need a dimension of at least 1, got {dim}")
        self.dim = check_dim(dim, f"vectors of {name!r}")
        self.name = name
        self.fingerprint = fingerprint({"encoder": self.id, "dim": dim, "name": name})

    def options(self) -> dict[str, Any]:
        """What :func:`isthmus.encoders.load` needs to make it again."""
        return {"dim": self.dim, "name": self.name}

    def prepare(self, decoded: Any) -> F32:
        """The vector ``(dim,)`` as float32, finite and not zero."""
        if not isinstance(decoded, np.ndarray) or decoded.ndim != 1:
            raise InputError(f"vectors of {self.name!r}: need an array ({self.dim},)")
        row: F32 = check_vectors(decoded, name=f"vectors of {self.name!r}", dim=self.dim)[0]
        return row

    def encode(self, batch: Sequence[F32]) -> F32:
        """The vectors, stacked: ``(len(batch), dim)`` float32."""
        if not batch:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack(batch)
