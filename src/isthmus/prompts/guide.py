"""Guides: subspaces that say which differences count when things are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64

KEPT = 0.95
"""Share of the squared length of the examples that their subspace keeps, as is usual for principal
components: what is left of many examples is their noise."""
MOST_OF = 0.5
"""Share of the dimensions of a space from which on a subspace is refused: it says nothing any more.
"""
_VANISHED = 1e-3
"""Length of what is left of a unit vector below which nothing is."""


def subspace(examples: F32, typical: F32) -> F32:
    """The directions in which examples are unlike the typical item: their principal components.

    Args:
        examples: ``(n, dim)`` unit vectors of the space.
        typical: ``(n, dim)`` or ``(dim,)``, the mean of training items of their views.

    Returns:
        ``(r, dim)`` float32, orthonormal rows, the strongest first; ``r ≤ n``.

    Raises:
        InputError: If the examples are all like the typical item, or span too much of the space.

    Example:
        >>> subspace(np.eye(3, 8, dtype=np.float32), np.zeros(8, dtype=np.float32)).shape
        (3, 8)
    """
    centred = examples.astype(np.float64) - typical
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    energy = values**2
    if not energy.sum() > _VANISHED**2 * len(examples):
        raise InputError("the examples do not differ from a typical item; give other examples")
    rank = int(np.searchsorted(np.cumsum(energy), KEPT * energy.sum() * (1 - 1e-9))) + 1
    most = max(int(MOST_OF * examples.shape[1]), 1)
    if rank > most:
        raise InputError(
            f"the examples differ in {rank} directions, and a space of {examples.shape[1]} "
            f"dimensions can be guided by {most} at most; give fewer examples, or more alike"
        )
    return np.asarray(rows[:rank], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Guide:
    """A projection of the space; it is linear, symmetric, and done twice it is done once.

    So the score of a projected query with an item is the score of both projected:
    ``⟨P q, x⟩ = ⟨P q, P x⟩``. A store can be searched as it is.

    Attributes:
        ignored: ``(r, dim)``, an orthonormal basis of what is projected out; None for nothing.
        kept: ``(s, dim)``, an orthonormal basis of what is projected onto; None for all.
    """

    ignored: F32 | None
    kept: F32 | None

    @classmethod
    def of(cls, ignore: F32 | None, only: F32 | None) -> Guide:
        """Of rows that need be neither orthonormal nor independent; what is ignored comes first.

        Args:
            ignore: ``(n, dim)`` directions that do not count; None for none.
            only: ``(m, dim)`` directions that alone count; None for all.

        Raises:
            InputError: If all that should count is ignored.
        """
        ignored = None if ignore is None else _orthonormal(ignore.astype(np.float64))
        if only is None:
            return cls(None if ignored is None else ignored.astype(np.float32), None)
        left = only.astype(np.float64)
        if ignored is not None:
            left = left - left @ ignored.T @ ignored
        kept = _orthonormal(left)
        if not len(kept):
            raise InputError("all that should count is ignored; ignore less, or leave only out")
        return cls(None, kept.astype(np.float32))

    @property
    def size(self) -> int:
        """Dimensions that are projected out, or onto."""
        basis = self.ignored if self.kept is None else self.kept
        return 0 if basis is None else len(basis)

    def project(self, vectors: F32) -> F32:
        """Unit vectors ``(n, dim)`` projected, and of unit length again.

        Raises:
            InputError: If nothing is left of one of them.
        """
        out = vectors.astype(np.float64)
        if self.kept is not None:
            out = out @ self.kept.T @ self.kept
        elif self.ignored is not None:
            out = out - out @ self.ignored.T @ self.ignored
        length = np.linalg.norm(out, axis=1, keepdims=True)
        if (length < _VANISHED).any():
            raise InputError(
                "nothing is left of the prompt once it is guided; ignore less, or ask for "
                "something that the guide speaks of"
            )
        return np.asarray(out / length, dtype=np.float32)


def _orthonormal(rows: F64) -> F64:
    """An orthonormal basis ``(r, dim)`` of the span of rows."""
    _, values, basis = np.linalg.svd(rows, full_matrices=False)
    found: F64 = basis[values > _VANISHED * max(values[0], _VANISHED)]
    return found
