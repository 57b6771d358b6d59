"""The report of a predictor, from a race that is over."""

from __future__ import annotations

import time

import numpy as np

from isthmus.fusion.target import Target
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import (
    ChosenFusion,
    DataFacts,
    Estimate,
    MissingCurve,
    PredictorReport,
    Shares,
    ShuffledLabels,
    Standing,
    TargetFacts,
    Tried,
    ViewFacts,
)
from isthmus.selection.compare import difference
from isthmus.selection.predicting import told
from isthmus.selection.predicting.baselines import baselines
from isthmus.selection.predicting.entrants import LATE, subsets
from isthmus.selection.predicting.finished import Race
from isthmus.selection.predicting.gone import missing_curve
from isthmus.selection.predicting.measures import measures_of
from isthmus.selection.predicting.rule import Trial


def report(race: Race, outcome: Outcome, null: ShuffledLabels) -> PredictorReport:
    """Everything that is told.

    Args:
        race: It is over.
        outcome: Of what was chosen on all records.
        null: Shuffled labels.
    """
    folds = race.said
    places = np.concatenate([judged.places for judged in race.folds])
    ids = race.table.rows.ids or [f"row {row}" for row in range(len(race.table.rows))]
    final, best = race.nested.final, race.nested.final.best.entrant
    figures = tuple(
        race.figure([how.of(said) for said in folds], how)
        for how in measures_of(race.table.target.kind, race.headline.name)
    )
    return PredictorReport(
        target=_target_facts(race.table.target, race.name, outcome),
        data=_data_facts(race),
        chosen=ChosenFusion(
            best.label,
            best.fusion,
            dict(best.params),
            best.views or race.table.rows.views,
            final.why,
        ),
        chosen_by=race.chosen_by.name,
        estimate=Estimate(
            race.headline.name,
            figures,
            len(places),
            race.deals.count,
            race.seed,
            tuple(each.best.entrant.label for each in race.nested.inside),
        ),
        standings=standings(race),
        baselines=baselines(race),
        null=null,
        missing=_missing(race),
        reliability=told.reliability(folds),
        coverage=told.coverage(folds),
        risk_coverage=told.risk_coverage(folds),
        confusion=told.confusion(folds),
        clinical=told.clinical(folds),
        shares=Shares(race.judge.sizes(race.chosen, range(race.deals.count))),
        examples=told.examples(folds, [ids[place] for place in places]),
        tried=tuple(_tried(race, each) for each in race.nested.trials),
        not_tried=race.not_tried,
        seconds=time.monotonic() - race.began,
    )


def standings(race: Race) -> tuple[Standing, ...]:
    """The best of each family beside late fusion, on the outer folds."""
    late = race.outer(lambda choice: choice.late)
    best = race.nested.final.best.entrant
    rows = []
    for family, leader in race.nested.final.leaders.items():
        own = race.family(family)
        sign = race.headline.sign
        rows.append(
            Standing(
                family,
                leader.entrant.label,
                race.figure(own),
                None if family == LATE else difference(sign * own, sign * late, race.deals.held),
                race.nested.final.ahead.get(family),
                float(np.median(race.table.seconds.get(family, [0.0]))),
                family == best.family,
            )
        )
    sign = race.headline.sign
    return tuple(sorted(rows, key=lambda row: (not row.chosen, -sign * row.figure.value)))


def _missing(race: Race) -> tuple[MissingCurve, ...]:
    """A curve for each view that the choice of some outer fold sees, if others are left."""
    views = race.table.rows.views
    known = {frozenset(some): some for some in subsets(views)}
    curves = []
    for view in views if len(views) > 1 else ():
        others = known[frozenset(views) - {view}]
        rest = [
            race.judge.plainly(choice.of_views(others), fold)
            for fold, choice in enumerate(race.nested.inside)
        ]
        curves.append(missing_curve(view, race.folds, rest, race.headline, race.seed))
    return tuple(curves)


def _target_facts(target: Target, name: str, outcome: Outcome) -> TargetFacts:
    counts: tuple[int, ...] = ()
    if target.kind in ("classes", "grades"):
        counts = tuple(np.bincount(target.codes, minlength=len(target.names)).tolist())
    elif target.kind == "labels":
        counts = tuple(target.values.sum(axis=0).astype(int).tolist())
    elif target.kind == "survival":
        counts = (int(target.values[:, 1].sum()),)
    return TargetFacts(name, target.kind, target.names, counts, outcome.horizon, target.unit)


def _data_facts(race: Race) -> DataFacts:
    rows = race.table.rows
    return DataFacts(
        len(rows),
        len(np.unique(race.links)),
        tuple(
            ViewFacts(view, rows.vectors[view].shape[1], int(rows.present[view].sum()))
            for view in rows.views
        ),
    )


def _tried(race: Race, trial: Trial) -> Tried:
    known = trial.scores[~np.isnan(trial.scores)]
    return Tried(
        trial.entrant.label,
        trial.entrant.family,
        float(known.mean()) if len(known) else None,
        float(known.std(ddof=1)) if len(known) > 1 else None,
        len(known),
        trial.complete,
        race.table.reasons.get(trial.entrant.label, ""),
    )
