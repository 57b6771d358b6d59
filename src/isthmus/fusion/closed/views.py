"""What closed forms share: hyper-parameters of a linear predictor, and those of each view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Literal, Self

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Params
from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion.closed.block import block_of_view
from isthmus.fusion.closed.heldout import deal
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import LEARNERS, Learner, discriminates
from isthmus.fusion.closed.patterns import LinearFusion
from isthmus.fusion.closed.tuned import RIDGES, Bench, RowBench, SumBench, Tuned
from isthmus.fusion.target import Scale, Target

GRID: tuple[Params, ...] = (
    {"learner": None, "scale": None},
    {"learner": "lda", "scale": False},
    {"learner": "ridge", "scale": True},
    {"learner": "ridge", "scale": False},
    {"learner": "lda", "scale": True},
)
"""What a selection tries; penalties are chosen inside each fit, by rows held out of it."""


Inner = Literal["rows", "moments"]


class ClosedFusion(LinearFusion):
    """Keeps the hyper-parameters of a linear predictor, and tunes one for each view.

    Args:
        ridge: λ of every view, relative to the mean eigenvalue of its covariance; None lets each
            view choose.
        learner: ``"ridge"``; ``"lda"``: discriminant analysis, of classes and labels; or
            ``"logistic"`` regression of these by scikit-learn, on at most 2,048 records, which is
            slower and needs rows. None lets each view choose between the first two.
        scale: Standardise columns first; None lets each view choose.
        inner: What choices and weights are judged by: ``"rows"`` held out inside the fit, groups
            kept together; or ``"moments"``, by generalised cross-validation. The fit is then a pure
            function of moments, so that rows can be added and taken out again.
    """

    joined_: Joined

    def __init__(
        self,
        ridge: float | None = None,
        learner: Learner | None = None,
        scale: bool | None = None,
        inner: Inner = "rows",
    ) -> None:
        self.ridge = None if ridge is None else check_positive(ridge, "ridge")
        if learner is not None and learner not in LEARNERS:
            raise InputError(f"learner is one of {', '.join(LEARNERS)}, got {learner!r}")
        if inner not in ("rows", "moments"):
            raise InputError(f"inner is 'rows' or 'moments', got {inner!r}")
        if inner == "moments" and learner == "logistic":
            raise InputError("logistic regression needs rows; use inner='rows', or learner='lda'")
        self.learner = learner
        self.scale = scale
        self.inner = inner

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        joined = memo.get("joined", lambda: Joined.of(rows, target))
        if self.inner == "moments":
            self._fit_sums(joined, target)
            return
        held = memo.get("held", lambda: deal(rows, target))
        self._fit_bench(memo.get("bench", lambda: RowBench(joined, held)), memo, rows)

    def fit_moments(self, joined: Joined, target: Target) -> Self:
        """Learn from moments, wherever they were summed.

        Args:
            joined: Moments of views and a target.
            target: Its kind and names; rows are not looked at.

        Raises:
            DataError: If hyper-parameters need rows, or the target is a time until an event, whose
                place in the order of all others no sum knows.
        """
        self.scale_ = Scale()
        return self._fit_sums(joined, target)

    def _fit_sums(self, joined: Joined, target: Target) -> Self:
        if self.inner != "moments":
            raise DataError(
                f"{self.name} judges by held-out rows; to learn from moments alone, make it with "
                "inner='moments'"
            )
        if target.kind == "survival":
            raise DataError("survival is learned from rows; make it with inner='rows'")
        self.views_ = {view: joined.moments.dims[view] for view in joined.views}
        self.target_ = Target(target.kind, target.values[:0], target.names)
        self._fit_bench(SumBench(joined), Memo(), None)
        self.joined_ = joined
        return self

    def partial_fit(self, rows: PairedVectors, target: Target) -> Self:
        """Learn from these rows and all that were seen before.

        Raises:
            DataError: As :meth:`fit_moments`, or if the target is another one.
        """
        if not hasattr(self, "joined_"):
            if self.inner == "moments":
                return self.fit(rows, target)
            return self.fit_moments(Joined.of(rows, target), target)
        return self._fit_sums(self.joined_ + self._more(rows, target), target)

    def forget(self, rows: PairedVectors, target: Target) -> Self:
        """Learn as if these rows, seen before, had never been there.

        Sums do not tell whose rows they are of: that each row was seen, and is forgotten once, is
        noticed only where otherwise fewer than none would be left.

        Raises:
            NotFittedError: If no rows were seen.
            DataError: As :meth:`partial_fit`, or if that is noticed, or no rows are left.
        """
        if not hasattr(self, "joined_"):
            raise NotFittedError(
                f"{self.name} keeps no moments, so it cannot forget rows; make it with "
                "inner='moments' and call fit first"
            )
        return self._fit_sums(self.joined_ - self._more(rows, target), target)

    def _more(self, rows: PairedVectors, target: Target) -> Joined:
        known = self.target_
        if (target.kind, target.names) != (known.kind, known.names):
            raise DataError(
                f"learned {known.kind} named {', '.join(known.names)}, got {target.kind} named "
                f"{', '.join(target.names)}; more rows need the same target"
            )
        more = target.scaled(self.scale_)
        return Joined.of(self._known(rows), more, self.joined_.origin)

    @abstractmethod
    def _fit_bench(self, bench: Bench, memo: Memo, rows: PairedVectors | None) -> None:
        """Learn from what the bench knows.

        Args:
            bench: Where predictors are tuned.
            memo: What others that are fitted on the same rows share.
            rows: Training records, where there are any.
        """

    def _tuned(self, bench: Bench, memo: Memo) -> dict[str, Tuned]:
        """The best predictor of each view that says something."""
        joined = bench.joined
        ridges = RIDGES if self.ridge is None else (self.ridge,)
        learners: Sequence[Learner] = (self.learner,) if self.learner else ("ridge", "lda")
        if not discriminates(joined.kind):
            learners = ("ridge",)
        elif isinstance(bench, SumBench):
            learners = learners[:1]
        scales = (False, True) if self.scale is None else (self.scale,)

        def one(view: str, learner: Learner, scale: bool) -> Tuned:
            return memo.get(
                ("tuned", view, ridges, learner, scale),
                lambda: bench.tuned(block_of_view(joined, view, scale=scale), ridges, learner),
            )

        return {
            view: max(
                (one(view, learner, scale) for scale, learner in product(scales, learners)),
                key=lambda part: part.gain,
            )
            for view in joined.views
            if joined.useful(view)
        }
