"""How alike items are by content, for profiles: plain cosine, or whitened by moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments

VIEW = "content"


def content_rows(items: PairedVectors) -> F64:
    """The views of items side by side, each of unit length; of a missing view its mean.

    Returns:
        ``(n, Σ dims)`` float64.
    """
    blocks = []
    for view, vectors in items.vectors.items():
        unit = np.asarray(l2_normalize(vectors.astype(np.float64)), dtype=np.float64)
        here = items.present[view]
        if not here.all() and here.any():
            unit[~here] = unit[here].mean(axis=0)
        blocks.append(unit)
    return np.concatenate(blocks, axis=1)


@dataclass(frozen=True, eq=False)
class Content:
    """Likeness of items: ``k(i, j) = aᵢ · bⱼ``.

    With a ridge it is ``(zᵢ − μ)ᵀ (Σ + ρ·tr(Σ)/d·I)⁻¹ (zⱼ − μ)``: a profile made of it is the
    ridge regression, from content, of what a user took on all items, in its dual form. Without one
    it is the cosine.

    Attributes:
        left: ``(n, d)`` of the items that are liked.
        right: ``(n, d)`` of the items that are scored.
        ridge: ρ, a share of the mean variance; None for the cosine.
    """

    left: F64
    right: F64
    ridge: float | None

    @classmethod
    def of(cls, rows: F64, ridge: float | None, known: F64 | None = None) -> Self:
        """Prepare the items.

        Args:
            rows: ``(n, d)``, see :func:`content_rows`.
            ridge: ρ; None for the cosine.
            known: ``(k, d)`` rows that the mean and covariance are of; all where there are none.
        """
        if ridge is None:
            unit = np.asarray(l2_normalize(rows), dtype=np.float64)
            return cls(unit, unit, None)
        some = rows if known is None or not len(known) else known
        sums = Moments.of(PairedVectors({VIEW: some.astype(np.float32)}))
        covariance = sums.covariance(VIEW)
        width = len(covariance)
        # Rows that are all the same have no spread, so that no direction counts more.
        level = ridge * np.trace(covariance) / width or 1.0
        centred = rows - sums.mean(VIEW)
        right = np.linalg.solve(covariance + level * np.eye(width), centred.T).T
        return cls(centred, np.ascontiguousarray(right), ridge)

    def scores(self, profiles: F64, items: NDArray[np.bool_] | None = None) -> F64:
        """``(u, m)`` of profiles ``(u, n)``, how much each user has of each item.

        Args:
            profiles: Of users.
            items: ``(n,)``, which items are scored; default: all.
        """
        from scipy.sparse import csr_array

        right = self.right if items is None else self.right[items]
        out: F64 = (csr_array(profiles) @ self.left) @ right.T
        return out
