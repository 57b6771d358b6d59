"""From unit vectors to scores: plain cosine, or cosine corrected for hubness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
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
    found = Cosines(cosine, queries @ gallery_bank.T, gallery @ query_bank.T)
    return found.scores(csls_strength=csls_strength)


@dataclass(frozen=True, eq=False)
class Cosines:
    """All that the read-outs look at, of ``q`` queries and ``g`` gallery rows.

    Attributes:
        pairs: ``(q, g)``, between queries and gallery rows.
        from_queries: ``(q, c)``, to the bank of the gallery's view.
        from_gallery: ``(g, b)``, to the bank of the queries' view.
    """

    pairs: F32
    from_queries: F32
    from_gallery: F32

    def scores(self, *, readout: Readout = "instance", csls_strength: float = 1.0) -> F32:
        """As :func:`score` gives them, ``(q, g)``."""
        if readout == "semantic":
            return self.pairs
        if csls_strength == 0:
            return 2 * self.pairs
        query, gallery = (
            top_k_mean(cosine, NEIGHBOURS) for cosine in (self.from_queries, self.from_gallery)
        )
        hubness = np.float32(csls_strength) * (query[:, None] + gallery[None, :])
        return (2 * self.pairs - hubness).astype(np.float32, copy=False)

    @classmethod
    def mean(cls, parts: Sequence[Cosines], weights: Sequence[float]) -> Cosines:
        """Those of spaces side by side, as :func:`isthmus.aligners.heads.concatenated` joins them.

        Args:
            parts: Of each space.
            weights: One positive number a part, of any sum.
        """
        total = sum(weights)

        def blend(name: str) -> F32:
            scaled = [
                np.float32(weight / total) * getattr(part, name)
                for weight, part in zip(weights, parts, strict=True)
            ]
            return cast(F32, sum(scaled[1:], scaled[0]))

        return cls(*(blend(field.name) for field in fields(cls)))


def check_readout(readout: str) -> Readout:
    """The same, or a refusal if there is no such read-out."""
    if readout not in get_args(Readout):
        known = get_args(Readout)
        hint = did_you_mean(readout, known)
        raise InputError(f"readout must be one of {', '.join(known)}, got {readout!r}.{hint}")
    return cast(Readout, readout)
