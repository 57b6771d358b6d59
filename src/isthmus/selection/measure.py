"""What a fitted aligner is scored by on held-out records; higher is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Protocol

import numpy as np

from isthmus.core.linalg import F32, F64
from isthmus.core.paired import PairedVectors
from isthmus.metrics import mean_average_precision, mean_reciprocal_rank, ranks
from isthmus.selection.candidates import Candidate
from isthmus.selection.folds import bank
from isthmus.space.readout import Cosines, Readout

_MIN_GALLERY = 2
"""Among one item the partner is always first."""


def direct_pairs(pairs: PairedVectors) -> list[tuple[str, str]]:
    """Pairs of views that some record has together."""
    return [(a, b) for a, b in combinations(pairs.views, 2) if len(pairs.rows(a, b))]


class Transforms(Protocol):
    """Maps native vectors of a view into a space, as a fitted aligner does."""

    def transform(self, x: F32, view: str, /) -> F32:
        """Native vectors ``(n, dim)`` to unit vectors ``(n, k)``."""
        ...


@dataclass(frozen=True, eq=False)
class Mapped:
    """Held-out rows and the bank of a training set, in one space.

    Attributes:
        train: Training rows.
        held: Rows that were left out.
        cosines: Of the held-out rows that have both of two views, to one another and to the
            banks of training vectors: row i belongs to column i.
        candidate: What was fitted, where it is one.
    """

    train: PairedVectors
    held: PairedVectors
    cosines: Callable[[str, str], Cosines]
    candidate: Candidate | None = None

    @classmethod
    def by(cls, aligner: Transforms, train: PairedVectors, held: PairedVectors) -> Mapped:
        """As a fitted aligner maps them."""
        return cls(
            train,
            held,
            mapped_cosines(
                held,
                lambda m: aligner.transform(bank(train, m), m),
                lambda m: aligner.transform(held.vectors[m][held.rows(m)], m),
            ),
        )

    def scores(
        self, a: str, b: str, *, readout: Readout = "instance", csls_strength: float = 1.0
    ) -> F32:
        """Scores of the held-out rows that have both: row i belongs to column i."""
        return self.cosines(a, b).scores(readout=readout, csls_strength=csls_strength)


def mapped_cosines(
    held: PairedVectors, bank: Callable[[str], F32], items: Callable[[str], F32]
) -> Callable[[str, str], Cosines]:
    """Cosines of the held-out rows that have both of two views, each made when it is asked for.

    Args:
        held: The rows.
        bank: Training vectors of a view in the space, ``(b, k)``.
        items: Vectors ``(n, k)`` of the held-out rows that have a view.
    """
    bank, items = cache(bank), cache(items)

    def both(view: str, other: str) -> F32:
        return items(view)[held.present[other][held.rows(view)]]

    def cosines(a: str, b: str) -> Cosines:
        x, y = both(a, b), both(b, a)
        return Cosines(x @ y.T, x @ bank(b).T, y @ bank(a).T)

    return cache(cosines)


def grouped(pairs: PairedVectors) -> bool:
    """Whether every record has a group, so that kinds can be measured."""
    return pairs.groups is not None and all(group is not None for group in pairs.groups)


def reciprocal_rank(mapped: Mapped, csls_strength: float = 1.0) -> float:
    """Mean over both directions of every pair of views; NaN where nothing can be ranked."""
    return _mean(mean_reciprocal_rank(found) for found in _instance_ranks(mapped, csls_strength))


def recall_at_one(mapped: Mapped, csls_strength: float = 1.0) -> float:
    """How often the true partner comes first, likewise."""
    return _mean(float((found < 2).mean()) for found in _instance_ranks(mapped, csls_strength))


def average_precision(mapped: Mapped, csls_strength: float = 1.0) -> float:
    """By group, under the semantic read-out, likewise."""
    return _mean(_precisions(mapped))


def _instance_ranks(mapped: Mapped, csls_strength: float) -> Iterator[F64]:
    for a, b in direct_pairs(mapped.train):
        if len(mapped.held.rows(a, b)) < _MIN_GALLERY:
            continue
        scores = mapped.scores(a, b, csls_strength=csls_strength)
        truth = np.arange(len(scores))
        yield from (ranks(each, truth) for each in (scores, scores.T))


def _precisions(mapped: Mapped) -> Iterator[float]:
    for a, b in direct_pairs(mapped.train):
        rows = mapped.held.rows(a, b)
        if len(rows) < _MIN_GALLERY:
            continue
        groups = np.asarray(mapped.held.groups)[rows]
        relevant = groups[:, None] == groups[None, :]
        scores = mapped.scores(a, b, readout="semantic")
        yield from (mean_average_precision(each, relevant) for each in (scores, scores.T))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")
