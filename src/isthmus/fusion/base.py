"""The one contract of fusion: ``fit`` on the views of records, ``scores`` of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.traits import Search
from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.estimator import Estimator
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import rows_at_fault
from isthmus.fusion.shapley import Shares, shapley_shares
from isthmus.fusion.target import KINDS, Kind, Scale, Target

State = tuple[dict[str, Any], dict[str, Array]]
"""What was learned: a document and arrays by name."""


@runtime_checkable
class LinearViews(Protocol):
    """A fusion whose shares are linear in each view, so that they split up further."""

    def linear(self, view: str, there: Collection[str]) -> tuple[F64, F64]:
        """Mean ``(d,)`` and weight ``(d, width)``: the share of a view is ``(x − mean) @ weight``.

        Args:
            view: The view, one of ``there``.
            there: All views that the record has.
        """
        ...


class Fusion(Estimator, ABC):
    """Joins the views of a record, some of them missing, to scores of a target.

    Scores are what probabilities follow from: of classes, softmax over the columns; of labels and
    of boundaries between grades, a sigmoid of each; of a number, the number; of survival, the
    log of the hazard relative to others (higher is sooner).

    A number is standardised before a subclass learns it, and scores are told in its own unit, so
    that ``a · y + b`` is learned as ``y`` is, whatever the subclass does.

    Subclasses set hyper-parameters in ``__init__`` under the names of its arguments. Every fusion
    takes records that lack views, in ``fit`` and in ``scores``; a record that lacks all gets the
    scores of the mean record.

    Attributes:
        name: The id users type.
        kinds: Of targets that it learns.
        search: How a selection searches it.
        holds_others: Whether it is made of other fusions; ensembles do not take those in.
        views_: Dimension by view, after ``fit``.
        target_: The target it learned, without rows, after ``fit``.
        scale_: Of a number that it learned.
    """

    noun = "fusion"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    search: ClassVar[Search] = Search()
    holds_others: ClassVar[bool] = False
    views_: dict[str, int]
    target_: Target
    scale_: Scale = Scale()

    def fit(self, rows: PairedVectors, target: Target, *, memo: Memo | None = None) -> Self:
        """Learn from records.

        Args:
            rows: ``n`` records; those of one group stay together where it deals them into folds.
            target: Of the same ``n`` records.
            memo: What others that are fitted on the same rows and target share.

        Returns:
            Itself.

        Raises:
            DataError: If there are no rows, rows and target differ in length, or cannot be
                learned from.
        """
        if len(rows) != len(target):
            raise DataError(f"{len(rows)} records, but a target of {len(target)}")
        if not len(rows):
            raise DataError("there are no records to learn from")
        if target.kind not in self.kinds:
            raise DataError(f"{self.name} predicts {', '.join(self.kinds)}, not {target.kind}")
        self.views_ = {view: x.shape[1] for view, x in rows.vectors.items()}
        self.target_ = Target(target.kind, target.values[:0], target.names)
        self.scale_ = target.scale
        self._fit(rows, target.scaled(self.scale_), Memo() if memo is None else memo)
        return self

    def scores(self, rows: PairedVectors) -> F64:
        """Scores ``(n, width)`` of records, which may lack views that it has learned.

        Raises:
            NotFittedError: Before ``fit``.
            DataError: If a view has another dimension, or scores are not finite.
        """
        scores = self.scale_.origin + self.scale_.unit * self._scores(self._known(rows))
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(scores).all(axis=1))
        if not finite.all():
            bad = rows_at_fault(~finite)
            raise DataError(
                f"{self.name}: {bad} scores beyond what numbers can hold; check whether the views "
                "of these records are in the units that were learned"
            )
        return scores

    def shares(self, rows: PairedVectors) -> Shares:
        """What each view adds to the scores; where that is not a sum, Shapley's values are.

        Shapley, "A value for n-person games", 1953: the mean, over all orders in which the views
        may come, of what a view changes; exact, over the 2^v sets of views.
        """
        shares, unit = self._shares(self._known(rows)), self.scale_.unit
        views = {view: unit * share for view, share in shares.views.items()}
        return Shares(views, self.scale_.origin + unit * shares.rest)

    @abstractmethod
    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        """Learn; a number is standardised."""

    @abstractmethod
    def _scores(self, rows: PairedVectors) -> F64:
        """Scores of rows that have exactly the views that were learned; numbers standardised."""

    def _shares(self, rows: PairedVectors) -> Shares:
        return shapley_shares(self._scores, rows)

    @abstractmethod
    def state(self) -> State:
        """What was learned, as JSON-serialisable values and as arrays."""

    @abstractmethod
    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave; hyper-parameters, views, target and scale are set."""

    def _known(self, rows: PairedVectors) -> PairedVectors:
        """Rows with exactly the views that were learned; what they lack is marked as missing."""
        views = getattr(self, "views_", None)
        if views is None:
            raise NotFittedError(f"{type(self).__name__} is not fitted; call fit first")
        vectors, present = {}, {}
        for view, dim in views.items():
            if view not in rows.vectors:
                vectors[view] = np.zeros((len(rows), dim), dtype=np.float32)
                present[view] = np.zeros(len(rows), dtype=bool)
                continue
            if rows.vectors[view].shape[1] != dim:
                got = rows.vectors[view].shape[1]
                raise DataError(f"{view}: learned with dimension {dim}, got {got}")
            vectors[view], present[view] = rows.vectors[view], rows.present[view]
        if not any(view in rows.vectors for view in views):
            raise InputError(f"need at least one of the views {', '.join(views)}")
        encoders = {view: each for view, each in rows.encoders.items() if view in vectors}
        return PairedVectors(vectors, present, rows.ids, rows.groups, encoders)
