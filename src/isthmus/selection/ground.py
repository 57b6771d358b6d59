"""One training set with the rows left out of it, on which many candidates are tried."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import MomentsAligner
from isthmus.aligners.base import Projection, SharedRows
from isthmus.aligners.ensemble import spread
from isthmus.aligners.heads import concatenated
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.selection.candidates import Candidate
from isthmus.selection.folds import Training, bank_rows
from isthmus.selection.measure import Mapped


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate that was fitted on shared rows, without heads of its own."""

    projection: Projection

    def transform(self, x: F32, view: str, /) -> F32:
        """Native vectors ``(n, dim)`` of a view to unit vectors ``(n, k)``."""
        return self.projection(SharedRows(x), view)


class Ground:
    """Native vectors of one split, shared by what is tried on it.

    Candidates of a kind have work in common, on training rows as on those that they map. Each is
    done once, and only for as long as the ground is kept.

    Args:
        training: What candidates are fitted on.
        held: Rows that were left out, by fold.
    """

    def __init__(self, training: Training, held: dict[int, PairedVectors]) -> None:
        self.training, self.held = training, held
        self._shared: dict[tuple[int, str, bytes], SharedRows] = {}
        self._kept: dict[str, Projection] = {}
        self._spreads: dict[str, float] = {}

    def projection(self, candidate: Candidate) -> Projection:
        """A candidate, fitted on the training rows.

        Raises:
            DataError: If it cannot be.
            NoSignalError: Likewise.
        """
        name = candidate.fitted
        if name not in self._kept:
            self._kept[name] = self._fit(candidate)
        return self._kept[name]

    def _fit(self, candidate: Candidate) -> Projection:
        if candidate.members:
            return self._joined(candidate)
        aligner = candidate.build()
        if isinstance(aligner, MomentsAligner):
            return aligner.projection_of(self.training.weighted(candidate.sources))
        return aligner.projection(self.training.rows, self.training.memo)

    def fitted(self, candidate: Candidate) -> Fitted:
        """A candidate, to be used on any rows."""
        return Fitted(self.projection(candidate))

    def mapped(self, candidate: Candidate, projection: Projection, fold: int) -> Mapped:
        """What measures look at: the rows of one fold and the bank, in the space."""
        train, held = self.training.rows, self.held[fold]
        return Mapped(
            train,
            held,
            cache(lambda m: projection(self._rows(-1, m, bank_rows(train, m)), m)),
            cache(lambda m: projection(self._rows(fold, m, held.rows(m)), m)),
            candidate,
        )

    def _joined(self, candidate: Candidate) -> Projection:
        members = [self.projection(member) for member in candidate.members]
        weights = [
            weight / self._spread(member, projection)
            for weight, member, projection in zip(
                candidate.weights, candidate.members, members, strict=True
            )
        ]

        def project(rows: SharedRows, view: str) -> F32:
            return concatenated([member(rows, view) for member in members], weights)

        return project

    def _spread(self, member: Candidate, projection: Projection) -> float:
        name = member.fitted
        if name not in self._spreads:
            self._spreads[name] = spread(
                lambda m, rows: projection(self._rows(-1, m, rows), m), self.training.rows
            )
        return self._spreads[name]

    def _rows(self, fold: int, view: str, rows: NDArray[np.intp]) -> SharedRows:
        """Rows of a view: of a fold, or of the training rows where the fold is −1."""
        key = fold, view, rows.tobytes()
        if key not in self._shared:
            pairs = self.training.rows if fold < 0 else self.held[fold]
            self._shared[key] = SharedRows(pairs.vectors[view][rows])
        return self._shared[key]
