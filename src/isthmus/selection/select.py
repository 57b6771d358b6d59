"""Choice of an aligner by nested, group-aware cross-validation, and its honest estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners import Setting
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import count, way
from isthmus.moments import Moments
from isthmus.pipeline.splits import FOLDS, fold_labels
from isthmus.selection.candidates import (
    Candidate,
    ensembles,
    entering,
    grown,
    learned,
    unentered,
    untrained,
    with_csls_strength,
    with_sources,
)
from isthmus.selection.compare import difference, preferred, rivals
from isthmus.selection.folds import Folds, Training
from isthmus.selection.ground import Fitted
from isthmus.selection.measure import (
    Transforms,
    average_precision,
    grouped,
    recall_at_one,
    reciprocal_rank,
)
from isthmus.selection.meter import Meter
from isthmus.selection.parallel import side_by_side
from isthmus.selection.race import (
    Clock,
    LeftOut,
    Measure,
    Split,
    Table,
    Trial,
    challenge,
    expected,
    race,
)
from isthmus.space.readout import Readout
from isthmus.space.report import Difference, Rivalry

MIN_RECORDS = 10
"""Two in each of five folds: fewer cannot be ranked."""
_ROWS_SCORED = 600
"""Held-out rows over all deals; with so many one deal says enough. Chosen, not tuned."""
_MAX_DEALS = 4
"""More deals of the same few rows say little that is new. Chosen, not tuned."""
_FOR_THE_CHOICE = 0.5
"""Share of a time budget for the choice itself; on 540 pairs it takes as long as the outer folds,
which get the rest."""

_FIRST_FITS = 0.5
"""Share of the fits of the choice that the first rung takes, for progress: ensembles follow with
a like share of the rest. Measured on 540 pairs. Outer folds have one rung."""
_TIMED = 2
"""Fits on one split from which the meter knows what the others will take: the first does work
that the second shares."""


@dataclass
class OuterFold:
    """One outer fold: what the inner folds chose and how its held-out rows score."""

    held: NDArray[np.intp]
    candidate: Candidate
    fitted: Fitted
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
        held: Held-out rows for each training row, in the trials.
        rivalries: What a graph or trained head that was chosen gains over its rivals.
        not_tried: Kinds of aligner that never entered, and why.
        deal: The first deal of the rows into folds.
        without: What was chosen, fitted without one fold of that deal.
    """

    best: Candidate
    trials: list[Trial]
    training: Training
    outer: list[OuterFold] = field(default_factory=list)
    folds: int = 0
    held: float = 0.0
    rivalries: list[Rivalry] = field(default_factory=list)
    not_tried: dict[str, str] = field(default_factory=dict)
    deal: Folds | None = None
    without: Callable[[int], Fitted] | None = None

    def folds_of_best(
        self, pairs: PairedVectors
    ) -> list[tuple[Transforms, PairedVectors, PairedVectors]]:
        """What was chosen, fitted without each fold in turn, with its rows and the held-out ones.

        What is learned from them, such as what scores mean, is of the aligner that was chosen,
        not of one chosen without the fold.
        """
        if self.deal is None or self.without is None:
            return []
        folds = range(self.deal.count)
        return [
            (fitted, pairs.take(self.deal.train(fold)), pairs.take(self.deal.held(fold)))
            for fold, fitted in zip(folds, side_by_side(self.without, folds), strict=True)
        ]


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
    over both directions of every pair of views that records share. For the estimate,
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
    _check_enough(pairs)
    clock = Clock(budget)
    deals = _dealt(pairs, groups, sources, seed)
    table = Table(deals, _measure_for(readout, pairs), Meter(progress))
    setting = Setting(readout, len(pairs), grouped(pairs))
    plan = _Plan.of(choices, setting, auto=auto, sources=sources or ())
    count = deals[0].count
    first = _scored((0, (fold,)) for fold in range(count))
    rest = [(deal, (f,)) for deal, each in enumerate(deals) if deal for f in range(each.count)]
    singles = [*first, *(_scored(rest) if plan.chooses else ())]
    nested = nested and count > 2
    doubles = _ring(count) if nested and plan.chooses else []
    held = 1 / max(count - 1, 1)
    _start_meter(table, plan, singles, doubles)
    best = _choose(table, plan, singles, clock.part(_FOR_THE_CHOICE if doubles else 1.0), held)
    if plan.forms:
        table.run([best], first, Clock(None))
    trials = table.trials(first if plan.forms else singles)
    outer = _outer(table, plan, doubles, clock) if nested else []
    return _selected(table, plan, best, trials, outer, clock)


