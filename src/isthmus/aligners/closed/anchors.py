"""Anchors: known pairs as the coordinates of the space, without any fitting (ASIF)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.base import Aligner, Projection, SharedRows, check_positive
from isthmus.aligners.heads import AnchorHead
from isthmus.aligners.traits import Abilities, Search
from isthmus.core.contracts import Head
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.core.rows import thin
from isthmus.core.wording import count

_MIN_ANCHORS = 3
"""About their mean, two anchors lie on one line and tell only two sides apart."""


class Anchors(Aligner):
    """Describe an item by the known pairs it resembles, in its own view.

    ``r(x) = l2(top-k(max(0, x·anchorsᵀ))^power)`` on centred unit vectors. Norelli et
    al., "ASIF", NeurIPS 2023. Anchors are records that have every view.

    Args:
        k: Coordinates kept of each row: a number, or a share of the anchors in 0…1.
        power: Exponent of the similarities.
        max_anchors: More records than this are thinned out evenly.
    """

    name = "anchors"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=30,
        grid=tuple({"k": k, "power": power} for k in (0.2, 0.5) for power in (4.0, 8.0)),
        beside=1,
    )

    def __init__(self, k: float = 0.4, power: float = 8.0, max_anchors: int = 2000) -> None:
        self.k = check_positive(k, "k")
        self.power = check_positive(power, "power")
        if max_anchors < _MIN_ANCHORS:
            raise InputError(f"max_anchors must be at least {_MIN_ANCHORS}, got {max_anchors}")
        self.max_anchors = max_anchors

    def fit(self, pairs: Pairs) -> Self:
        """Take the complete records as anchors."""
        self.heads_ = self._heads(self.admit(pairs), Memo())
        return self

    def _heads(self, pairs: PairedVectors, memo: Memo) -> dict[str, Head]:
        rows = pairs.rows(*pairs.views)
        if len(rows) < _MIN_ANCHORS:
            raise DataError(
                f"{count(len(rows), 'record has', 'records have')}"
                f" all of {', '.join(pairs.views)}, anchors need at "
                f"least {_MIN_ANCHORS}; use CCA, which can join them through other views"
            )
        rows = thin(rows, self.max_anchors)
        k = max(1, round(self.k * len(rows))) if self.k <= 1 else int(self.k)
        known = memo.get(
            ("anchors", self.max_anchors), lambda: {m: _placed(pairs, m, rows) for m in pairs.views}
        )
        return {
            m: AnchorHead(mean, anchors, k=k, power=self.power)
            for m, (mean, anchors) in known.items()
        }

    def projection(self, pairs: PairedVectors, memo: Memo) -> Projection:
        """As ``fit``; rows are compared with the anchors once for all ``k`` and powers."""
        heads = self._heads(self.admit(pairs), memo)
        key = ("similarities", memo, self.max_anchors)

        def project(rows: SharedRows, view: str) -> F32:
            head = heads[view]
            assert isinstance(head, AnchorHead)
            return head.coordinates(rows.memo.get(key, lambda: head.similarities(rows.x)))

        return project


def _placed(pairs: PairedVectors, m: str, rows: NDArray[np.intp]) -> tuple[F32, F32]:
    """The mean ``(d,)`` of a view and its anchors ``(n, d)``, unit vectors about it."""
    mean = pairs.vectors[m][pairs.present[m]].mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32), l2_normalize(pairs.vectors[m][rows] - mean).astype(np.float32)
