"""The nearest training records of a record, view by view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.neighbours import edge_weights, nearest
from isthmus.core.linalg import F32, F64, Array, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need, split_names, whole_numbers
from isthmus.fusion.inner import Labels


@dataclass(frozen=True, eq=False)
class Near:
    """Neighbours of records in one view.

    Attributes:
        index: ``(n, k)``, training records; where there are fewer, the last ones weigh nothing.
        weight: ``(n, k)``, ``max(0, cos)^γ`` scaled to sum to 1; zeros where nothing is near, or
            where the record lacks the view.
    """

    index: NDArray[np.intp]
    weight: F64

    def take(self, rows: Array) -> Near:
        """Neighbours of some of the records."""
        return Near(self.index[rows], self.weight[rows])

    def among(self, kept: NDArray[np.bool_]) -> Near:
        """The same without neighbours that are not kept, ``(m,)``."""
        weight = self.weight * kept[self.index]
        total = weight.sum(axis=1, keepdims=True)
        return Near(self.index, weight / np.where(total > 0, total, 1))

    def mean(self, states: F64) -> F64:
        """Weighted mean of what the neighbours have, ``(n, w)``.

        Args:
            states: Of all training records, ``(m, w)``.
        """
        found: F64 = np.einsum("nk,nkw->nw", self.weight, states[self.index])
        return found


@dataclass(frozen=True, eq=False)
class Bank:
    """The training records of one view, where others look for their nearest.

    Attributes:
        centre: ``(d,)``, subtracted before cosines are taken.
        unit: ``(m, d)`` unit vectors of the records that have the view.
        rows: ``(m,)``, which training records they are.
    """

    centre: F32
    unit: F32
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, rows: PairedVectors, view: str) -> Bank:
        """Of all records that have a view."""
        own = rows.rows(view)
        x = rows.vectors[view][own]
        total: F64 = x.sum(axis=0, dtype=np.float64)
        centre = (total / max(len(x), 1)).astype(np.float32)
        return cls(centre, np.asarray(l2_normalize(x - centre), np.float32), own)

    def look(self, rows: PairedVectors, view: str, k: int, gamma: float) -> Near:
        """The nearest of records that are not among these.

        Args:
            rows: The ``n`` records.
            view: The view.
            k: How many.
            gamma: Exponent of the cosines in the weights.
        """
        return self._look(rows, view, k, gamma, np.ones(len(self.rows), dtype=bool))

    def look_among(
        self, rows: PairedVectors, view: str, k: int, gamma: float, labels: Labels
    ) -> Near:
        """The nearest of the training records themselves, each among those of other folds.

        Args:
            rows: The training records, in their order.
            view: The view.
            k: How many.
            gamma: Exponent of the cosines in the weights.
            labels: Fold of each.
        """
        width = self._width(k)
        index = np.zeros((len(rows), width), dtype=np.intp)
        weight = np.zeros((len(rows), width))
        for fold in range(int(labels.max()) + 1):
            own = np.flatnonzero(labels == fold)
            near = self._look(rows.take(own), view, k, gamma, labels[self.rows] != fold)
            index[own], weight[own] = near.index, near.weight
        return Near(index, weight)

    def _look(
        self, rows: PairedVectors, view: str, k: int, gamma: float, among: NDArray[np.bool_]
    ) -> Near:
        index = np.zeros((len(rows), self._width(k)), dtype=np.intp)
        weight = np.zeros(index.shape)
        there = rows.rows(view)
        if len(there) and among.any():
            asked = l2_normalize(rows.vectors[view][there] - self.centre)
            found, cosine = nearest(np.asarray(asked, np.float32), self.unit[among], k)
            weights = edge_weights(cosine, gamma).astype(np.float64)
            total = weights.sum(axis=1, keepdims=True)
            width = found.shape[1]
            index[there, :width] = self.rows[among][found]
            weight[there, :width] = weights / np.where(total > 0, total, 1)
        return Near(index, weight)

    def _width(self, k: int) -> int:
        """Of as many neighbours as there are; one that weighs nothing where there is none."""
        return max(1, min(k, len(self.rows)))


def bank_tensors(banks: Mapping[str, Bank]) -> dict[str, Array]:
    """Arrays of banks by the place of their view."""
    return {
        f"bank.{place}.{name}": getattr(bank, name)
        for place, bank in enumerate(banks.values())
        for name in ("centre", "unit", "rows")
    }


def banks_from(
    tensors: Mapping[str, Array], views: Mapping[str, int], records: int
) -> dict[str, Bank]:
    """The banks that :func:`bank_tensors` gave.

    Args:
        tensors: Their names without ``bank.``.
        views: Dimensions by view.
        records: How many were learned from.

    Raises:
        ArtifactError: If arrays do not fit.
    """
    groups = split_names(tensors)
    need(set(groups) == set(map(str, range(len(views)))), "need a bank of each view")
    banks = {}
    for place, (view, dim) in enumerate(views.items()):
        arrays = dict(groups[str(place)])
        rows = whole_numbers(arrays.pop("rows", np.zeros(1)), f"rows of {view}", records)
        found = exact(arrays, {"d": dim, "M": len(rows)}, centre="d", unit="Md")
        need(rows.ndim == 1, f"rows of {view}: need places of records")
        unit = found["unit"].astype(np.float32)
        banks[view] = Bank(found["centre"].astype(np.float32), unit, rows)
    return banks
