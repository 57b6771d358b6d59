"""The nested race: one choice on all records, and one inside each outer fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import LATE, Entrant
from isthmus.selection.predicting.measures import Measure
from isthmus.selection.predicting.rule import Choice, Trial, decide, survivors, trial
from isthmus.selection.predicting.table import Cut, Split, Table
from isthmus.selection.race import Clock

_FIRST = 2
"""Splits of the first rung: on one alone luck would decide who stays."""


@dataclass(frozen=True, eq=False)
class Nested:
    """Everything that was chosen.

    Attributes:
        final: On all records.
        trials: Of the final choice, all entrants, best first.
        inside: One choice an outer fold, made without it.
    """

    final: Choice
    trials: tuple[Trial, ...]
    inside: tuple[Choice, ...]


def race(
    table: Table, entrants: Sequence[Entrant], deals: Deals, how: Measure, budget: float | None
) -> Nested:
    """Choose on all records, and inside each outer fold, by successive halving.

    The resource is the number of splits: all points on two of them, the better half of every
    fusion's on all of one deal, half of those on all deals.

    Args:
        table: Filled.
        entrants: Late fusion first.
        deals: Of the records.
        how: What is looked at.
        budget: Seconds; what does not fit in is left out and named.

    Raises:
        DataError: If late fusion could not be fitted.
    """
    clock = Clock(budget)
    final = deals.final
    decisions = [_rungs(final, deals.count)]
    decisions += [_rungs(deals.inner(fold), deals.count - 1) for fold in range(deals.count)]
    _expect(table, entrants, decisions)
    favourites = [each for each in entrants if each.family.partition(": ")[0] == LATE]
    left = [list(entrants) for _ in decisions]
    for level in range(max(len(rungs) for rungs in decisions)):
        todo = [
            (some, rungs[level])
            for some, rungs in zip(left, decisions, strict=True)
            if level < len(rungs)
        ]
        # Whatever the budget, late fusion is fitted, since one must be chosen; it is asked for
        # fewer views with that, which costs next to nothing and is what views are judged by.
        table.run(_by_cut([([e for e in some if e in favourites], at) for some, at in todo]))
        table.run(_by_cut(todo), clock)
        for place, rungs in enumerate(decisions):
            if level < len(rungs) - 1:
                left[place] = survivors([trial(table, e, rungs[level], how) for e in left[place]])
    tried = [trial(table, each, final, how) for each in entrants]
    return Nested(
        decide(tried, deals.held),
        tuple(sorted(tried, key=lambda each: (not each.complete, -each.mean))),
        tuple(
            decide([trial(table, each, rungs[-1], how) for each in some], deals.held_inside)
            for some, rungs in zip(left[1:], decisions[1:], strict=True)
        ),
    )


def _rungs(splits: Sequence[Split], of_one_deal: int) -> list[Sequence[Split]]:
    ends = sorted({min(_FIRST, len(splits)), min(of_one_deal, len(splits)), len(splits)})
    return [splits[:end] for end in ends]


def _by_cut(
    todo: Sequence[tuple[Sequence[Entrant], Sequence[Split]]],
) -> list[tuple[Cut, list[Entrant]]]:
    """Entrants of all choices by cut, so that what is fitted for several is fitted once."""
    work: dict[Cut, dict[Entrant, None]] = {}
    for some, splits in todo:
        for split in splits:
            work.setdefault(split.cut, {}).update(dict.fromkeys(some))
    return [(cut, list(some)) for cut, some in work.items()]


def _expect(
    table: Table, entrants: Sequence[Entrant], decisions: Sequence[Sequence[Sequence[Split]]]
) -> None:
    """Tell the meter: every entrant on the cuts of the first rung, half of them on the others."""
    first = {split.cut.name for rungs in decisions for split in rungs[0]}
    every = {split.cut.name for rungs in decisions for split in rungs[-1]}
    names = [each.fusion for each in entrants]
    table.meter.expect(names, len(first), len(every) - len(first), 0.5)
    table.meter.start()
