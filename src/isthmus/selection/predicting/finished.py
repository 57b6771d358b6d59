"""A race that is over: what was chosen, and figures of it on the outer folds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import Figure
from isthmus.selection.compare import difference
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import Entrant
from isthmus.selection.predicting.judge import Judge, Judged
from isthmus.selection.predicting.measures import Measure, Said
from isthmus.selection.predicting.nested import Nested
from isthmus.selection.predicting.rule import Choice, Trial
from isthmus.selection.predicting.table import Table


@dataclass(frozen=True, eq=False)
class Race:
    """A race that is over, and what it was about.

    Attributes:
        table: Scores.
        deals: Of the records.
        nested: What was chosen.
        judge: Judges on outer folds.
        folds: What was chosen in each outer fold, judged on it.
        links: ``(n,)``.
        headline: The metric that is told.
        chosen_by: The metric that the choice looks at.
        not_tried: Kinds of fusion that never entered, and why.
        seed: Of the folds.
        name: Of the target.
        began: When it began, by the monotonic clock.
    """

    table: Table
    deals: Deals
    nested: Nested
    judge: Judge
    folds: tuple[Judged, ...]
    links: NDArray[np.intp]
    headline: Measure
    chosen_by: Measure
    not_tried: dict[str, str]
    seed: int
    name: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def chosen(self) -> Entrant:
        """The choice on all records, with what answers those that lack a view."""
        return self.nested.final.answering(self.table.rows.views)

    def outer(self, pick: Callable[[Choice], Trial | None]) -> F64:
        """The headline on every outer fold of what its inner choice has; NaN where it has none.

        Args:
            pick: From the choice that was made without a fold.
        """
        found = np.full(self.deals.count, np.nan)
        for fold, choice in enumerate(self.nested.inside):
            if (leader := pick(choice)) is not None:
                found[fold] = self.headline.of(self.judge.plainly(leader.entrant, fold))
        return found

    def family(self, name: str) -> F64:
        """The same of the best of a family."""
        return self.outer(lambda choice: choice.leaders.get(name))

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """What was chosen without each outer fold, of its rows."""
        return tuple(judged.said() for judged in self.folds)

    @cached_property
    def knowing_nothing(self) -> tuple[Said, ...]:
        """The shares, or the mean, of the training rows, said of each row of each outer fold."""
        found = []
        for split in self.deals.outer:
            train = self.table.target.take(split.cut.train)
            truth = self.table.target.take(split.rows)
            outcome = Outcome.fit(
                np.zeros((len(train), train.width)), train, horizon=self.judge.horizon
            )
            found.append(Said(outcome, np.zeros((len(truth), truth.width)), truth))
        return tuple(found)

    def figure(self, values: Sequence[float] | F64, how: Measure | None = None) -> Figure:
        """A metric over outer folds; those that could not be measured do not count.

        Args:
            values: One a fold.
            how: Which metric; the headline by default.
        """
        how = how or self.headline
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known)]
        unit = how.unit(self.table.target)
        gap = difference(known, np.zeros(len(known)), self.deals.held)
        if gap is None:
            return Figure(how.name, 0.0, None, None, 0, unit)
        if gap.low is None or gap.high is None:
            return Figure(how.name, gap.mean, None, None, gap.splits, unit)
        ends = max(gap.low, how.least), min(gap.high, how.most)  # of Student's t, which knows none
        return Figure(how.name, gap.mean, *ends, gap.splits, unit)
