"""Which kinds of records are found worst, and so want more pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.audit.heldout import Scored, cutoff
from isthmus.core.linalg import F64

FEWEST = 3
"""Pairs below which a kind is not judged."""


@dataclass(frozen=True)
class Kind:
    """One group of the user's.

    Attributes:
        name: Of the group.
        pairs: How many it has.
        recall: R@k of its held-out pairs, both directions.
        mrr: Mean reciprocal rank of the same.
        shrunken: The mean reciprocal rank drawn towards that of all pairs, the more the
            fewer pairs it has: what orders the kinds.
    """

    name: str
    pairs: int
    recall: float
    mrr: float
    shrunken: float


@dataclass(frozen=True)
class Kinds:
    """Groups of two views, worst found first.

    Attributes:
        a: First view.
        b: Second view.
        kinds: Those with three pairs or more.
        recall: R@k of all pairs.
        mrr: Mean reciprocal rank of all pairs.
        typical: Median number of pairs of a group.
        k: First places that count as found.
    """

    a: str
    b: str
    kinds: tuple[Kind, ...]
    recall: float
    mrr: float
    typical: float
    k: int

    @property
    def worst(self) -> tuple[Kind, ...]:
        """Kinds found worse than all pairs together, worst first."""
        return tuple(
            kind for kind in self.kinds if kind.shrunken < self.mrr and kind.recall < self.recall
        )


def kinds(a: str, b: str, groups: NDArray[np.object_], folds: Sequence[Scored]) -> Kinds | None:
    """Held-out quality by group.

    The mean of a group of ``n`` pairs is shrunk to ``(n·m + κ·M) / (n + κ)``, with ``M`` the
    mean of all and ``κ`` the variance within groups over that between them (empirical
    Bayes), so that a group of three does not come first by chance.

    Args:
        a: First view.
        b: Second view.
        groups: ``(n,)`` labels of the rows; None where a row has none.
        folds: Held-out scores of those rows.

    Returns:
        None where fewer than two groups have three pairs.
    """
    k = cutoff(float(np.mean([len(fold.rows) for fold in folds])))
    hits, reciprocal, times = (np.zeros(len(groups)) for _ in range(3))
    for fold in folds:
        place = fold.ranks()
        hits[fold.rows] += np.mean(place <= k, axis=0)
        reciprocal[fold.rows] += np.mean(1 / place, axis=0)
        times[fold.rows] += 1
    seen = np.flatnonzero(times)
    hits[seen] /= times[seen]
    reciprocal[seen] /= times[seen]
    members: dict[str, list[int]] = {}
    for row in seen:
        if groups[row] is not None:
            members.setdefault(str(groups[row]), []).append(int(row))
    judged = {name: rows for name, rows in members.items() if len(rows) >= FEWEST}
    if len(judged) < 2:
        return None
    overall = float(reciprocal[seen].mean())
    pull = _pull(reciprocal, list(judged.values()))
    found = []
    for name, rows in judged.items():
        n, mean = len(rows), float(reciprocal[rows].mean())
        shrunken = overall if np.isinf(pull) else (n * mean + pull * overall) / (n + pull)
        found.append(Kind(name, n, float(hits[rows].mean()), mean, shrunken))
    typical = float(np.median([len(rows) for rows in members.values()]))
    found.sort(key=lambda kind: (kind.shrunken, kind.pairs, kind.name))
    return Kinds(a, b, tuple(found), float(hits[seen].mean()), overall, typical, k)


def _pull(values: F64, members: Sequence[list[int]]) -> float:
    """Variance within groups over that between them; infinite if groups do not differ.

    By the method of moments, as in one-way analysis of variance with random effects.
    """
    sizes = np.array([len(rows) for rows in members], dtype=np.float64)
    means = np.array([values[rows].mean() for rows in members])
    within = sum(np.square(values[rows] - values[rows].mean()).sum() for rows in members)
    total = sizes.sum()
    inner = within / max(total - len(members), 1.0)
    outer = (sizes * np.square(means - (sizes * means).sum() / total)).sum() / (len(members) - 1)
    typical = (total - np.square(sizes).sum() / total) / (len(members) - 1)
    between = (outer - inner) / typical
    return float(inner / between) if between > 0 else float("inf")