def _selected(
    table: Table,
    plan: _Plan,
    best: Candidate,
    trials: list[Trial],
    outer: list[OuterFold],
    clock: Clock,
) -> Selection:
    """What was chosen, beside its rivals."""
    deal = table.deals[0]
    rivalries = _rivalries(table, best, clock)
    table.meter.end()
    return Selection(
        best,
        trials,
        deal.without(),
        outer,
        folds=deal.count if outer else 0,
        held=1 / max(deal.count - 1, 1),
        rivalries=rivalries,
        not_tried=unentered(plan.setting) if plan.auto else {},
        deal=deal,
        without=lambda fold: table.fitted(best, (0, (fold,))),
    )


def _start_meter(
    table: Table, plan: _Plan, singles: Sequence[Split], doubles: Sequence[LeftOut]
) -> None:
    """Tell what is to be done, once a few fits have been timed."""
    entrants = plan.forms or plan.choices
    expected(table.meter, entrants, len(singles), round(_FIRST_FITS * len(singles)))
    expected(table.meter, entrants, len(doubles), len(doubles))
    if plan.forms:
        expected(table.meter, plan.choices[:1], len(singles), len(singles))
    table.run(entrants[:_TIMED], singles[:1], Clock(None))
    table.meter.start()


@dataclass(frozen=True)
class _Plan:
    """What every choice, that on all folds and those of the outer folds, is made from.

    Attributes:
        choices: The candidates that enter first.
        setting: What is known of the records.
        auto: Whether others may enter, built on the best of these.
        sources: Names of other sources.
        forms: In the place of each choice, where all are of one aligner that is trained: what its
            training starts from, by which it is chosen. Else empty.
    """

    choices: tuple[Candidate, ...]
    setting: Setting
    auto: bool
    sources: tuple[str, ...]
    forms: tuple[Candidate, ...] = ()

    @classmethod
    def of(
        cls, choices: Sequence[Candidate], setting: Setting, *, auto: bool, sources: Iterable[str]
    ) -> _Plan:
        """Made of those choices that may enter."""
        entrants = entering(choices, setting) if auto else choices
        forms = () if auto or len(entrants) < 2 else untrained(entrants)
        return cls(tuple(entrants), setting, auto, tuple(sources), tuple(forms))

    @property
    def chooses(self) -> bool:
        """Whether there is more than one that could be chosen."""
        return self.auto or len(self.choices) > 1 or bool(self.sources)


def _check_enough(pairs: PairedVectors) -> None:
    paired = int((np.sum([pairs.present[m] for m in pairs.views], axis=0) > 1).sum())
    if paired < MIN_RECORDS:
        raise DataError(
            f"{count(paired, 'record has', 'records have')}"
            f" two views or more, need at least {MIN_RECORDS} to hold "
            "some out and to learn from the rest; add records, or fit an aligner by hand"
        )


def _outer(table: Table, plan: _Plan, doubles: Sequence[LeftOut], clock: Clock) -> list[OuterFold]:
    """Each outer fold, left out of a choice of its own (if doubles), as far as the time goes."""
    deal = table.deals[0]
    outer: list[OuterFold] = []
    candidate = plan.choices[0]
    for fold in range(deal.count):
        if outer and clock.left <= 0:
            break
        if doubles:
            part, held = clock.part(1 / (deal.count - fold)), 1 / max(deal.count - 2, 1)
            candidate = _choose(table, plan, _inner(doubles, fold), part, held)
        fitted = table.fitted(candidate, (0, (fold,)))
        outer.append(OuterFold(deal.held(fold), candidate, fitted, deal.train(fold)))
    return outer


