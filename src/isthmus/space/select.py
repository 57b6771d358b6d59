"""Choice of an aligner by nested, group-aware cross-validation, and its honest estimate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isthmus.aligners import Aligner, Ensemble, Moments, MomentsAligner
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.linalg import F32, F64
from isthmus.core.rows import thin
from isthmus.core.types import PairedVectors, Progress
from isthmus.encoders.base import usable_cores
from isthmus.metrics import mean_reciprocal_rank, ranks
from isthmus.space.candidates import Candidate, ensembles
from isthmus.space.readout import score
from isthmus.space.splits import FOLDS, fold_labels

MIN_RECORDS = 10
MAX_HELD = 1000
"""Held-out rows scored per fold; more cost time and change nothing that matters."""
MAX_TRAIN = 5000
"""Training rows kept at hand per split; closed forms use the moments of all of them."""
_MIN_GALLERY = 2
_ROWS_SCORED = 600
_MAX_DEALS = 4


@dataclass
class Trial:
    """A candidate with its score on every split; ``reason`` says why it could not run."""

    candidate: Candidate
    scores: F64
    reason: str = ""


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
        moments: Of all the rows, for the fit that follows.
        outer: Outer folds, for the estimate.
    """

    best: Candidate
    trials: list[Trial]
    moments: Moments
    outer: list[OuterFold] = field(default_factory=list)


class Folds:
    """Training rows without one or two folds, with their moments summed only once.

    Moments add, so those of any training set are the whole less the folds left out.
    """

    def __init__(self, pairs: PairedVectors, labels: NDArray[np.intp]) -> None:
        self.pairs = pairs
        self.labels = labels
        self.count = int(labels.max()) + 1
        parts = [Moments.of(pairs.take(labels == fold)) for fold in range(self.count)]
        self._parts = parts
        self.whole = sum(parts[1:], parts[0])

    def without(self, *folds: int) -> tuple[PairedVectors, Moments]:
        """Rows and moments of everything but these folds.

        Of very many rows only some are returned, for banks and anchors; the moments are
        always those of all.
        """
        moments = self.whole
        for fold in folds:
            moments = moments - self._parts[fold]
        rows = np.flatnonzero(~np.isin(self.labels, folds))
        return self.pairs.take(thin(rows, MAX_TRAIN)), moments

    def held(self, fold: int) -> NDArray[np.intp]:
        """Rows of one fold, thinned out evenly where there are very many."""
        return thin(np.flatnonzero(self.labels == fold), MAX_HELD)


def select(
    pairs: PairedVectors,
    choices: Sequence[Candidate],
    groups: NDArray[np.intp],
    *,
    seed: int = 0,
    nested: bool = True,
    progress: Progress | None = None,
) -> Selection:
    """Choose among candidates by cross-validation on these pairs alone.

    Few rows are dealt into folds several times, since one deal says too little. The score
    of a candidate is the mean reciprocal rank of the true partner among the
    held-out rows, over both directions of every pair of modalities that records share,
    under the ``instance`` read-out. For the estimate, each outer fold is left out of a
    selection of its own, made on the other folds.

    Args:
        pairs: ``n`` records.
        choices: At least one candidate.
        groups: ``(n,)`` labels that no split may straddle.
        seed: Of the folds.
        nested: Whether to run the outer folds too.
        progress: Called as splits are done.

    Raises:
        DataError: If there are too few records, or no candidate can be fitted.
    """
    paired = int((np.sum([pairs.present[m] for m in pairs.modalities], axis=0) > 1).sum())
    if paired < MIN_RECORDS:
        raise DataError(
            f"{paired} records have two modalities or more, need at least {MIN_RECORDS} to hold "
            "some out and to learn from the rest; add records, or fit an aligner by hand"
        )
    deals = [
        Folds(pairs, fold_labels(groups, folds=FOLDS, seed=seed + deal))
        for deal in range(_deals(len(pairs)))
    ]
    folds = deals[0]
    singles: list[LeftOut] = [
        (deal, (fold,)) for deal, each in enumerate(deals) for fold in range(each.count)
    ]
    doubles: list[LeftOut] = []
    if nested and folds.count > 2:
        doubles = [(0, both) for both in combinations(range(folds.count), 2)]
    table = _Table(deals, list(choices), [*singles, *doubles])
    table.run(progress, "choose aligner")
    table.add(_families(table, singles, doubles))
    table.run(progress, "choose ensemble")
    outer = []
    for fold in range(folds.count) if doubles else []:
        candidate = table.best(_inner(doubles, fold))
        aligner = fit(candidate, *folds.without(fold))
        train = thin(np.flatnonzero(folds.labels != fold), MAX_TRAIN)
        outer.append(OuterFold(folds.held(fold), candidate, aligner, train))
    splits = _scored(singles)
    return Selection(table.best(splits), table.trials(splits), folds.whole, outer)


def fit(candidate: Candidate, pairs: PairedVectors, moments: Moments) -> Aligner:
    """Fit a candidate, from moments where they suffice."""
    if candidate.members:
        members = [fit(member, pairs, moments) for member in candidate.members]
        return Ensemble(members, candidate.weights).combine(pairs)
    aligner = candidate.build()
    if isinstance(aligner, MomentsAligner):
        return aligner.fit_moments(moments)
    return aligner.fit(pairs)


def direct_pairs(pairs: PairedVectors) -> list[tuple[str, str]]:
    """Pairs of modalities that some record has together."""
    return [(a, b) for a, b in combinations(pairs.modalities, 2) if len(pairs.rows(a, b))]


