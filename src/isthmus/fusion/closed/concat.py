"""Early fusion: the views of a record as one vector."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.block import block_of_views
from isthmus.fusion.closed.patterns import Pattern, Views, patterns_of
from isthmus.fusion.closed.tuned import Bench, Tuned
from isthmus.fusion.closed.views import GRID, ClosedFusion

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

    def _fit_bench(self, bench: Bench, memo: Memo, rows: PairedVectors | None) -> None:
        parts = self._tuned(bench, memo)
        prior = bench.joined.prior
        patterns: dict[Views, Pattern] = {(): Pattern(prior, {})}
        weights: dict[str, list[F64]] = {view: [] for view in parts}
        for views in patterns_of(rows, tuple(parts)):
            chosen = [parts[view] for view in views]
            part = chosen[0] if len(views) == 1 else self._joint(bench, views, chosen)
            rest = prior + part.fitted.offset + part.slope * part.inner.bias
            patterns[views] = Pattern(rest, {v: (len(weights[v]), part.slope) for v in views})
            for view, side in part.block.sides.items():
                weights[view].append(side.weight(part.inner.weight))
        self._learned({v: p.block.sides[v].mean for v, p in parts.items()}, weights, patterns)

    def _joint(self, bench: Bench, views: Views, parts: Sequence[Tuned]) -> Tuned:
        """One predictor of exactly these views."""
        blocks = {view: part.block for view, part in zip(views, parts, strict=True)}
        penalties = [part.ridge * part.block.unit for part in parts]
        block = block_of_views(bench.joined, blocks, penalties)
        return bench.tuned(block, _FACTORS, max(parts, key=lambda part: part.gain).learner)
