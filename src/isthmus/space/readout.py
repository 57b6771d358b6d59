"""From unit vectors to scores: plain cosine, or cosine corrected for hubness."""

from __future__ import annotations

from typing import Literal, cast, get_args

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, top_k_mean
from isthmus.core.wording import did_you_mean

Readout = Literal["instance", "semantic"]
NEIGHBOURS = 10
"""k of CSLS, as in the paper."""


def score(
    queries: F32,
    gallery: F32,
    *,
    readout: Readout,
    query_bank: F32,
    gallery_bank: F32,
    csls_strength: float = 1.0,
) -> F32:
    """Scores of queries against a gallery; larger is better.

    ``semantic`` is the cosine ``s``: what is alike in kind stays close. ``instance`` is
    cross-domain similarity local scaling (CSLS), ``2s − strength·(r_q + r_g)``, with ``r_q`` the
    mean cosine of a query to its nearest in the bank of the gallery's view, and ``r_g`` that of a
    gallery row to its nearest in the bank of the query's view; it stops a few hubs
    from winning every query. Conneau et al., "Word translation without parallel data",
    2018. The banks are training vectors, never queries of a test.

    Args:
        queries: ``(q, k)`` unit vectors.
        gallery: ``(g, k)`` unit vectors.
        readout: ``"instance"`` or ``"semantic"``.
        query_bank: Training vectors of the queries' view, ``(b, k)``.
        gallery_bank: Training vectors of the gallery's view, ``(c, k)``.
        csls_strength: How strongly ``instance`` corrects for hubness: 1 as in the paper, 0 not
            at all.

    Returns:
        ``(q, g)`` float32; −∞ for gallery rows of zeros, which stand for items that could
        not be used.
    """
    check_readout(readout)
    cosine: F32 = queries @ gallery.T
    cosine[:, ~gallery.any(axis=1)] = -np.inf
    if readout == "semantic":
        return cosine
    if csls_strength == 0:
        return 2 * cosine
    from_query = top_k_mean(queries @ gallery_bank.T, NEIGHBOURS)
    from_gallery = top_k_mean(gallery @ query_bank.T, NEIGHBOURS)
    hubness = np.float32(csls_strength) * (from_query[:, None] + from_gallery[None, :])
    return (2 * cosine - hubness).astype(np.float32, copy=False)


def check_readout(readout: str) -> Readout:
    """The same, or a refusal if there is no such read-out."""
    if readout not in get_args(Readout):
        known = get_args(Readout)
        hint = did_you_mean(readout, known)
        raise InputError(f"readout must be one of {', '.join(known)}, got {readout!r}.{hint}")
    return cast(Readout, readout)
