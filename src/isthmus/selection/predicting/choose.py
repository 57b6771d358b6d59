"""The choice of a fusion, its calibration, and the report of what both are worth."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.traits import Setting
from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.paired import PairedVectors
from isthmus.core.wording import count, way
from isthmus.fusion import Fusion, Target
from isthmus.pipeline.splits import FOLDS
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import PredictorReport, ShuffledLabels
from isthmus.selection.compare import difference
from isthmus.selection.meter import Meter
from isthmus.selection.null import PERMUTATIONS
from isthmus.selection.predicting import compose
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import LATE, entrants
from isthmus.selection.predicting.finished import Race
from isthmus.selection.predicting.judge import Judge
from isthmus.selection.predicting.measures import CHOSEN_BY, HEADLINES, measure, together
from isthmus.selection.predicting.nested import Nested, race
from isthmus.selection.predicting.nulls import LEVEL, shuffled_labels_p
from isthmus.selection.predicting.table import Table

MIN_RECORDS = 20
"""Four in each of five folds; fewer say nothing of what was chosen."""
_DIGITS = 3
"""Of figures that are compared; one view is told of where it is ahead by these."""
_LEAST_FOLDS = 3
"""One to judge by, one to choose by, one to learn from."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Result of :func:`choose`.

    Attributes:
        fusion: Fitted on all records.
        outcome: What its scores mean.
        report: What both are worth.
        notes: What a user must hear of that.
    """

    fusion: Fusion
    outcome: Outcome
    report: PredictorReport
    notes: tuple[str, ...] = ()


def choose(
    rows: PairedVectors,
    target: Target,
    *,
    links: NDArray[np.intp] | None = None,
    fusions: Sequence[str] | str | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    budget: float | None = None,
    progress: Progress = untold,
    metric: str | None = None,
    horizon: float | None = None,
    folder: Path | None = None,
    name: str = "",
) -> Chosen:
    """Choose how to join views, calibrate what it says, and measure both on held-out records.

    Late fusion is the favourite, with its hyper-parameters as the folds say; another fusion, or
    late fusion of some of the views only, is chosen where it is surely better on the same folds.

    Args:
        rows: ``n`` records; views may be missing.
        target: Of the same records.
        links: ``(n,)`` labels; records with one label never straddle a split. None: each alone.
        fusions: Ids; ``"closed"``, the default, for what is quick to fit; ``"all"`` for all.
        folds: Outer folds.
        seed: Of the folds.
        budget: Seconds for the race; what does not fit in is left out and named.
        progress: Told as fits are done.
        metric: What the choice looks at and the report tells first; else as ``CHOSEN_BY`` and
            ``HEADLINES`` say.
        horizon: By which an event is predicted; the median time of the events by default.
        folder: Where scores are kept, so that an interrupted choice goes on.
        name: Of the target, for the report and messages.

    Raises:
        NoSignalError: If labels that are dealt anew fit held-out scores as well, or held-out
            numbers are told no better than by their mean.
        DataError, InputError: Too few records or groups; an unknown fusion or metric.
    """
    began = time.monotonic()
    links = np.arange(len(rows)) if links is None else np.asarray(links, dtype=np.intp)
    _check(rows, target, links)
    rows = replace(rows, groups=links)  # what is held out inside a fit keeps together, too
    table = Table(rows, target, Meter(progress, "choose fusion"), folder)
    deals = Deals.of(rows, target, links, folds=folds, seed=seed)
    _check_events(target, deals, name)
    chosen_by = measure(metric or CHOSEN_BY[target.kind], target.kind)
    headline = measure(metric or HEADLINES[target.kind], target.kind)
    setting = Setting(records=len(rows), grouped=len(np.unique(links)) < len(rows))
    entering, not_tried = entrants(rows.views, target, setting, fusions)
    nested = race(table, entering, deals, chosen_by, budget)
    null = _checked_signal(table, deals, nested, links, seed, name)
    judge = Judge(table, deals, headline.balanced, horizon)
    inside = [choice.answering(rows.views) for choice in nested.inside]
    judged = tuple(judge.fully(entrant, fold) for fold, entrant in enumerate(inside))
    shown = (links, headline, chosen_by, not_tried, seed, name, began)
    run = Race(table, deals, nested, judge, judged, *shown)
    _check_worth(run)
    return _finished(run, null)


def _finished(run: Race, null: ShuffledLabels) -> Chosen:
    """What was chosen, fitted on all records, calibrated on those left out, and reported."""
    outcome = run.judge.outcome(run.chosen, run.deals.outer)
    fusion = run.table.fitted(run.chosen, np.arange(len(run.table.rows)))
    run.table.meter.end()
    return Chosen(fusion, outcome, compose.report(run, outcome, null), tuple(_doubts(run)))


def _doubts(run: Race) -> Iterator[str]:
    """That the headline is no better than that of one view, or of knowing nothing."""
    yield from _beaten(run)
    how = run.headline
    own, plain = (run.figure([how.of(each) for each in s]) for s in (run.said, run.knowing_nothing))
    if not own.folds or not plain.folds or how.sign * (own.value - plain.value) > 0:
        return
    folds = count(run.deals.count, "fold")
    yield (
        f"{how.name} of held-out records is {own.value:.3g}, the mean over {folds}: no better than "
        f"that of knowing nothing, {plain.value:.3g}"
    )


def _beaten(run: Race) -> Iterator[str]:
    """That one view alone did better on the outer folds than what is chosen from several."""
    views = run.chosen.views or run.table.rows.views
    if len(views) < 2:
        return
    how = run.headline
    own = np.array([how.of(each) for each in run.said])
    alone = {view: run.family(f"{LATE}: {view}") for view in run.table.rows.views}
    gaps = {v: difference(how.sign * x, how.sign * own, run.deals.held) for v, x in alone.items()}
    known = {view: gap for view, gap in gaps.items() if gap is not None}
    best = max(known, key=lambda view: known[view].mean, default=None)
    if best is None or round(known[best].mean, _DIGITS) <= 0:
        return
    gap, figures = known[best], [run.figure(each) for each in (alone[best], own)]
    unit = f" {figures[0].unit}" if figures[0].unit else ""
    one, all_of = (f"{each.value:.{_DIGITS}f}{unit}" for each in figures)
    said = f"{how.name} {one} against {all_of}, better by {gap.mean:.{_DIGITS}f}"
    if gap.low is not None and gap.high is not None:
        luck = ", so it may be chance" if gap.low <= 0 else ""
        said += f" (95 % interval {gap.low:.{_DIGITS}f} to {gap.high:.{_DIGITS}f}{luck})"
    use = way(python=f"views=[{best!r}]", shell=f"--view {shlex.quote(best)}")
    yield (
        f"the view {best!r} alone did better on the same held-out folds than what is chosen: "
        f"{said}. To use it alone: {use}"
    )


def _check(rows: PairedVectors, target: Target, links: NDArray[np.intp]) -> None:
    if not len(rows) == len(target) == len(links):
        raise DataError(
            f"{count(len(rows), 'record')}, a target of {len(target)} and {len(links)} links"
        )
    if len(rows) < MIN_RECORDS:
        raise DataError(
            f"{count(len(rows), 'record')}; need at least {MIN_RECORDS} to learn from some and "
            "judge by others"
        )
    if (groups := len(np.unique(links))) < _LEAST_FOLDS:
        raise DataError(
            f"the records are of {count(groups, 'group')}; need at least {_LEAST_FOLDS}, one to "
            "judge by, one to choose by and one to learn from. Records that share an item, or have "
            "nearly the same one, are of one group, too. Leave groups out if new records come from "
            "the same ones"
        )
    if target.kind == "survival" and not target.values[:, 1].any():
        raise DataError("no event happened in any record, so none can be predicted")
    if target.kind != "survival" and not np.ptp(target.values, axis=0).any():
        raise DataError("the target is the same in all records; there is nothing to predict")


def _check_events(target: Target, deals: Deals, name: str) -> None:
    """Refuse so few events that a fold has none by which an order could be judged."""
    if target.kind != "survival":
        return
    bare = sum(not target.take(split.rows).ordered for split in deals.final)
    if bare:
        of = f"{name}: " if name else ""
        events = count(int(target.values[:, 1].sum()), "event")
        raise DataError(
            f"{of}{events} in {count(len(target), 'record')} are too few: in {bare} of "
            f"{count(len(deals.final), 'fold')} nobody had the event while another record was "
            "still followed, so nothing can be measured there. Add records with the event"
        )


def _check_worth(run: Race) -> None:
    """Refuse numbers that are told no better than by their mean: ranks may be right all the same.

    Raises:
        NoSignalError: With the figure of both, over all held-out records.
    """
    target = run.table.target
    if target.kind != "number":
        return
    own, plain = (run.headline.of(together(each)) for each in (run.said, run.knowing_nothing))
    if run.headline.sign * (own - plain) > 0:
        return
    of = f"{run.name}: " if run.name else ""
    raise NoSignalError(
        f"{of}held-out numbers are told no better than by their mean ({run.headline.name} "
        f"{own:.3g}, of the mean {plain:.3g}; {count(len(target), 'record')}). If a few numbers "
        "are far larger than the others, predict their logarithm; else add records, or give other "
        "views"
    )


def _checked_signal(
    table: Table,
    deals: Deals,
    nested: Nested,
    links: NDArray[np.intp],
    seed: int,
    name: str,
) -> ShuffledLabels:
    parts = []
    for split, choice in zip(deals.outer, nested.inside, strict=True):
        table.run([(split.cut, [choice.best.entrant])])
        scores = table.scores(choice.best.entrant, split)
        parts.append((scores, table.target.take(split.rows), links[split.rows]))
    p = shuffled_labels_p(parts, seed=seed)
    if p > LEVEL:
        of = f"{name}: " if name else ""
        raise NoSignalError(
            f"{of}held-out records fit their own target no better than targets that are dealt anew "
            f"(p={p:.2g}, needed p ≤ {LEVEL:.2g}; {count(len(links), 'record')}). Check that the "
            "target belongs to its record, add records, or give other views"
        )
    return ShuffledLabels(p, PERMUTATIONS, LEVEL)
