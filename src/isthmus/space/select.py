"""Choice of an aligner by nested, group-aware cross-validation, and its honest estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import Aligner, Moments
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32
from isthmus.core.types import PairedVectors, Progress
from isthmus.metrics import mean_average_precision, mean_reciprocal_rank, ranks
from isthmus.space.candidates import Candidate, ensembles, learned, with_sources
from isthmus.space.folds import Folds, Training, bank
from isthmus.space.race import Clock, LeftOut, Measure, Split, Table, Trial, challenge, fit, race
from isthmus.space.readout import Readout, score
from isthmus.space.splits import FOLDS, fold_labels

MIN_RECORDS = 10
_MIN_GALLERY = 2
_ROWS_SCORED = 600
_MAX_DEALS = 4
_FOR_THE_CHOICE = 0.4
"""Share of a time budget for the choice itself; the rest goes to the outer folds."""


@dataclass
class OuterFold:
    """One outer fold: what the inner folds chose and how its held-out rows score."""

    held: NDArray[np.intp]
    candidate: Candidate
    aligner: Aligner
    train: NDArray[np.intp]


@dataclass
class Selection:
    """Result of :func:`select`.

    Attributes:
        best: The candidate chosen on all folds.
        trials: Every candidate with its scores, best first.
        training: All the rows, for the fit that follows.
        outer: Outer folds, for the estimate.
        folds: How many outer folds there would be without a time budget.
    """

    best: Candidate
    trials: list[Trial]
    training: Training
    outer: list[OuterFold] = field(default_factory=list)
    folds: int = 0


def select(
    pairs: PairedVectors,
    choices: Sequence[Candidate],
    groups: NDArray[np.intp],
    *,
    auto: bool = False,
    sources: Mapping[str, Moments] | None = None,
    readout: Readout = "instance",
    seed: int = 0,
    nested: bool = True,
    budget: float | None = None,
    progress: Progress | None = None,
) -> Selection:
    """Choose among candidates by cross-validation on these pairs alone.

    Few rows are dealt into folds several times, since one deal says too little. The score
    of a candidate is, under the ``instance`` read-out, the mean reciprocal rank of the true
    partner among the held-out rows, under ``semantic`` the mean average precision by group;
    over both directions of every pair of modalities that records share. For the estimate,
    each outer fold is left out of a selection of its own, made on the other folds.

    Args:
        pairs: ``n`` records.
        choices: At least one candidate.
        groups: ``(n,)`` labels that no split may straddle.
        auto: Whether learned heads, ensembles and other sources may enter too, built on
            what was best of ``choices``.
        sources: Moments of other sources by name.
        readout: What a space is wanted for.
        seed: Of the folds.
        nested: Whether to run the outer folds too.
        budget: Seconds; what does not fit in is left out and named.
        progress: Called as fits are done.

    Raises:
        DataError: If there are too few records, or no candidate can be fitted.
    """
    paired = int((np.sum([pairs.present[m] for m in pairs.modalities], axis=0) > 1).sum())
    if paired < MIN_RECORDS:
        raise DataError(
            f"{paired} records have two modalities or more, need at least {MIN_RECORDS} to hold "
            "some out and to learn from the rest; add records, or fit an aligner by hand"
        )
    clock = Clock(budget)
    deals = [
        Folds(pairs, fold_labels(groups, folds=FOLDS, seed=seed + deal), sources)
        for deal in range(_deals(len(pairs)))
    ]
    table = Table(deals, _measure_for(readout, pairs), progress)
    names = tuple(sources or ())
    singles = _scored((deal, (f,)) for deal, each in enumerate(deals) for f in range(each.count))
    count = deals[0].count
    doubles = [(0, both) for both in combinations(range(count), 2)] if nested and count > 2 else []
    table.expected = 2 * len(choices) * (len(singles) + len(doubles)) // 3
    share = _FOR_THE_CHOICE if doubles else 1.0
    best = _choose(table, choices, singles, clock.part(share), auto, names)
    trials = table.trials(singles)
    outer: list[OuterFold] = []
    for fold in range(count) if doubles else []:
        if outer and clock.left <= 0:
            break
        part = clock.part(1 / (count - fold))
        candidate = _choose(table, choices, _inner(doubles, fold), part, auto, names)
        aligner = fit(candidate, deals[0].without(fold))
        outer.append(OuterFold(deals[0].held(fold), candidate, aligner, deals[0].train(fold)))
    return Selection(best, trials, deals[0].without(), outer, count if doubles else 0)


def _choose(
    table: Table,
    choices: Sequence[Candidate],
    splits: Sequence[Split],
    clock: Clock,
    auto: bool,
    sources: Sequence[str],
) -> Candidate:
    """The best candidate, by these splits alone."""
    table.run(choices[:1], splits, Clock(None))  # whatever the budget, something must be chosen
    race(table, choices, splits, clock)
    if auto:
        race(table, ensembles(table.best_by_family(splits)), splits, clock)
    records = len(table.deals[0].labels)
    if auto and (trained := learned(table.best_by_family(splits), records)):
        challenge(table, trained, splits, clock)
        race(table, ensembles(table.best_by_family(splits)), splits, clock)
    if sources:
        race(table, with_sources(table.best_by_family(splits), sources), splits, clock)
    return table.best(splits)


def direct_pairs(pairs: PairedVectors) -> list[tuple[str, str]]:
    """Pairs of modalities that some record has together."""
    return [(a, b) for a, b in combinations(pairs.modalities, 2) if len(pairs.rows(a, b))]


def held_out_scores(
    aligner: Aligner,
    train: PairedVectors,
    held: PairedVectors,
    a: str,
    b: str,
    *,
    readout: Readout = "instance",
) -> F32:
    """Scores of the held-out rows that have both: row i belongs to column i."""
    x, y = held.pair(a, b)
    return score(
        aligner.transform(x, a),
        aligner.transform(y, b),
        readout=readout,
        query_bank=aligner.transform(bank(train, a), a),
        gallery_bank=aligner.transform(bank(train, b), b),
    )


def _scored(left_outs: Iterable[LeftOut]) -> list[Split]:
    """Every fold that is left out, scored."""
    return [(left_out, fold) for left_out in left_outs for fold in left_out[1]]


def _inner(doubles: Sequence[LeftOut], fold: int) -> list[Split]:
    """Splits that leave ``fold`` out of everything and score another fold."""
    return [split for split in _scored(doubles) if fold in split[0][1] and split[1] != fold]


def _deals(rows: int) -> int:
    """How often the rows are dealt into folds anew: with few, one deal says too little."""
    return int(np.clip(round(_ROWS_SCORED / rows), 1, _MAX_DEALS))


def _measure_for(readout: Readout, pairs: PairedVectors) -> Measure:
    """What a candidate is scored by."""
    if readout == "instance":
        return _mean_reciprocal_rank
    if pairs.groups is None or any(group is None for group in pairs.groups):
        raise DataError(
            "the semantic read-out is chosen for by the groups of records, and some have none; "
            "give every record a group, or choose for the instance read-out"
        )
    return _mean_average_precision


def _mean_reciprocal_rank(aligner: Aligner, train: PairedVectors, held: PairedVectors) -> float:
    """Over both directions of every pair of modalities; NaN where nothing can be ranked."""
    found = []
    for a, b in direct_pairs(train):
        if len(held.rows(a, b)) < _MIN_GALLERY:
            continue
        scores = held_out_scores(aligner, train, held, a, b)
        truth = np.arange(len(scores))
        found += [mean_reciprocal_rank(ranks(s, truth)) for s in (scores, scores.T)]
    return float(np.mean(found)) if found else float("nan")


def _mean_average_precision(aligner: Aligner, train: PairedVectors, held: PairedVectors) -> float:
    """By group, over both directions of every pair of modalities."""
    found = []
    for a, b in direct_pairs(train):
        rows = held.rows(a, b)
        if len(rows) < _MIN_GALLERY:
            continue
        groups = np.asarray(held.groups)[rows]
        relevant = groups[:, None] == groups[None, :]
        scores = held_out_scores(aligner, train, held, a, b, readout="semantic")
        found += [mean_average_precision(s, relevant) for s in (scores, scores.T)]
    return float(np.mean(found)) if found else float("nan")
