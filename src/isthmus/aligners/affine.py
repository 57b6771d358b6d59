"""Heads that are linear before they scale to unit length: a map, a map that is moved, no map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.aligners.state import Arrays, Document, Mapped, State, numbers, require, unit_rows
from isthmus.core.linalg import F32, Array
from isthmus.core.validate import check_vectors, fitting

_LARGEST_DIM = 1 << 20


class LinearHead(Mapped):
    """``x ↦ l2((x − mean) W)``.

    Args:
        mean: ``(d,)``.
        weight: ``(d, k)``.
    """

    kind = "linear"

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, k)``."""
        rows = check_vectors(x, name="vectors", dim=self.input_dim)
        return unit_rows((rows - self.mean) @ self.weight)

    def state(self) -> State:
        """Parameters: nothing as JSON; ``mean`` and ``weight`` as arrays."""
        return {}, {"mean": self.mean, "weight": self.weight}

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> LinearHead:
        """The head that :meth:`state` described."""
        numbers(_Nothing, document)
        return cls(**fitting(tensors, mean="d", weight="dk"))


class UnitHead:
    """``x ↦ l2(x)``: native vectors lie in the space already, as those of CLIP do.

    Args:
        dim: Of native vectors and of the space.
    """

    kind = "unit"

    def __init__(self, dim: int) -> None:
        self.dim = int(dim)

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return self.dim

    @property
    def output_dim(self) -> int:
        """Dimension of the space, the same."""
        return self.dim

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, d)``."""
        return unit_rows(check_vectors(x, name="vectors", dim=self.dim))

    def state(self) -> State:
        """Parameters: the dimension as JSON; no arrays."""
        return {"dim": self.dim}, {}

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> UnitHead:
        """The head that :meth:`state` described."""
        own = numbers(_UnitNumbers, document)
        require(1 <= own.dim <= _LARGEST_DIM, f"dim must be 1 to {_LARGEST_DIM}")
        fitting(tensors)
        return cls(own.dim)


class AffineHead(Mapped):
    """``x ↦ l2((x − mean) W + bias)``.

    Args:
        mean: ``(d,)``.
        weight: ``(d, k)``.
        bias: ``(k,)``, where the mean lands.
    """

    kind = "affine"

    def __init__(self, mean: Array, weight: Array, bias: Array) -> None:
        super().__init__(mean, weight)
        self.bias = np.asarray(bias, dtype=np.float32)

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, k)``."""
        rows = check_vectors(x, name="vectors", dim=self.input_dim)
        return unit_rows((rows - self.mean) @ self.weight + self.bias)

    def state(self) -> State:
        """Parameters: nothing as JSON; ``mean``, ``weight`` and ``bias`` as arrays."""
        return {}, {"mean": self.mean, "weight": self.weight, "bias": self.bias}

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> AffineHead:
        """The head that :meth:`state` described."""
        numbers(_Nothing, document)
        return cls(**fitting(tensors, mean="d", weight="dk", bias="k"))


@dataclass(frozen=True)
class _Nothing:
    """A head that keeps no numbers as JSON."""


@dataclass(frozen=True)
class _UnitNumbers:
    dim: int
