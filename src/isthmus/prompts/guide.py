"""Guides: subspaces that say which differences count when things are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, F64

KEPT = 0.95
"""Share of the squared length of the examples that their subspace keeps, as is usual for principal
components: what is left of many examples is their noise."""
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
        InputError: If the examples are all like the typical item, or span the whole space.

    Examples:
        >>> subspace(np.eye(3, 8, dtype=np.float32), np.zeros(8, dtype=np.float32)).shape
        (3, 8)
    """
    centred = examples.astype(np.float64) - typical
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    energy = values**2
    if not energy.sum() > _VANISHED**2 * len(examples):
        raise InputError("the examples do not differ from a typical item; give other examples")
    rank = int(np.searchsorted(np.cumsum(energy), KEPT * energy.sum() * (1 - 1e-9))) + 1
    if rank >= examples.shape[1] > 1:
        raise InputError(
            f"the examples differ in all {rank} dimensions of the space, so nothing else is left; "
            "give fewer examples, or more alike"
        )
    return np.asarray(rows[:rank], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Guide:
    """An orthogonal projection of the space, in which things are compared.

    It is symmetric, and done twice it is done once, so that ``⟨P q, x⟩ = ⟨P q, P x⟩``: a store can
    be searched for ``P q`` as it is, and only what is found need be projected.

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

    @property
    def changes_items(self) -> bool:
        """Whether items are projected before they are compared.

        Where differences are ignored, they are. Where a few alone count, only the query is: an
        item that says little of them then scores little, and is not blown up to unit length.
        """
        return self.ignored is not None

    def project(self, vectors: F32) -> F32:
        """Unit vectors ``(n, dim)`` projected, and of unit length again, or zero as what is left.

        Returns:
            ``(n, dim)`` float32.
        """
        out = vectors.astype(np.float64)
        if self.kept is not None:
            out = out @ self.kept.T @ self.kept
        elif self.ignored is not None:
            out = out - out @ self.ignored.T @ self.ignored
        length = np.linalg.norm(out, axis=1, keepdims=True)
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > _VANISHED)
        return np.asarray(out * scale, dtype=np.float32)


def _orthonormal(rows: F64) -> F64:
    """An orthonormal basis ``(r, dim)`` of the span of rows."""
    _, values, basis = np.linalg.svd(rows, full_matrices=False)
    found: F64 = basis[values > _VANISHED * max(values[0], _VANISHED)]
    return found
