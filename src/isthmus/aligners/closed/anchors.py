"""Anchors: known pairs as the coordinates of the space, without any fitting (ASIF)."""

from __future__ import annotations

from typing import Self

import numpy as np

from isthmus.aligners.base import Aligner, Pairs, check_positive
from isthmus.aligners.heads import AnchorHead
from isthmus.aligners.traits import Abilities, Search
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import l2_normalize
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
        pairs = self.admit(pairs)
        rows = pairs.rows(*pairs.views)
        if len(rows) < _MIN_ANCHORS:
            raise DataError(
                f"{count(len(rows), 'record has', 'records have')}"
                f" all of {', '.join(pairs.views)}, anchors need at "
                f"least {_MIN_ANCHORS}; use CCA, which can join them through other views"
            )
        rows = thin(rows, self.max_anchors)
        k = max(1, round(self.k * len(rows))) if self.k <= 1 else int(self.k)
        self.heads_ = {}
        for m in pairs.views:
            x = pairs.vectors[m][pairs.present[m]]
            mean = x.mean(axis=0, dtype=np.float64)
            anchors = l2_normalize(pairs.vectors[m][rows] - mean)
            self.heads_[m] = AnchorHead(mean, anchors, k=k, power=self.power)
        return self
