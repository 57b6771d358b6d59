"""The one contract of aligners: ``fit`` on paired vectors, ``transform`` into the space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from isthmus.aligners.traits import Abilities, Search
from isthmus.core.contracts import Head
from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.estimator import Estimator
from isthmus.core.linalg import F32, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs, as_pairs
from isthmus.moments.moments import Moments

MIN_PAIRS = 2
"""Fewer rows have no covariance."""


@dataclass(frozen=True, eq=False)
class SharedRows:
    """Native vectors of one view that many aligners map, with what they share.

    Attributes:
        x: ``(n, dim)``.
        memo: What was computed of these rows and one training set.
    """

    x: F32
    memo: Memo = field(default_factory=Memo)


Projection = Callable[[SharedRows, str], F32]
"""Native vectors of a view to unit vectors ``(n, k)`` of a space, as :meth:`Aligner.transform`."""


@runtime_checkable
class Incremental(Protocol):
    """An aligner that declares the ability ``incremental``."""

    def partial_fit(self, pairs: Pairs) -> Self:
        """Learn from these rows and all that were seen before."""
        ...

    def forget(self, pairs: Pairs) -> Self:
        """Learn as if these rows, seen before, had never been there."""
        ...


class Aligner(Estimator, ABC):
    """Maps native vectors of several views to unit vectors of one space.

    Subclasses set hyper-parameters in ``__init__`` under the names of its arguments, as
    scikit-learn estimators do, and leave fitted heads in ``heads_``. They begin ``fit`` with
    :meth:`admit`, which refuses rows that they do not declare to handle.

    Attributes:
        name: The id users type.
        abilities: What it can do.
        search: How a selection searches it.
        heads_: Head by view, after ``fit``.
    """

    noun = "aligner"
    abilities: ClassVar[Abilities] = Abilities()
    search: ClassVar[Search] = Search()
    heads_: dict[str, Head]

    @abstractmethod
    def fit(self, pairs: Pairs) -> Self:
        """Learn the heads.

        Args:
            pairs: Rows that belong together; a plain mapping means that none is missing.

        Returns:
            Itself.

        Raises:
            DataError: If the pairs do not suffice.
            VectorError: If vectors are not finite numbers.
        """

    def transform(self, x: Array, view: str) -> F32:
        """Native vectors ``(n, dim)`` of a view to unit vectors ``(n, k)`` float32.

        Raises:
            NotFittedError: Before ``fit``.
            InputError: If the view was not part of ``fit``.
        """
        heads: dict[str, Head] | None = getattr(self, "heads_", None)
        if heads is None:
            raise NotFittedError(f"{type(self).__name__} is not fitted; call fit first")
        if view not in heads:
            raise InputError(f"no head for {view!r}; there are: {', '.join(heads)}")
        return heads[view](x)

    def projection(self, pairs: PairedVectors, memo: Memo) -> Projection:
        """What ``fit`` and ``transform`` do, where many aligners are tried on the same rows.

        An aligner that shares work with others of its kind overrides this; it then needs no
        heads. The result may differ from ``transform`` by rounding.

        Args:
            pairs: Training rows.
            memo: What was computed of these rows.

        Raises:
            DataError: If the pairs do not suffice.
        """
        self.fit(pairs)
        return self._transform_shared

    def _transform_shared(self, rows: SharedRows, view: str) -> F32:
        return self.transform(rows.x, view)

    def admit(self, pairs: Pairs) -> PairedVectors:
        """Rows that this aligner can handle.

        Raises:
            DataError: If there are fewer than two views, or more of them, or missing rows,
                and the aligner does not declare to handle that.
            VectorError: If vectors are not finite numbers.
        """
        rows = as_pairs(pairs)
        self._check_views(rows.views)
        if not self.abilities.missing_rows:
            lacks = {m: int((~here).sum()) for m, here in rows.present.items() if not here.all()}
            if lacks:
                listed = ", ".join(f"{count} lack {m}" for m, count in lacks.items())
                raise DataError(
                    f"{type(self).__name__} needs every view of every record, but of "
                    f"{len(rows)} records {listed}; leave those out, or use CCA, which learns "
                    "from records that lack a view"
                )
        return rows

    def _check_views(self, views: Sequence[str]) -> None:
        name = type(self).__name__
        if len(views) < 2:
            raise DataError(f"{name} joins at least 2 views, got {', '.join(views)}")
        if len(views) > 2 and not self.abilities.many_views:
            raise DataError(
                f"{name} joins exactly 2 views, got {len(views)} ({', '.join(views)}); use CCA, "
                "which joins any number"
            )


class MomentsAligner(Aligner):
    """An aligner in closed form: a pure function of :class:`Moments`.

    ``fit`` starts anew; ``partial_fit`` adds rows to what was seen before, which may bring
    views of their own; ``forget`` takes rows out again. Both give what one fit on the
    resulting rows gives. A fit that fails leaves the aligner as it was.
    """

    abilities = Abilities(missing_rows=True, many_views=True, incremental=True)
    moments_: Moments

    def fit(self, pairs: Pairs) -> Self:
        """Learn the heads from these rows alone."""
        return self.fit_moments(Moments.of(self.admit(pairs)))

    def partial_fit(self, pairs: Pairs) -> Self:
        """Learn the heads from these rows and all that were seen before."""
        rows = self.admit(pairs)
        if not hasattr(self, "moments_"):
            return self.fit(rows)
        return self.fit_moments(self.moments_ + Moments.of(rows))

    def forget(self, pairs: Pairs) -> Self:
        """Learn the heads as if these rows, seen before, had never been there."""
        if not hasattr(self, "moments_"):
            raise NotFittedError(
                f"{type(self).__name__} has not seen any rows, so it cannot forget any; call fit "
                "first"
            )
        return self.fit_moments(self.moments_ - Moments.of(self.admit(pairs)))

    def fit_moments(self, moments: Moments) -> Self:
        """Learn the heads from moments, wherever they were summed."""
        self._check_moments(moments)
        self.heads_ = self._heads(moments)
        self.moments_ = moments
        return self

    def projection_of(self, moments: Moments) -> Projection:
        """As :meth:`projection`, from moments."""
        self.fit_moments(moments)
        return self._transform_shared

    def _check_moments(self, moments: Moments) -> None:
        self._check_views(moments.views)
        for m in moments.views:
            paired = sum(moments.count(m, other) for other in moments.neighbours(m))
            if paired < MIN_PAIRS:
                raise DataError(
                    f"{m} shares {paired:.0f} records with the other views, need at least "
                    f"{MIN_PAIRS}; add records that have {m} and something else"
                )

    @abstractmethod
    def _heads(self, moments: Moments) -> dict[str, Head]:
        """The heads that these moments determine."""


def pivot_of(moments: Moments, pivot: str | None) -> str:
    """The view that the others are mapped onto.

    Args:
        moments: Of all views.
        pivot: A choice of the user's, or None for the view that is paired with the most
            others, then with the most records; ties go to text, then to the first.

    Raises:
        DataError: If the pivot is unknown or shares no record with some other view.
    """
    if pivot is None:
        pivot = max(
            moments.views,
            key=lambda m: (
                len(moments.neighbours(m)),
                sum(moments.count(m, other) for other in moments.neighbours(m)),
                m == "text",
            ),
        )
    if pivot not in moments.dims:
        raise DataError(
            f"there is no view {pivot!r} for the pivot; the views are {', '.join(moments.dims)}"
        )
    for m in moments.views:
        if m != pivot and moments.count(m, pivot) <= 0:
            raise DataError(
                f"no record has both {m} and the pivot {pivot}; use CCA, which can join them "
                "through other views"
            )
    return pivot


def check_positive(value: float, name: str) -> float:
    """A hyper-parameter that must be a positive, finite number."""
    if not isinstance(value, int | float | np.number):
        raise InputError(f"{name} must be a number, got {value!r}")
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{name} must be positive, got {value}")
    return value
