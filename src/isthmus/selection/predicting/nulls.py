"""What predictions look like where there is nothing to predict from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import thin
from isthmus.fusion.target import Target
from isthmus.selection.null import PERMUTATIONS, widened

LEVEL = 0.01
"""Above which a predictor is refused, as spaces are."""
_ROWS = 1000
"""Of a fold that are looked at; with so many a signal that is of use is seen."""


def shuffled_labels_p(
    folds: Sequence[tuple[F64, Target, NDArray[np.intp]]], *, seed: int = 0
) -> float:
    """How often labels that are dealt anew within each fold fit held-out scores as well.

    The statistic is, summed over folds, the inner product of the ranks of the scores with the
    target's matrix, both centred, columns weighing the same. What was fitted has not seen the
    fold, so that under the hypothesis that records say nothing of the target every order of its
    labels is as likely. Labels that are constant within each group are dealt to whole groups,
    since records of one group are not independent.

    Folds are not independent either, see :func:`isthmus.selection.null.widened`.

    Args:
        folds: Scores ``(m, width)``, target, and links ``(m,)`` of the rows of each.
        seed: Of the shuffles.

    Returns:
        ``(1 + #{shuffles at least as good}) / (1 + 999)``.
    """
    rng = np.random.default_rng(seed)
    true, null = 0.0, np.zeros(PERMUTATIONS)
    for scores, target, links in folds:
        rows = thin(np.arange(len(scores)), _ROWS)
        known = target.matrix[rows]
        fits = _unit(_ranks(scores[rows])) @ _unit(known).T
        fits = _by_group(fits, known, links[rows])
        place = np.arange(len(fits))
        true += float(fits[place, place].sum())
        orders = np.argsort(rng.random((PERMUTATIONS, len(fits))), axis=1)
        null += fits[place, orders].sum(axis=1)
    null = widened(null, len(folds))
    rounding = 1e-9 * max(1.0, abs(true))
    return float((1 + np.sum(null >= true - rounding)) / (1 + PERMUTATIONS))


def _by_group(fits: F64, known: F64, links: NDArray[np.intp]) -> F64:
    """Sums of fits over the rows of each group, if its labels are constant; else as they are."""
    names, place = np.unique(links, return_inverse=True)
    if len(names) == len(links):
        return fits
    first = np.array([np.flatnonzero(place == each)[0] for each in range(len(names))])
    if not (known == known[first][place]).all():
        return fits
    summed = np.zeros((len(names), len(links)))
    np.add.at(summed, place, fits)
    return summed[:, first]


def _ranks(scores: F64) -> F64:
    """Ranks within each column; ties share the mean of theirs."""
    out = np.empty_like(scores, dtype=np.float64)
    for column in range(scores.shape[1]):
        ascending = np.sort(scores[:, column])
        first = np.searchsorted(ascending, scores[:, column])
        out[:, column] = first + np.searchsorted(ascending, scores[:, column], side="right")
    return out


def _unit(columns: F64) -> F64:
    centred = columns - columns.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(length > 0, length, 1.0), dtype=np.float64)


def views_dealt_anew(
    rows: PairedVectors,
    kept: str,
    rng: np.random.Generator,
    strata: NDArray[np.intp] | None = None,
) -> PairedVectors:
    """Records whose views, but for one, are those of other records.

    Args:
        rows: ``n`` records.
        kept: The view that stays with its record.
        rng: Deals.
        strata: ``(n,)``; views are dealt only among records of one stratum. None for all.
    """
    of = np.zeros(len(rows), dtype=np.intp) if strata is None else strata
    vectors, present = dict(rows.vectors), dict(rows.present)
    for view in rows.views:
        if view == kept:
            continue
        order = np.arange(len(rows))
        for stratum in np.unique(of):
            own = np.flatnonzero(of == stratum)
            order[own] = rng.permutation(own)
        vectors[view], present[view] = rows.vectors[view][order], rows.present[view][order]
    return PairedVectors(vectors, present, rows.ids, rows.groups)
