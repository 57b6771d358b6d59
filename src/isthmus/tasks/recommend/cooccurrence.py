"""What is taken together: a linear item model in closed form, from moments that add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, F64
from isthmus.core.paired import PairedVectors
from isthmus.datasets.interactions import Interactions
from isthmus.moments import Moments

VIEW = "taken"
MOST_ITEMS = 5_000
"""Items whose co-occurrence is kept: the time to invert grows with the cube, the sums take 200 MB.
Of more items the most frequent are kept; the others are recommended by content."""
_USERS = 2_048
"""Users whose rows are dense at a time."""


def taken_moments(interactions: Interactions) -> Moments:
    """The moments of users as rows of zeros and ones, ``XᵀX`` among them.

    They add, and a user who is subtracted is as if never seen, to the last bit: all sums are whole
    numbers.

    Args:
        interactions: Whose items are the columns.

    Raises:
        DataError: If there are more than :data:`MOST_ITEMS` items, or none.
    """
    n = len(interactions.items)
    if not 0 < n <= MOST_ITEMS:
        raise DataError(f"co-occurrence needs 1 to {MOST_ITEMS:,} items, got {n:,}")
    sums = Moments({VIEW: n})
    active = np.unique(interactions.user)
    for start in range(0, len(active), _USERS):
        rows = interactions.matrix(users=active[start : start + _USERS])
        sums.update(PairedVectors({VIEW: rows.astype(np.float32)}))
    return sums


def together(moments: Moments) -> F64:
    """``XᵀX``, ``(n, n)``: how many users took both; zeros where there is no user."""
    n = moments.dims[VIEW]
    return moments.second(VIEW) if moments.count(VIEW) else np.zeros((n, n))


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """EASE: the item-to-item weights that best rebuild what each user took.

    ``B = I − P · diag(P)⁻¹`` with ``P = (XᵀX + λI)⁻¹`` minimises ``‖X − XB‖² + λ‖B‖²`` where no
    item may stand for itself. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data",
    WWW 2019.

    With ``neighbours`` they are cosines instead, see :func:`neighbour_weights`, which are better
    where tastes are broad, so that weak evidence has to add up.

    Attributes:
        moments: Of the users, see :func:`taken_moments`.
        ridge: λ, in interactions.
        neighbours: How many count; None for EASE.
        weights: ``(n, n)`` float32: what having the item of a row adds to that of a column; zeros
            on the diagonal, and for items that nobody took.
    """

    moments: Moments
    ridge: float
    weights: F32
    neighbours: int | None = None

    @classmethod
    def of(cls, moments: Moments, ridge: float, neighbours: int | None = None) -> Self:
        """Solve for the weights.

        Args:
            moments: Of users.
            ridge: λ, above 0.
            neighbours: Of each item, for cosines; None for EASE.

        Raises:
            DataError: If λ is not above 0.
        """
        if not ridge > 0:
            raise DataError(f"the ridge of co-occurrence must be above 0, got {ridge:g}")
        if neighbours is not None:
            return cls(moments, ridge, neighbour_weights(moments, neighbours), neighbours)
        gram = together(moments)
        inverse = _inverse(gram + ridge * np.eye(len(gram)))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        weights[:, np.diag(gram) == 0] = 0.0
        return cls(moments, ridge, weights.astype(np.float32))

    @property
    def counts(self) -> F64:
        """``(n,)`` how many users took each item."""
        return np.diag(together(self.moments)).copy()

    def without(self, interactions: Interactions) -> Self:
        """The same as if the users of these interactions had never been there.

        Args:
            interactions: All of the users who leave, over the same items.
        """
        rest = self.moments - taken_moments(interactions)
        return type(self).of(rest, self.ridge, self.neighbours)

    def scores(self, profiles: F64) -> F64:
        """``(u, n)`` of profiles ``(u, n)``, how much each user has of each item."""
        from scipy.sparse import csr_array

        out: F64 = csr_array(profiles) @ self.weights.astype(np.float64)
        return out


def neighbour_weights(moments: Moments, k: int = 50) -> F32:
    """Cosines of items by who took them, each column with its ``k`` nearest.

    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.

    Args:
        moments: Of users, see :func:`taken_moments`.
        k: Neighbours that count.

    Returns:
        ``(n, n)`` float32, zeros on the diagonal.

    Raises:
        DataError: If ``k`` is below 1.
    """
    if k < 1:
        raise DataError(f"k must be at least 1, got {k}")
    gram = together(moments)
    lengths = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    cosine = gram / np.outer(lengths, lengths)
    np.fill_diagonal(cosine, 0.0)
    if k < len(cosine):
        least = np.partition(cosine, -k, axis=0)[-k]
        cosine[cosine < least] = 0.0
    return np.asarray(cosine, dtype=np.float32)


def _inverse(matrix: F64) -> F64:
    """Of a positive definite matrix, in half the time of ``np.linalg.inv``."""
    from scipy.linalg import lapack

    factor, _ = lapack.dpotrf(matrix, lower=True)
    half, _ = lapack.dpotri(factor, lower=True)
    lower = np.tril(half)
    out: F64 = lower + np.tril(half, -1).T
    return out
