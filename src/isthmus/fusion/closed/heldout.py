"""What a linear learner says of rows that it has not seen, without a second fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion import inner
from isthmus.fusion.closed.block import Block
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import Learner, discriminant, discriminates
from isthmus.fusion.target import Target

FOLDS = 10
"""Folds at least, where there are as many groups."""
_LARGEST_FOLD = 100
"""Rows of a fold at most; the smaller folds are, the less their systems of equations cost."""
_ROWS = 2048
"""Rows that are held out at most: weights of a few parts need no more."""
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Held:
    """Rows dealt into folds.

    Attributes:
        rows: All of them.
        target: Of all.
        folds: Of each the rows that it holds out; not every row need be in one.
        memo: What was computed of them.
    """

    rows: PairedVectors
    target: Target
    folds: tuple[Rows, ...]
    memo: Memo = field(default_factory=Memo)

    @cached_property
    def index(self) -> Rows:
        """The rows that are held out once, in the order of the folds."""
        return np.concatenate(self.folds)

    @cached_property
    def truth(self) -> Target:
        """Target of these rows."""
        return self.target.take(self.index)

    def there(self, views: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which of these rows have all views."""
        there: NDArray[np.bool_] = np.logical_and.reduce(
            [self.rows.present[view][self.index] for view in views]
        )
        return there

    def components_of(self, block: Block) -> F64:
        """Components of these rows ``(h, r)``; a view that a row lacks adds nothing to them."""

        def made() -> F64:
            total = np.zeros((len(self.index), len(block.values)))
            for view, side in block.sides.items():
                there = self.rows.present[view][self.index]
                total += side.components(self.rows.vectors[view][self.index]) * there[:, None]
            return total

        return self.memo.latest("components", block, made)


def deal(rows: PairedVectors, target: Target, seed: int = 0) -> Held:
    """Deal rows into folds that no group straddles and that hold classes alike.

    Args:
        rows: ``n`` records; those of one group stay together.
        target: Of the same records.
        seed: Of the order in which they are dealt.
    """
    n = len(rows)
    labels = inner.deal(rows, target, max(FOLDS, -(-n // _LARGEST_FOLD)), seed)
    count = int(labels.max()) + 1
    enough = max(int(np.ceil(count * min(1.0, _ROWS / n))), min(count, FOLDS))
    return Held(rows, target, tuple(np.flatnonzero(labels == each) for each in range(enough)))


def held_out(joined: Joined, block: Block, held: Held, ridge: float, learner: Learner) -> F64:
    """Scores less the prior of each row by a fit without its fold, ``(h, width)``.

    The errors of a linear smoother on rows that are left out follow from those on rows that are
    not, ``(I − H_FF)⁻¹ e_F`` (Allen 1974; Stone 1974); so do its coefficients. The penalty is that
    of all rows. Exact where every record that has one view of the block has all; rows that lack
    one are zero.

    Args:
        joined: Moments with the target, of all rows.
        block: Directions of views.
        held: The rows in folds.
        ridge: Penalty, in the block's unit.
        learner: ``"ridge"`` or ``"lda"``.
    """
    components = held.components_of(block)
    there = held.there(tuple(block.sides))
    regressed = (held.truth.matrix - joined.origin) @ joined.regressed
    out = np.zeros((len(held.index), joined.width))
    start = 0
    for fold in held.folds:
        rows = start + np.flatnonzero(there[start : start + len(fold)])
        start += len(fold)
        if 0 < len(rows) < block.count - 1:
            out[rows] = _without(joined, block, components[rows], regressed[rows], ridge, learner)
    return out


def _without(joined: Joined, block: Block, x: F64, y: F64, ridge: float, learner: Learner) -> F64:
    """Scores less the prior of rows ``x`` with truth ``y`` by a fit without them."""
    n, left = block.count, block.count - len(x)
    mean = joined.mean @ joined.regressed
    inverse = 1 / (n * (block.values + ridge * block.unit))
    slopes = block.onto * (n * inverse)[:, None]
    leverage = 1 / n + (x * inverse) @ x.T
    errors = np.linalg.solve(np.eye(len(x)) - leverage, y - mean - x @ slopes)
    slopes = slopes - inverse[:, None] * (x.T @ errors)
    # Means and covariance of the rows that stay; all rows of a block have mean zero.
    origin, prior = -x.sum(axis=0) / left, (n * mean - y.sum(axis=0)) / left
    if learner == "lda" and discriminates(joined.kind):
        onto = (n * block.onto - x.T @ (y - mean)) / left - np.outer(origin, prior - mean)
        weight, bias = discriminant(onto, slopes, prior, joined.kind)
        return np.asarray((x - origin) @ weight + bias, dtype=np.float64)
    return np.asarray((x - origin) @ slopes @ joined.regressed.T, dtype=np.float64)
