"""Some training records, by which is told what a view that is missing would have changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32, F64
from isthmus.core.near import same_rows
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Fusion
from isthmus.pipeline.splits import doubled
from isthmus.predictor.answer import Missing
from isthmus.predictor.outcome import Outcome

MOST = 256
"""Records that are remembered: with views of 3,000 numbers 3 MB. Chosen, not tuned."""
NEIGHBOURS = 15
"""Records whose view is tried in the place of the missing one. Chosen, not tuned."""


def remembered(rows: PairedVectors, *, seed: int = 0) -> PairedVectors:
    """At most :data:`MOST` rows, those that have most views first, else at random."""
    views = np.sum(list(rows.present.values()), axis=0)
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows.take(np.sort(order[np.argsort(-views[order], kind="stable")][:MOST]))


def known_rows(
    rows: PairedVectors, memory: PairedVectors, near: Mapping[str, bool]
) -> NDArray[np.bool_]:
    """Which rows are the same as a remembered one, or nearly, in every view, ``(n,)``.

    Args:
        rows: ``n`` records.
        memory: Training records, with the same views.
        near: By view, see :func:`isthmus.pipeline.splits.doubled`.
    """
    parts = rows, memory
    both = PairedVectors(
        {view: np.concatenate([part.vectors[view] for part in parts]) for view in memory.views},
        {view: np.concatenate([part.present[view] for part in parts]) for view in memory.views},
    )
    same = same_rows(np.column_stack([*doubled(both, near).values()]))
    return np.isin(same[: len(rows)], same[len(rows) :])


def typical(memory: PairedVectors, view: str) -> F64:
    """The mean vector of a view, ``(d,)``; zeros where no record has it."""
    x = memory.vectors[view][memory.present[view]]
    return x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(memory.vectors[view].shape[1])


def missing_views(
    row: PairedVectors, memory: PairedVectors, fusion: Fusion, outcome: Outcome, column: int
) -> list[Missing]:
    """What each view that a record lacks would most likely have changed.

    The mean over the training records that are most like it in the views that both have, by
    cosine of centred vectors: a sample of what the view may hold, given the others.

    Args:
        row: One record.
        memory: Training records.
        fusion: What gives scores.
        outcome: What gives answers.
        column: Of the scores, that is told of.
    """
    before = fusion.scores(row)
    own = outcome.linked(before, row.present)
    found = []
    for view in fusion.views_:
        have = np.flatnonzero(memory.present[view])
        if row.present[view][0] or not len(have):
            continue
        near = have[np.argsort(-_likeness(row, memory)[have], kind="stable")[:NEIGHBOURS]]
        tried = with_vectors(row, {view: memory.vectors[view][near]})
        after = fusion.scores(tried)
        other = outcome.linked(after, tried.present)
        change = float(np.abs(other[:, column] - own[0, column]).mean())
        turned, instead = _turned(outcome, before, after, row, tried)
        found.append(Missing(view, len(near), change, turned, instead))
    return found


def _likeness(row: PairedVectors, memory: PairedVectors) -> F64:
    """Mean cosine ``(m,)`` over the views that both have; 0 where there is none."""
    total, count = np.zeros(len(memory)), np.zeros(len(memory))
    for view in memory.views:
        if view not in row.vectors or not row.present[view][0]:
            continue
        here, mean = memory.present[view], typical(memory, view)
        x, own = memory.vectors[view] - mean, row.vectors[view][0] - mean
        length = np.linalg.norm(x, axis=1) * np.linalg.norm(own)
        total += np.where(here, x @ own / np.maximum(length, 1e-12), 0.0)
        count += here
    likeness: F64 = total / np.maximum(count, 1)
    return likeness


def with_vectors(row: PairedVectors, given: Mapping[str, F32]) -> PairedVectors:
    """The record as often as vectors of a view are given, with each of them."""
    n = len(next(iter(given.values())))
    again = row.take(np.zeros(n, dtype=np.intp))
    there = np.ones(n, dtype=bool)
    return PairedVectors(
        {**again.vectors, **given}, {**again.present, **dict.fromkeys(given, there)}
    )


def _turned(
    outcome: Outcome, before: F64, after: F64, row: PairedVectors, tried: PairedVectors
) -> tuple[float | None, str]:
    """How often the answer is another one, and what it then mostly is."""
    if outcome.kind not in ("classes", "grades"):
        return None, ""
    own = outcome.decide(before, row.present)[0]
    others: NDArray[np.intp] = outcome.decide(after, tried.present)
    differ = others[others != own]
    if not len(differ):
        return 0.0, ""
    most = int(np.bincount(differ).argmax())
    return float(len(differ) / len(others)), outcome.names[most]
