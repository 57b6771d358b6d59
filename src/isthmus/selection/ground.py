"""One training set with the rows left out of it, on which many candidates are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import MomentsAligner
from isthmus.aligners.base import Projection, SharedRows
from isthmus.aligners.ensemble import spread
from isthmus.aligners.heads import concatenated
from isthmus.core.linalg import F32
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.selection.candidates import Candidate
from isthmus.selection.folds import Training, bank_rows
from isthmus.selection.measure import Mapped, mapped_cosines
from isthmus.space.readout import Cosines


@dataclass(frozen=True, eq=False)
class Fitted:
    """A candidate that was fitted on shared rows, without heads of its own.

    Attributes:
        projection: What maps rows.
        known: Rows ``(n, dim)`` of a view, if they are shared. They are mapped once: the same ones
            are scored, measured beside no signal, and calibrated on.
    """

    projection: Projection
    known: Callable[[str, F32], SharedRows | None]

    def transform(self, x: F32, view: str, /) -> F32:
        """Native vectors ``(n, dim)`` of a view to unit vectors ``(n, k)``."""
        rows = self.known(view, x)
        if rows is None:
            return self.projection(SharedRows(x), view)
        return self.mapped(rows, view)

    def mapped(self, rows: SharedRows, view: str) -> F32:
        """The same of shared rows."""
        return rows.memo.get(("mapped", self.projection), lambda: self.projection(rows, view))


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
        return Fitted(self.projection(candidate), self._known)

    def mapped(self, candidate: Candidate, fold: int, cosines: Memo) -> Mapped:
        """What measures look at, of the rows of one fold.

        Args:
            candidate: What maps them; it is fitted if it is not yet.
            fold: One of those that were left out.
            cosines: Of members, which ensembles share for as long as it is kept.
        """
        of = self._cosines(candidate, fold, cosines)
        return Mapped(self.training.rows, self.held[fold], of, candidate)

    def _cosines(
        self, candidate: Candidate, fold: int, known: Memo
    ) -> Callable[[str, str], Cosines]:
        """Those of an ensemble are a weighted mean of those of its members."""
        if not candidate.members:
            # What is trained is one of few, so that there is room to keep what it maps.
            kept = candidate.trained
            fitted = self.fitted(candidate)
            return self._cosines_of(fitted.mapped if kept else fitted.projection, fold)
        members = [
            known.get((member.fitted, fold), partial(self._cosines, member, fold, known))
            for member in candidate.members
        ]
        weights = self._weights(candidate)
        return lambda a, b: Cosines.mean([cosines(a, b) for cosines in members], weights)

    def _cosines_of(self, projection: Projection, fold: int) -> Callable[[str, str], Cosines]:
        train, held = self.training.rows, self.held[fold]
        return mapped_cosines(
            held,
            lambda m: projection(self._rows(-1, m, bank_rows(train, m)), m),
            lambda m: projection(self._rows(fold, m, held.rows(m)), m),
        )

    def _joined(self, candidate: Candidate) -> Projection:
        members = [self.projection(member) for member in candidate.members]
        weights = self._weights(candidate)

        def project(rows: SharedRows, view: str) -> F32:
            return concatenated([member(rows, view) for member in members], weights)

        return project

    def _weights(self, ensemble: Candidate) -> list[float]:
        """Of its members, each divided by how wide its cosines spread."""
        return [
            weight / self._spread(member)
            for weight, member in zip(ensemble.weights, ensemble.members, strict=True)
        ]

    def _spread(self, member: Candidate) -> float:
        name, projection = member.fitted, self.projection(member)
        if name not in self._spreads:
            self._spreads[name] = spread(
                lambda m, rows: projection(self._rows(-1, m, rows), m), self.training.rows
            )
        return self._spreads[name]

    def _known(self, view: str, x: F32) -> SharedRows | None:
        """Shared rows that are the same as these, if there are any."""
        alike = [rows for (_, m, _), rows in list(self._shared.items()) if m == view]
        return next((rows for rows in alike if np.array_equal(rows.x, x)), None)

    def _rows(self, fold: int, view: str, rows: NDArray[np.intp]) -> SharedRows:
        """Rows of a view: of a fold, or of the training rows where the fold is −1."""
        key = fold, view, rows.tobytes()
        if key not in self._shared:
            pairs = self.training.rows if fold < 0 else self.held[fold]
            self._shared[key] = SharedRows(pairs.vectors[view][rows])
        return self._shared[key]
