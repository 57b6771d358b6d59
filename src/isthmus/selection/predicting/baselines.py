"""Plain rivals on the same outer folds: knowing nothing, one view, concatenation, dealt views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.fusion.target import Target
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.report import Baseline, Plain
from isthmus.selection.predicting.entrants import LATE
from isthmus.selection.predicting.finished import Race
from isthmus.selection.predicting.judge import Judge
from isthmus.selection.predicting.measures import Said, by_split
from isthmus.selection.predicting.nulls import views_dealt_anew
from isthmus.selection.predicting.table import Table

CONCAT = "concat"
_NEIGHBOURS = 2
"""Inner folds by which views that were dealt anew are judged."""
_STRATA = 5
"""Quantiles of a number or time within which views are dealt."""


def baselines(race: Race) -> tuple[Baseline, ...]:
    """Chance, majority, each single view, concat, late, and views dealt anew."""
    majority = race.figure([race.headline.of(said) for said in race.knowing_nothing])
    rows = [_chance(race), Baseline("majority", None, majority)]
    singles = {view: race.family(f"{LATE}: {view}") for view in _views(race)}
    rows += [Baseline("view", view, race.figure(own)) for view, own in singles.items()]
    if CONCAT in race.nested.final.leaders:
        rows.append(Baseline("concat", None, race.figure(race.family(CONCAT))))
    rows.append(Baseline("late", None, race.figure(race.family(LATE))))
    if not singles:
        return tuple(rows)
    rows.append(_dealt(race, "views shuffled", None))
    rows.append(_dealt(race, "views shuffled within a class", strata_of(race.table.target)))
    return tuple(rows)


def _views(race: Race) -> tuple[str, ...]:
    views = race.table.rows.views
    return views if len(views) > 1 else ()


def _chance(race: Race) -> Baseline:
    """Every class alike; of other targets, as often as the training rows have it."""
    said = race.knowing_nothing
    if race.table.target.kind == "classes":
        names = race.table.target.names
        codes = np.arange(len(names), dtype=np.float64)[:, None]
        alike = Outcome.fit(np.zeros((len(names),) * 2), Target("classes", codes, names))
        said = tuple(Said(alike, each.scores, each.target) for each in said)
    return Baseline("chance", None, race.figure([_expected(race, each) for each in said]))


def _expected(race: Race, said: Said) -> float:
    """What the headline is on average where answers are drawn by lot."""
    k = len(said.target.names)
    if race.headline.name in ("accuracy", "balanced accuracy", "macro F1"):
        return 1 / k
    if race.headline.name in ("AUC", "concordance", "AUC at horizon", "labels right"):
        return 0.5
    if race.headline.name in ("kappa", "R²"):
        return 0.0
    return race.headline.of(said)


def strata_of(target: Target) -> NDArray[np.intp]:
    """Records of one class, set of labels, grade, or fifth of the numbers."""
    if target.kind in ("classes", "grades"):
        return target.codes
    if target.kind == "labels":
        return np.unique(target.values, axis=0, return_inverse=True)[1].reshape(-1)
    values = target.matrix[:, 0]
    ends = np.quantile(values, np.arange(1, _STRATA) / _STRATA)
    return np.searchsorted(ends, values).astype(np.intp)


def _dealt(race: Race, kind: Plain, strata: NDArray[np.intp] | None) -> Baseline:
    """Late fusion where all views but the best were dealt anew, or that view, as folds choose.

    Two inner folds choose between the two for each outer fold, the neighbours on the ring, so that
    one fit serves two choices.
    """
    leaders = race.nested.final.leaders
    singles = [leaders[f"{LATE}: {view}"] for view in _views(race)]
    kept = max(singles, key=lambda each: each.mean).entrant
    late = leaders[LATE].entrant
    rng = np.random.default_rng([race.seed, 0 if strata is None else 1])
    rows = views_dealt_anew(race.table.rows, kept.views[0], rng, strata)
    table = Table(rows, race.table.target)
    judge = Judge(table, race.deals, race.judge.balanced, race.judge.horizon, _NEIGHBOURS)
    own, alone = [], []
    for fold in range(race.deals.count):
        inner = race.deals.inner(fold)[:_NEIGHBOURS]
        cuts = [split.cut for split in (*inner, race.deals.outer[fold])]
        table.run([(cut, [late, kept]) for cut in cuts])
        means = [by_split(race.chosen_by, table.parts(e, inner)).mean() for e in (late, kept)]
        best = late if means[0] > means[1] else kept
        own.append(race.headline.of(judge.plainly(best, fold)))
        alone.append(race.headline.of(judge.plainly(kept, fold)))
    gain = race.headline.sign * (np.array(own) - np.array(alone))
    return Baseline(kind, None, race.figure(own), float(np.nanmean(gain)))
