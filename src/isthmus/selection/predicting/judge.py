"""What was chosen, judged on outer folds that neither it nor its calibration has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Shares
from isthmus.fusion.target import Target
from isthmus.predictor.outcome import Outcome
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import Entrant
from isthmus.selection.predicting.measures import Said, joined
from isthmus.selection.predicting.table import Cut, Split, Table, with_views

Views = frozenset[str]
_ALL_SETS = 4
"""Views up to which every set of them gets a calibration of its own; else those that lack one,
single ones and none."""


@dataclass(frozen=True)
class Judge:
    """Judges entrants on the outer folds.

    Attributes:
        table: Scores.
        deals: Of the records.
        balanced: Whether classes are decided with equal weight.
        horizon: Of survival.
        most: Inner folds that a plain outcome is learned from; None for all.
    """

    table: Table
    deals: Deals
    balanced: bool = False
    horizon: float | None = None
    most: int | None = None
    _known: dict[tuple[str, str], dict[Views, F64]] = field(default_factory=dict, repr=False)
    _said: dict[tuple[str, int], Said] = field(default_factory=dict, repr=False)
    _sizes: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict, repr=False)

    def plainly(self, entrant: Entrant, fold: int) -> Said:
        """One outer fold, by an outcome learned from the inner ones; views as they are."""
        if (entrant.label, fold) not in self._said:
            self._said[entrant.label, fold] = self._judged_plainly(entrant, fold)
        return self._said[entrant.label, fold]

    def _judged_plainly(self, entrant: Entrant, fold: int) -> Said:
        inner, outer = self.deals.inner(fold)[: self.most], self.deals.outer[fold]
        self.table.run([(split.cut, [entrant]) for split in (*inner, outer)])
        parts = self.table.parts(entrant, inner)
        scores = np.vstack([scores for scores, _ in parts])
        target = joined([target for _, target in parts])
        outcome = Outcome.fit(scores, target, balanced=self.balanced, horizon=self.horizon)
        truth = self.table.target.take(outer.rows)
        return Said(outcome, self.table.scores(entrant, outer), truth)

    def fully(self, entrant: Entrant, fold: int) -> Judged:
        """One outer fold, with every set of views that may be missing."""
        outcome = self.outcome(entrant, self.deals.inner(fold))
        outer = self.deals.outer[fold]
        return Judged(
            outcome,
            self._scores(entrant, outer.cut),
            self.table.seen_by(entrant).take(outer.rows),
            self.table.target.take(outer.rows),
            outer.rows,
        )

    def outcome(self, entrant: Entrant, splits: Sequence[Split]) -> Outcome:
        """What scores of an entrant mean, for every set of views, by rows left out of fits."""
        rows = self.table.seen_by(entrant)
        scores: list[F64] = []
        places: list[NDArray[np.intp]] = []
        masks: list[NDArray[np.bool_]] = []
        for split in splits:
            there = _masks(rows, split.rows)
            begin = _begin(split)
            known: set[tuple[int, bytes]] = set()
            for views, found in self._scores(entrant, split.cut).items():
                kept = there & np.isin(list(rows.views), list(views))
                keys = [(int(r), m.tobytes()) for r, m in zip(split.rows, kept, strict=True)]
                new = np.array([key not in known for key in keys])
                known.update(keys)
                scores.append(found[begin : begin + len(split.rows)][new])
                places.append(split.rows[new])
                masks.append(kept[new])
        mask = np.vstack(masks)
        return Outcome.fit(
            np.vstack(scores),
            self.table.target.take(np.concatenate(places)),
            {view: mask[:, place] for place, view in enumerate(rows.views)},
            balanced=self.balanced,
            horizon=self.horizon,
        )

    def sizes(self, entrant: Entrant, folds: Sequence[int]) -> dict[str, float]:
        """How much each view moves scores of held-out rows; all views sum to 1."""
        found = []
        for fold in folds:
            cut = self.deals.outer[fold].cut
            self._scores(entrant, cut)
            found.append(self._sizes[entrant.key, cut.name])
        mean = {view: float(np.mean([each[view] for each in found])) for view in found[0]}
        total = sum(mean.values()) or 1.0
        return {view: size / total for view, size in mean.items()}

    def _scores(self, entrant: Entrant, cut: Cut) -> dict[Views, F64]:
        """Scores of the held-out rows of a cut, all its folds, by the views that are left."""
        key = entrant.key, cut.name
        if key not in self._known:
            rows = self.table.seen_by(entrant).take(np.concatenate(list(cut.held.values())))
            memo = self.table.memo(cut, entrant.views)
            fusion = self.table.fitted(entrant, cut.train, memo)
            if len(cut.held) == 1:
                self._sizes[key] = _sizes(fusion.shares(rows))
            self._known[key] = {
                views: fusion.scores(_masked(rows, views)) for views in sets_of(rows.views)
            }
        return self._known[key]


@dataclass(frozen=True, eq=False)
class Judged:
    """One outer fold.

    Attributes:
        outcome: Learned without it.
        scores: By the views that are left.
        rows: With the views that the entrant sees.
        target: Of these rows.
        places: Of these rows among all.
    """

    outcome: Outcome
    scores: Mapping[Views, F64]
    rows: PairedVectors
    target: Target
    places: NDArray[np.intp]

    def said(self, gone: Mapping[str, NDArray[np.bool_]] | None = None) -> Said:
        """What is said of the rows.

        Args:
            gone: By view ``(n,)``, rows that lose it; one view at most.
        """
        present = dict(self.rows.present)
        whole = self.scores[frozenset(self.rows.views)]
        for view, lost in (gone or {}).items():
            if view not in present:
                continue
            present[view] = present[view] & ~lost
            without = self.scores[frozenset(self.rows.views) - {view}]
            whole = np.where(lost[:, None], without, whole)
        return Said(self.outcome, whole, self.target, present)


def _masked(rows: PairedVectors, views: Views) -> PairedVectors:
    if views:
        return with_views(rows, views)
    return replace(rows, present={v: np.zeros_like(m) for v, m in rows.present.items()})


def sets_of(views: Sequence[str]) -> list[Views]:
    """Sets of views that get a calibration of their own, all of them first."""
    few = len(views) <= _ALL_SETS
    sizes = range(len(views), -1, -1) if few else (len(views), len(views) - 1, 1, 0)
    return [frozenset(some) for size in sizes for some in combinations(views, size)]


def _sizes(shares: Shares) -> dict[str, float]:
    """By view, the mean size of its share less the mean share, which moves no answer."""
    return {view: float(np.abs(x - x.mean(axis=0)).mean()) for view, x in shares.views.items()}


def _masks(rows: PairedVectors, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.column_stack([rows.present[view][places] for view in rows.views])


def _begin(split: Split) -> int:
    """Where the rows of a fold begin among the held-out rows of its cut."""
    begin = 0
    for fold, rows in split.cut.held.items():
        if fold == split.fold:
            break
        begin += len(rows)
    return begin
