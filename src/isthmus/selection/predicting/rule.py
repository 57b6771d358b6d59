"""Which fusion is chosen: late fusion, unless another is surely better on the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.selection.compare import difference
from isthmus.selection.predicting.entrants import LATE, Entrant, subsets
from isthmus.selection.predicting.measures import Measure, by_split
from isthmus.selection.predicting.table import Split, Table
from isthmus.space.report import Difference

_KEPT = 0.5
"""Share of the points that goes on from each rung: successive halving (Jamieson and Talwalkar,
AISTATS 2016)."""


@dataclass(frozen=True, eq=False)
class Trial:
    """An entrant on the splits that a choice may look at.

    Attributes:
        entrant: Which.
        scores: What the choice looks at by split, higher is better; NaN where it did not run.
    """

    entrant: Entrant
    scores: F64

    @property
    def mean(self) -> float:
        """Over the splits it ran on; −∞ if there are none."""
        known = self.scores[~np.isnan(self.scores)]
        return float(known.mean()) if len(known) else -np.inf

    @property
    def complete(self) -> bool:
        """Whether it ran on every split."""
        return not np.isnan(self.scores).any()


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen on some splits, and beside what.

    Attributes:
        best: The entrant.
        leaders: The best of each family, of those that ran on all splits.
        ahead: By how much each family leads late fusion, split by split.
        late: The best of late fusion.
    """

    best: Trial
    leaders: Mapping[str, Trial]
    ahead: Mapping[str, Difference]
    late: Trial

    def of_views(self, views: tuple[str, ...]) -> Entrant:
        """What was chosen for late fusion of some views."""
        alone = replace(self.late.entrant, views=views)
        leader = self.leaders.get(alone.family)
        return alone if leader is None else leader.entrant

    def answering(self, views: Sequence[str]) -> Entrant:
        """The best, and for records that lack a view what is best for the others.

        Args:
            views: Of the records.
        """
        best = self.best.entrant
        some = subsets(best.views or views)
        return replace(best, others=tuple(self.of_views(each) for each in some))

    @property
    def why(self) -> str:
        """In words."""
        family = self.best.entrant.family
        if family == LATE:
            return "late fusion; no other was surely better on held-out records"
        gap = self.ahead[family]
        ends = f"95 % interval {gap.low:.3f} to {gap.high:.3f}"
        return f"ahead of late fusion by {gap.mean:.3f} ({ends})"


def trial(table: Table, entrant: Entrant, splits: Sequence[Split], how: Measure) -> Trial:
    """What an entrant scores on these splits, as far as it was fitted for them."""
    scores = np.full(len(splits), np.nan)
    ran = [place for place, split in enumerate(splits) if table.has(entrant, split)]
    if ran and entrant.label not in table.reasons:
        parts = table.parts(entrant, splits)
        scores[ran] = by_split(how, parts)
    return Trial(entrant, scores)


def decide(trials: Sequence[Trial], held: float) -> Choice:
    """Late fusion with its best hyper-parameters, unless another family is surely better.

    A family is chosen over late fusion only where the interval of its lead (Nadeau and Bengio,
    see :func:`isthmus.selection.compare.difference`) lies above zero; of several such,
    the one whose lower end is highest.

    Args:
        trials: Of all entrants.
        held: Held-out rows for each training row of these splits.

    Raises:
        DataError: If late fusion could not be fitted.
    """
    leaders: dict[str, Trial] = {}
    for each in sorted(trials, key=lambda each: -each.mean):
        if each.complete and np.isfinite(each.scores).all():
            leaders.setdefault(each.entrant.family, each)
    if LATE not in leaders:
        raise DataError(
            "late fusion could not be fitted, or not be measured, on every fold of these records: "
            "a class, a label or an event may be too rare. Add records that have it, leave it out, "
            "or choose another metric"
        )
    late = leaders[LATE]
    ahead, best, lead = {}, late, 0.0
    for family, leader in leaders.items():
        gap = difference(leader.scores, late.scores, held)
        if leader is late or gap is None:
            continue
        ahead[family] = gap
        if gap.low is not None and gap.low > lead:
            best, lead = leader, gap.low
    return Choice(best, leaders, ahead, late)


def survivors(trials: Sequence[Trial]) -> list[Entrant]:
    """The better half of each family's points, at least one, so that every family is told of."""
    families: dict[str, list[Trial]] = {}
    for each in sorted(trials, key=lambda each: -each.mean):
        families.setdefault(each.entrant.family, []).append(each)
    kept = []
    for some in families.values():
        ran = [each for each in some if np.isfinite(each.mean)]
        kept += [each.entrant for each in ran[: max(1, round(_KEPT * len(ran)))]]
    return kept
