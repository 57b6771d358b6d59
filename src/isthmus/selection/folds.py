"""Training rows without some folds, and other sources that may be added to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.moments import Moments, of_rows

MAX_HELD = 1000
"""Held-out rows scored per fold: a reciprocal rank then has a standard error below .016."""
MAX_TRAIN = 5000
"""Training rows kept at hand per split; closed forms use the moments of all of them."""
MAX_BANK = 2000
"""Rows of a bank; more cost time and change the ten nearest little. Chosen, not tuned."""

Weights = tuple[tuple[str, float], ...]
"""Sources by name, and how much all pairs of each count together, the target's being 1."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a candidate is fitted on: rows at hand, and the moments of all of them.

    Attributes:
        rows: Of the target; where there are very many, some of them.
        moments: Of every row of the target.
        sources: Moments of other sources by name.
        memo: What aligners that are tried on these rows share.
    """

    rows: PairedVectors
    moments: Moments
    sources: Mapping[str, Moments]
    memo: Memo = field(default_factory=Memo)

    def weighted(self, weights: Weights) -> Moments:
        """The moments with other sources added.

        A source is first moved so that its means are the target's: what it teaches is how
        its own items vary together, not that clip art is drawn in other colours.
        """
        if not weights:
            return self.moments
        return self.moments.memo(("sources", weights), lambda: self._weighted(weights))

    def _weighted(self, weights: Weights) -> Moments:
        means = {m: self.moments.mean(m) for m in self.moments.views}
        whole = self.moments
        for name, weight in weights:
            source = self.sources[name]
            share = weight * _pairs(self.moments) / _pairs(source)
            whole = whole + share * source.moved(means)
        return whole


def _pairs(moments: Moments) -> float:
    """Records of the best-covered pair of views."""
    return max(moments.count(a, b) for a, b in moments.pair_keys())


class Folds:
    """One deal of the rows into folds, with the moments of many rows summed only once.

    Moments add, so those of any training set are the whole less the folds left out. Those of
    fewer rows than dimensions are cheaper from the rows themselves.
    """

    def __init__(
        self,
        pairs: PairedVectors,
        labels: NDArray[np.intp],
        sources: Mapping[str, Moments] | None = None,
    ) -> None:
        self.pairs = pairs
        self.labels = labels
        self.count = int(labels.max()) + 1
        self._sources = dict(sources or {})
        self._few = len(pairs) <= min(MAX_TRAIN, max(x.shape[1] for x in pairs.vectors.values()))
        held = [] if self._few else [pairs.take(labels == fold) for fold in range(self.count)]
        self._parts = [Moments.of(rows) for rows in held]
        self._whole = sum(self._parts[1:], self._parts[0]) if self._parts else Moments({})

    def without(self, *folds: int) -> Training:
        """Rows and moments of everything but these folds."""
        rows = self.pairs.take(self.train(*folds))
        return Training(rows, of_rows(rows) if self._few else self._less(folds), self._sources)

    def _less(self, folds: Iterable[int]) -> Moments:
        moments = self._whole
        for fold in folds:
            moments = moments - self._parts[fold]
        return moments

    def train(self, *folds: int) -> NDArray[np.intp]:
        """Rows outside these folds; of very many only some, for banks and anchors."""
        return thin(np.flatnonzero(~np.isin(self.labels, folds)), MAX_TRAIN)

    def held(self, fold: int) -> NDArray[np.intp]:
        """Rows of one fold, thinned out evenly where there are very many."""
        return thin(np.flatnonzero(self.labels == fold), MAX_HELD)


def bank(pairs: PairedVectors, view: str, *, limit: int = MAX_BANK) -> F32:
    """Native training vectors against which hubness is measured, ``(b, dim)``."""
    return pairs.vectors[view][bank_rows(pairs, view, limit=limit)]


def bank_rows(pairs: PairedVectors, view: str, *, limit: int = MAX_BANK) -> NDArray[np.intp]:
    """Rows of a view's bank, thinned out evenly where there are very many.

    Records that have more of the other views too stay first, so that what belongs to a
    row of one bank is in the other banks.

    Args:
        pairs: ``n`` records.
        view: Whose bank it is.
        limit: At most so many rows.

    Returns:
        ``(b,)`` rows, ascending.
    """
    rows = pairs.rows(view)
    has = np.sum([pairs.present[m] for m in pairs.views], axis=0)[rows]
    kept = rows[:0]
    for count in np.unique(has)[::-1]:
        kept = np.append(kept, thin(rows[has == count], limit - len(kept)))
    return np.sort(kept)


def bank_ids(pairs: PairedVectors) -> dict[str, list[str]]:
    """Ids of the records behind the rows of each bank; row numbers where they have none."""
    names = list(pairs.ids) or [f"row {row}" for row in range(len(pairs))]
    return {m: [names[row] for row in bank_rows(pairs, m)] for m in pairs.views}


def source_moments(target: PairedVectors, sources: Mapping[str, Any]) -> dict[str, Moments]:
    """Moments of other sources, over the views that they share with the target.

    Args:
        target: What the space is for.
        sources: Paired vectors by name.
    """
    found: dict[str, Moments] = {}
    for name, pairs in sources.items():
        shared = [m for m in target.views if m in pairs.views]
        if len(shared) > 1:
            found[name] = Moments.of(pairs.select(shared))
            if _pairs(found[name]) <= 0:
                del found[name]
    return found
