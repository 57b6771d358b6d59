"""How well a space finds records from which nothing was learned, beside no signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.core.view import ViewPair
from isthmus.selection.folds import MAX_HELD
from isthmus.selection.measure import direct_pairs
from isthmus.selection.null import permutation_p, random_encoders, shuffled
from isthmus.space import Evaluation, Space, evaluate
from isthmus.space.report import Estimate, Null, summarise


def measured(space: Space, pairs: PairedVectors, seed: int) -> Estimate | None:
    """Figures on pairs that are all held out, as none was learned from.

    Args:
        space: Whose heads were there before the pairs.
        pairs: Native vectors of its views.
        seed: Of shuffles.

    Returns:
        One fold; None where no two views share two records.
    """
    shared = [(a, b) for a, b in direct_pairs(pairs) if len(pairs.rows(a, b)) > 1]
    if not shared:
        return None
    rng = np.random.default_rng(seed)
    true, mixed, random = (
        summarise([_evaluated(space, rows)])
        for rows in (pairs, shuffled(pairs, rng), random_encoders(pairs, rng))
    )
    return Estimate(
        folds=1,
        planned=1,
        held_out=true,
        null=Null(shuffled=mixed.directions, random=random.directions),
        p_values={
            ViewPair(a, b): permutation_p(_scores(space, pairs, a, b), seed=seed) for a, b in shared
        },
    )


def _evaluated(space: Space, pairs: PairedVectors) -> Evaluation:
    return evaluate(space.heads, space.banks, pairs, csls_strength=space.csls_strength)


def _scores(space: Space, pairs: PairedVectors, a: str, b: str) -> Sequence[F32]:
    """Of records that have both views: row i belongs to column i."""
    rows = thin(pairs.rows(a, b), MAX_HELD)
    x, y = (space.transform(pairs.vectors[view][rows], view) for view in (a, b))
    return [space.score(x, a, y, b)]
