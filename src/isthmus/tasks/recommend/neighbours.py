"""Item-based nearest neighbours: the plain rival of co-occurrence."""

from __future__ import annotations

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F32
from isthmus.moments import Moments
from isthmus.tasks.recommend.cooccurrence import VIEW


def neighbour_weights(moments: Moments, k: int = 50) -> F32:
    """Cosines of items by who took them, each column with its ``k`` nearest.

    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.

    Args:
        moments: Of users, see :func:`isthmus.tasks.recommend.cooccurrence.taken_moments`.
        k: Neighbours that count.

    Returns:
        ``(n, n)`` float32, zeros on the diagonal.

    Raises:
        DataError: If ``k`` is below 1.
    """
    if k < 1:
        raise DataError(f"k must be at least 1, got {k}")
    gram = moments.second(VIEW)
    lengths = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    cosine = gram / np.outer(lengths, lengths)
    np.fill_diagonal(cosine, 0.0)
    if k < len(cosine):
        least = np.partition(cosine, -k, axis=0)[-k]
        cosine[cosine < least] = 0.0
    return np.asarray(cosine, dtype=np.float32)
