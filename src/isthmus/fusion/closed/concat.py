"""Early fusion: the views of a record as one vector."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.block import block_of_views
from isthmus.fusion.closed.heldout import Held
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.patterns import Pattern, Views, patterns_of
from isthmus.fusion.closed.tuned import Tuned, tuned
from isthmus.fusion.closed.views import GRID, ClosedFusion
from isthmus.fusion.target import Target

_FACTORS = (0.5, 1.0, 2.0, 4.0)
"""What the penalties of the views are multiplied by where they are joined; held-out rows choose."""


class Concat(ClosedFusion):
    """One linear predictor of all views side by side.

    Each view is divided by the root of the penalty that suits it alone, so that a single penalty
    of the joint predictor is a penalty of its own for each view. For records that lack a view there
    is a predictor of those that they have, from the same moments: with no penalty this is what the
    joint one says where the missing view is its conditional mean given the others.
    """

    name = "concat"
    search = Search(place=50, grid=GRID)

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        joined, held = self._of_rows(rows, target, memo)
        parts = self._tuned(joined, held, memo)
        patterns = {(): Pattern(joined.prior, {})}
        weights: dict[str, list[F64]] = {view: [] for view in parts}
        for chosen in patterns_of(rows, tuple(parts)):
            part = self._predictor(joined, held, chosen, parts)
            factor = part.slope
            rest = joined.prior + part.fitted.offset + factor * part.inner.bias
            patterns[chosen] = Pattern(rest, {v: (len(weights[v]), factor) for v in chosen})
            for view, side in part.block.sides.items():
                weights[view].append(side.weight(part.inner.weight))
        self._learned({v: p.block.sides[v].mean for v, p in parts.items()}, weights, patterns)

    def _predictor(
        self, joined: Joined, held: Held, views: Views, parts: Mapping[str, Tuned]
    ) -> Tuned:
        """One of exactly these views."""
        if len(views) == 1:
            return parts[views[0]]
        chosen = [parts[view] for view in views]
        block = block_of_views(
            joined,
            {v: p.block for v, p in zip(views, chosen, strict=True)},
            [p.ridge * p.block.unit for p in chosen],
        )
        learner = max(chosen, key=lambda part: part.gain).learner
        return tuned(joined, block, held, ridges=_FACTORS, learner=learner)