def _choose(
    table: Table, plan: _Plan, splits: Sequence[Split], clock: Clock, held: float
) -> Candidate:
    """The candidate to keep, by these splits alone.

    Args:
        table: Filled.
        plan: What may enter. The first choice is the favourite, which others must clearly beat.
        splits: Those that this choice may look at.
        clock: When it ends, what was not tried is left out.
        held: Held-out rows for each training row of these splits.

    Raises:
        DataError: If none could be fitted.
    """
    if plan.forms:
        return _by_form(table, plan, splits, clock, held)
    favourite = plan.choices[0]
    table.run([favourite], splits, Clock(None))  # whatever the budget, one must be chosen
    race(table, plan.choices, splits, clock)
    if plan.auto:
        race(table, ensembles(table.best_by_family(splits)), splits, clock)
        for build in (grown, learned):
            if entrants := build(table.best_by_family(splits), plan.setting):
                challenge(table, entrants, splits, clock)
                race(table, ensembles(table.best_by_family(splits)), splits, clock)
    if plan.sources:
        race(table, with_sources(table.best_by_family(splits), plan.sources), splits, clock)
    table.best(splits)  # refuses if none could be fitted
    chosen = preferred(table.trials(splits), favourite, held)
    if plan.auto and plan.setting.readout == "instance":
        weaker = with_csls_strength(chosen)
        race(table, weaker, splits, clock)
        read_out = [table.trial(each, splits) for each in (chosen, *weaker)]
        chosen = preferred(read_out, weaker[0], held)
    return chosen


def _by_form(
    table: Table, plan: _Plan, splits: Sequence[Split], clock: Clock, held: float
) -> Candidate:
    """The trained candidate whose form without training is the best, as :func:`_choose` says."""
    table.run(plan.forms[:1], splits, Clock(None))
    race(table, plan.forms, splits, clock)
    table.best(splits)
    best = preferred([table.trial(form, splits) for form in plan.forms], plan.forms[0], held)
    return plan.choices[plan.forms.index(best)]


def _rivalries(table: Table, best: Candidate, clock: Clock) -> list[Rivalry]:
    """R@1 and mAP by group of what was chosen less those of its rivals, on one deal."""
    others = rivals(best)
    deal = table.deals[0]
    splits = _scored((0, (fold,)) for fold in range(deal.count))
    measures: dict[str, Measure] = {"R@1": recall_at_one}
    if grouped(deal.pairs):
        measures["mAP by group"] = average_precision
    ahead: list[dict[str, Difference | None]] = [{} for _ in others]
    for name, measure in measures.items() if others else ():
        again = table.with_measure(measure)
        again.run([best, *others], splits, clock)
        ours = again.trial(best, splits)
        for row, rival in zip(ahead, others, strict=True):
            theirs = again.trial(rival, splits)
            row[name] = difference(ours.scores, theirs.scores, 1 / max(deal.count - 1, 1))
    return [Rivalry(rival.label, row) for rival, row in zip(others, ahead, strict=True)]


def _scored(left_outs: Iterable[LeftOut]) -> list[Split]:
    """Every fold that is left out, scored."""
    return [(left_out, fold) for left_out in left_outs for fold in left_out[1]]


def _ring(count: int) -> list[LeftOut]:
    """Every two folds that are neighbours on the ring of folds, left out of the first deal.

    What is left out for both of two neighbours is fitted once for both, so all choices of the
    outer folds, each on two splits, take as many fits as there are folds. With all pairs of folds
    in place of these, CPU time was a quarter more, and the R@10 of the outer folds was lower
    by .003 on average, by .014 at most (540 pairs of Tux Paint, 3 seeds, all kinds and CCA).
    """
    return [(0, (min(f, g), max(f, g))) for f in range(count) for g in [(f + 1) % count]]


def _inner(doubles: Sequence[LeftOut], fold: int) -> list[Split]:
    """Splits that leave ``fold`` out of everything and score another fold."""
    return [split for split in _scored(doubles) if fold in split[0][1] and split[1] != fold]


def _dealt(
    pairs: PairedVectors,
    groups: NDArray[np.intp],
    sources: Mapping[str, Moments] | None,
    seed: int,
) -> list[Folds]:
    """The rows in folds; dealt several times where there are few, as one deal says too little."""
    deals = int(np.clip(round(_ROWS_SCORED / len(pairs)), 1, _MAX_DEALS))
    return [
        Folds(pairs, fold_labels(groups, folds=FOLDS, seed=seed + deal), sources)
        for deal in range(deals)
    ]


def _measure_for(readout: Readout, pairs: PairedVectors) -> Measure:
    """What a candidate is scored by."""
    if readout == "instance":
        return reciprocal_rank
    if not grouped(pairs):
        raise DataError(
            "to choose for the semantic read-out, every record needs a group, and some have none; "
            "add groups, or use " + way(python="readout='instance'", shell="--readout instance")
        )
    return average_precision
