"""What closed forms share: hyper-parameters of a linear predictor, and those of each view."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Params
from isthmus.core.errors import InputError
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.block import block_of_view
from isthmus.fusion.closed.heldout import Held, deal
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import LEARNERS, Learner
from isthmus.fusion.closed.patterns import LinearFusion
from isthmus.fusion.closed.tuned import RIDGES, Tuned, tuned
from isthmus.fusion.target import Target

GRID: tuple[Params, ...] = (
    {"learner": None, "scale": None},
    {"learner": "lda", "scale": False},
    {"learner": "ridge", "scale": True},
    {"learner": "ridge", "scale": False},
    {"learner": "lda", "scale": True},
)
"""What a selection tries; penalties are chosen inside each fit, by rows held out of it."""


class ClosedFusion(LinearFusion):
    """Keeps the hyper-parameters of a linear predictor, and tunes one for each view.

    Args:
        ridge: λ of every view, relative to the mean eigenvalue of its covariance; None lets each
            view choose by held-out rows.
        learner: ``"ridge"``, or ``"lda"``: discriminant analysis, of classes and labels; None lets
            each view choose.
        scale: Standardise columns first; None lets each view choose.
    """

    def __init__(
        self, ridge: float | None = None, learner: Learner | None = None, scale: bool | None = None
    ) -> None:
        self.ridge = None if ridge is None else check_positive(ridge, "ridge")
        if learner is not None and learner not in LEARNERS:
            raise InputError(f"learner is one of {', '.join(LEARNERS)}, got {learner!r}")
        self.learner = learner
        self.scale = scale

    def _of_rows(self, rows: PairedVectors, target: Target, memo: Memo) -> tuple[Joined, Held]:
        joined = memo.get("joined", lambda: Joined.of(rows, target))
        return joined, memo.get("held", lambda: deal(rows, target))

    def _tuned(self, joined: Joined, held: Held, memo: Memo) -> dict[str, Tuned]:
        """The best predictor of each view that says something."""
        ridges = RIDGES if self.ridge is None else (self.ridge,)
        learners: Sequence[Learner] = (self.learner,) if self.learner else ("ridge", "lda")
        if joined.kind not in ("classes", "labels"):
            learners = ("ridge",)
        scales = (False, True) if self.scale is None else (self.scale,)
        found = {}
        for view in joined.views:
            if joined.useful(view):
                tried = [
                    _one(joined, held, view, memo, (ridges, learner, scale))
                    for learner, scale in product(learners, scales)
                ]
                found[view] = min(tried, key=lambda each: each.fitted.loss)
        return found


def _one(
    joined: Joined,
    held: Held,
    view: str,
    memo: Memo,
    how: tuple[tuple[float, ...], Learner, bool],
) -> Tuned:
    ridges, learner, scale = how

    def made() -> Tuned:
        block = block_of_view(joined, view, scale=scale)
        return tuned(joined, block, held, ridges=ridges, learner=learner)

    return memo.get(("tuned", view, *how), made)
