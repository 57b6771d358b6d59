"""The one contract of aligners: ``fit`` on paired vectors, ``transform`` into the space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Head
from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.moments.moments import Moments

MIN_PAIRS = 2


class Aligner(ABC):
    """Maps native vectors of several views to unit vectors of one space.

    Subclasses set hyper-parameters in ``__init__`` under the names of its arguments, as
    scikit-learn estimators do, and leave fitted heads in ``heads_``.

    Attributes:
        name: The id users type.
        heads_: Head by view, after ``fit``.
    """

    name: ClassVar[str]
    heads_: dict[str, Head]

    @abstractmethod
    def fit(self, pairs: PairedVectors | Mapping[str, NDArray[Any]]) -> Self:
        """Learn the heads.

        Args:
            pairs: Rows that belong together; a plain mapping means that none is missing.

        Returns:
            Itself.

        Raises:
            DataError: If the pairs do not suffice.
            VectorError: If vectors are not finite numbers.
        """

    def transform(self, x: NDArray[Any], view: str) -> F32:
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

    def get_params(self) -> dict[str, Any]:
        """Hyper-parameters by name."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.get_params().items())
        return f"{type(self).__name__}({inner})"


class MomentsAligner(Aligner):
    """An aligner in closed form: a pure function of :class:`Moments`.

    ``fit`` starts anew; ``partial_fit`` adds rows to what was seen before, which may bring
    views of their own; ``forget`` takes rows out again. Both give what one fit on the
    resulting rows gives. A fit that fails leaves the aligner as it was.
    """

    moments_: Moments

    def fit(self, pairs: PairedVectors | Mapping[str, NDArray[Any]]) -> Self:
        """Learn the heads from these rows alone."""
        return self.fit_moments(Moments.of(as_pairs(pairs)))

    def partial_fit(self, pairs: PairedVectors | Mapping[str, NDArray[Any]]) -> Self:
        """Learn the heads from these rows and all that were seen before."""
        rows = as_pairs(pairs)
        if not hasattr(self, "moments_"):
            return self.fit(rows)
        return self.fit_moments(self.moments_ + Moments.of(rows))

    def forget(self, pairs: PairedVectors | Mapping[str, NDArray[Any]]) -> Self:
        """Learn the heads as if these rows, seen before, had never been there."""
        if not hasattr(self, "moments_"):
            raise NotFittedError(f"{type(self).__name__} has seen nothing that it could forget")
        return self.fit_moments(self.moments_ - Moments.of(as_pairs(pairs)))

    def fit_moments(self, moments: Moments) -> Self:
        """Learn the heads from moments, wherever they were summed."""
        if len(moments.views) < 2:
            raise DataError(
                f"{type(self).__name__} joins at least 2 views, got {', '.join(moments.views)}"
            )
        for m in moments.views:
            paired = sum(moments.count(m, other) for other in moments.neighbours(m))
            if paired < MIN_PAIRS:
                raise DataError(
                    f"{m} shares {paired:.0f} records with the other views, need at least "
                    f"{MIN_PAIRS}; add records that have {m} and something else"
                )
        self.heads_ = self._heads(moments)
        self.moments_ = moments
        return self

    @abstractmethod
    def _heads(self, moments: Moments) -> dict[str, Head]:
        """The heads that these moments determine."""


def as_pairs(pairs: PairedVectors | Mapping[str, NDArray[Any]]) -> PairedVectors:
    """A plain mapping of arrays as paired vectors without missing rows."""
    return pairs if isinstance(pairs, PairedVectors) else PairedVectors(pairs)


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
        raise DataError(f"pivot {pivot!r} is no view; there are: {', '.join(moments.dims)}")
    for m in moments.views:
        if m != pivot and moments.count(m, pivot) <= 0:
            raise DataError(
                f"no record has both {m} and the pivot {pivot}; use CCA, which chains pairs"
            )
    return pivot


def check_positive(value: float, name: str) -> float:
    """A hyper-parameter that must be a positive, finite number."""
    if not isinstance(value, int | float | np.number):
        raise InputError(f"{name} must be a number, got {value!r}")
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{name} must be positive, got {value}")
    return value