def held_out_scores(
    aligner: Aligner, train: PairedVectors, held: PairedVectors, a: str, b: str
) -> F32:
    """Instance scores of the held-out rows that have both: row i belongs to column i."""
    x, y = held.pair(a, b)
    return score(
        aligner.transform(x, a),
        aligner.transform(y, b),
        readout="instance",
        query_bank=aligner.transform(bank(train, a), a),
        gallery_bank=aligner.transform(bank(train, b), b),
    )


def bank(pairs: PairedVectors, modality: str, *, limit: int = 2000) -> F32:
    """Native training vectors against which hubs are measured, thinned out evenly."""
    return pairs.vectors[modality][thin(pairs.rows(modality), limit)]


LeftOut = tuple[int, tuple[int, ...]]
"""A deal of the rows into folds, and the folds of it that are left out of training."""
Split = tuple[LeftOut, int]
"""What is left out of training, and the one fold of it that is scored."""


class _Table:
    """Scores of every candidate on every split."""

    def __init__(
        self, deals: list[Folds], choices: list[Candidate], left_outs: list[LeftOut]
    ) -> None:
        self.deals = deals
        self.choices = choices
        self.left_outs = left_outs
        self.scores: dict[tuple[int, Split], float] = {}
        self.reasons: dict[int, str] = {}
        self._train: dict[LeftOut, tuple[PairedVectors, Moments]] = {}
        self._done = 0

    def add(self, more: Iterable[Candidate]) -> None:
        """Append candidates that are not there yet."""
        known = {candidate.label for candidate in self.choices}
        for candidate in more:
            if candidate.label not in known:
                self.choices.append(candidate)
                known.add(candidate.label)

    def run(self, progress: Progress | None, phase: str) -> None:
        """Score what was appended since the last run, one split a thread.

        Eigenproblems of this size use one core better than two, so every thread gets a
        single-threaded BLAS and the splits run side by side.
        """
        which = range(self._done, len(self.choices))
        self._done = len(self.choices)
        if not which:
            return
        with threadpool_limits(1), ThreadPoolExecutor(usable_cores()) as pool:
            running = [pool.submit(self._evaluate, which, each) for each in self.left_outs]
            try:
                for done, future in enumerate(as_completed(running), start=1):
                    future.result()
                    if progress is not None:
                        progress(phase, done, len(running))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _evaluate(self, which: range, left_out: LeftOut) -> None:
        folds = self.deals[left_out[0]]
        if left_out not in self._train:
            self._train[left_out] = folds.without(*left_out[1])
        train, moments = self._train[left_out]
        for index in which:
            if index in self.reasons:
                continue
            try:
                aligner = fit(self.choices[index], train, moments)
            except (DataError, NoSignalError) as error:
                self.reasons[index] = str(error)
                continue
            for fold in left_out[1]:
                held = folds.pairs.take(folds.held(fold))
                self.scores[index, (left_out, fold)] = _mean_reciprocal_rank(aligner, train, held)

    def means(self, splits: Sequence[Split]) -> F64:
        """Mean score of each candidate over splits; −inf where it could not be fitted."""
        return np.array(
            [
                -np.inf
                if index in self.reasons
                else np.nanmean([self.scores[index, split] for split in splits])
                for index in range(len(self.choices))
            ]
        )

    def best(self, splits: Sequence[Split]) -> Candidate:
        means = self.means(splits)
        if not np.isfinite(means).any():
            reasons = "; ".join(dict.fromkeys(self.reasons.values()))
            raise DataError(f"no aligner could be fitted on these records: {reasons}")
        return self.choices[int(np.nanargmax(means))]

    def best_by_family(self, splits: Sequence[Split]) -> dict[str, Candidate]:
        found: dict[str, Candidate] = {}
        means = self.means(splits)
        for index in np.argsort(-means, kind="stable"):
            if np.isfinite(means[index]):
                found.setdefault(self.choices[index].aligner, self.choices[index])
        return found

    def trials(self, splits: Sequence[Split]) -> list[Trial]:
        means = self.means(splits)
        order = np.argsort(-means, kind="stable")
        return [
            Trial(
                self.choices[index],
                np.array([self.scores.get((index, split), np.nan) for split in splits]),
                self.reasons.get(index, ""),
            )
            for index in order
        ]


def _families(table: _Table, singles: list[LeftOut], doubles: list[LeftOut]) -> list[Candidate]:
    """Ensembles worth trying: of the best of each family, for every selection to be made.

    A selection for an outer fold sees only what its own inner folds found best.
    """
    views = [_scored(singles)]
    if doubles:
        views += [_inner(doubles, fold) for fold in range(table.deals[0].count)]
    return [each for view in views for each in ensembles(table.best_by_family(view))]


def _scored(left_outs: Iterable[LeftOut]) -> list[Split]:
    """Every fold that is left out, scored."""
    return [(left_out, fold) for left_out in left_outs for fold in left_out[1]]


def _inner(doubles: list[LeftOut], fold: int) -> list[Split]:
    """Splits that leave ``fold`` out of everything and score another fold."""
    return [split for split in _scored(doubles) if fold in split[0][1] and split[1] != fold]


def _deals(rows: int) -> int:
    """How often the rows are dealt into folds anew: with few, one deal says too little."""
    return int(np.clip(round(_ROWS_SCORED / rows), 1, _MAX_DEALS))


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
