"""How well views are joined: every fusion on every set, beside plain rivals and nulls.

Run ``python benchmarks/fusion.py --json benchmarks/results/fusion.json --page docs/fusion.md``.
Each figure is of records that were in none of the folds that were learned or chosen from; folds are
the same for all methods of a seed. With ``--resume`` what the JSON holds is not measured again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import _fusion_outside
import _fusion_page
import _machine
from _fusion_languages import accuracies
from _fusion_rivals import RIVALS, concat, fit_and_say
from _fusion_sets import NEEDED, SIGNS, TASKS, Task
from _needs import STARTER, need
from isthmus import metrics
from isthmus.core.errors import NoSignalError
from isthmus.fusion import FUSIONS
from isthmus.predictor.report import PredictorReport
from isthmus.selection.predicting.choose import choose
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import LATE

OWN = "isthmus"
"""The method that the selection chose."""
LATE_ALONE = "isthmus, late only"
"""The same, where nothing but late fusion could be chosen."""
WISHED = 0.9
THRESHOLDS = (0.1, 0.2, 0.3, 0.5)
"""Probabilities from which on somebody might act, for the decision curve."""
ANSWERED = (0.5, 0.8, 1.0)
"""Shares of the records, the surest first."""
SHUFFLES = 20
ONCE = (
    "stacking (scikit-learn)",
    "gradient boosting on concat",
    "trained",
    LATE,
    "labels shuffled",
    *_fusion_outside.PYTHONS,
)
"""What takes long is measured with one seed, unless it is named."""

Row = dict[str, Any]
Unit = Callable[[Task, int], Iterator[Row]]


@dataclass(frozen=True)
class Rows:
    """Makes rows of one set and seed."""

    task: Task
    seed: int

    def row(self, method: str, metric: str, value: float, seconds: float) -> Row:
        """One figure; value rounded to four places, seconds of one fit."""
        return {
            "dataset": self.task.name,
            "method": method,
            "metric": metric,
            "value": round(float(value), 4),
            "seed": self.seed,
            "fit_seconds": round(float(seconds), 3),
        }


def chosen(task: Task, seed: int) -> Iterator[Row]:
    """The choice among closed forms, each of them, plain rivals and nulls, all on its folds."""
    started = time.process_time()
    report = _choose(task, seed).report
    yield from of_report(Rows(task, seed), report, time.process_time() - started, OWN)


def late(task: Task, seed: int) -> Iterator[Row]:
    """Late fusion alone, chosen and judged in the same way: a part of the work, for large sets."""
    started = time.process_time()
    report = _choose(task, seed, fusions=[LATE]).report
    yield from of_report(Rows(task, seed), report, time.process_time() - started, LATE_ALONE)


def trained(task: Task, seed: int) -> Iterator[Row]:
    """Fusions that are trained, each with its best hyper-parameters."""
    names = [name for name in FUSIONS.names() if FUSIONS.get(name).search.trained]
    able = [name for name in names if task.target.kind in FUSIONS.get(name).kinds]
    report = _choose(task, seed, fusions=able).report
    make = Rows(task, seed)
    for standing in report.standings:
        if standing.fusion in able:
            figure = standing.figure
            yield make.row(standing.fusion, figure.metric, figure.value, standing.seconds)


def languages(task: Task, seed: int) -> Iterator[Row]:
    """Descriptions in languages that were not trained on; of other sets nothing."""
    if task.name == "wesnoth":
        for method, value in accuracies(task, seed):
            yield Rows(task, seed).row(method, "accuracy in other languages", value, 0.0)


def labels_shuffled(task: Task, seed: int) -> Iterator[Row]:
    """How often a target that is dealt anew among the records is refused, of twenty."""
    rng = np.random.default_rng(seed)
    refused = 0
    for _ in range(SHUFFLES):
        dealt = replace(task, target=task.target.take(rng.permutation(len(task.target))))
        try:
            _choose(dealt, seed, fusions=[LATE])
        except NoSignalError:
            refused += 1
    yield Rows(task, seed).row("labels shuffled", "refused", refused / SHUFFLES, 0.0)


def rival(name: str) -> Unit:
    """A model of another library on all views side by side, on the same outer folds."""

    def measured(task: Task, seed: int) -> Iterator[Row]:
        if task.target.kind != "classes":
            return
        deals = Deals.of(task.rows, task.target, task.links, folds=task.folds, seed=seed)
        values, seconds = [], []
        for split in deals.outer:
            train, codes = task.rows.take(split.cut.train), task.target.codes[split.cut.train]
            started = time.process_time()
            balanced = task.metric == "balanced accuracy"
            test = task.rows.take(split.rows)
            said = fit_and_say(RIVALS[name], train, codes, test, balanced=balanced)
            seconds.append(time.process_time() - started)
            values.append(_score(task.metric, said, task.target.codes[split.rows]))
        make = Rows(task, seed)
        yield make.row(name, task.metric, float(np.mean(values)), float(np.mean(seconds)))

    return measured


def outside(name: str) -> Unit:
    """A rival with an environment of its own, on the same outer folds; nothing without one."""

    def measured(task: Task, seed: int) -> Iterator[Row]:
        kind = "survival" if name == _fusion_outside.COX else "classes"
        if task.target.kind != kind or not _fusion_outside.able(name):
            return
        deals = Deals.of(task.rows, task.target, task.links, folds=task.folds, seed=seed)
        x = concat(task.rows)[0]
        values, seconds = [], []
        for split in deals.outer:
            train, test = task.target.take(split.cut.train), task.target.take(split.rows)
            known = train.values if kind == "survival" else train.codes
            started = time.monotonic()
            said = _fusion_outside.ask(name, x[split.cut.train], known, x[split.rows])
            seconds.append(time.monotonic() - started)
            if kind == "survival":
                times, events = test.values.T
                values.append(metrics.concordance_index(times, events > 0, said[:, 0]))
            else:
                values.append(_score(task.metric, said, test.codes))
        make = Rows(task, seed)
        yield make.row(name, task.metric, float(np.mean(values)), float(np.mean(seconds)))

    return measured


UNITS: Mapping[str, Unit] = {
    OWN: chosen,
    **{name: rival(name) for name in RIVALS},
    **{name: outside(name) for name in _fusion_outside.PYTHONS},
    "late": late,
    "trained": trained,
    "languages": languages,
    "labels shuffled": labels_shuffled,
}
"""What is measured at once, by name."""


def _choose(task: Task, seed: int, fusions: Sequence[str] | None = None) -> Any:
    metric = None if task.metric in ("accuracy", "concordance") else task.metric
    return choose(
        task.rows,
        task.target,
        links=task.links,
        fusions=fusions,
        folds=task.folds,
        seed=seed,
        metric=metric,
        horizon=task.horizon,
        name=task.name,
    )


def of_report(make: Rows, report: PredictorReport, seconds: float, own: str) -> Iterator[Row]:
    """Figures of a report as rows."""
    each = next((s.seconds for s in report.standings if s.chosen), 0.0)
    for figure in report.estimate.figures:
        yield make.row(own, figure.metric, figure.value, each)
    yield make.row(own, "seconds of the choice", seconds, each)
    if report.reliability is not None:
        yield make.row(own, "ECE", report.reliability.error, each)
    for coverage in report.coverage:
        if abs(coverage.wished - WISHED) < 1e-9:
            yield make.row(own, f"coverage of {WISHED:.0%} sets", coverage.covered, each)
            yield make.row(own, f"size of {WISHED:.0%} sets", coverage.size, each)
    yield from _risks(make, report, each, own)
    yield from _clinical(make, report, each, own)
    for standing in report.standings:
        figure = standing.figure
        yield make.row(standing.fusion, figure.metric, figure.value, standing.seconds)
    for plain in report.baselines:
        name = f"view: {plain.view}" if plain.kind == "view" else plain.kind
        yield make.row(name, plain.figure.metric, plain.figure.value, 0.0)
        if plain.gain is not None:
            yield make.row(plain.kind, "gain of fusion", plain.gain, 0.0)
    for curve in report.missing:
        for share, value, rest in zip(curve.shares, curve.values, curve.rest, strict=True):
            named = f"{own}, {share:.0%} without {curve.view}"
            yield make.row(named, make.task.metric, value, each)
            yield make.row(f"{named}, by what never knew it", make.task.metric, rest, each)


def _risks(make: Rows, report: PredictorReport, seconds: float, own: str) -> Iterator[Row]:
    """How much is wrong if only the surest are answered; and how often luck is as good."""
    curve = report.risk_coverage
    for wished in ANSWERED if curve.coverage else ():
        at = int(np.argmin(np.abs(np.asarray(curve.coverage) - wished)))
        yield make.row(own, f"risk where {wished:.0%} are answered", curve.risk[at], seconds)
    yield make.row("labels shuffled", "p", report.null.p, 0.0)


def _clinical(make: Rows, report: PredictorReport, seconds: float, own: str) -> Iterator[Row]:
    """What a diagnosis is judged by; nothing for other targets."""
    clinical = report.clinical
    if clinical is None:
        return
    yield make.row(own, "AUC of the diagnosis", clinical.auc, seconds)
    yield make.row(own, "calibration in the large", clinical.in_the_large, seconds)
    for x, y in zip(clinical.sensitivity.x, clinical.sensitivity.y, strict=True):
        yield make.row(own, f"sensitivity at specificity {x:g}", y, seconds)
    for name, curve in (("net benefit", clinical.benefit), ("treat all", clinical.always)):
        for wished in THRESHOLDS:
            at = int(np.argmin(np.abs(np.asarray(curve.x) - wished)))
            yield make.row(own, f"{name} from {wished:.0%} on", curve.y[at], seconds)
    if clinical.auc_over_time is not None:
        for x, y in zip(clinical.auc_over_time.x, clinical.auc_over_time.y, strict=True):
            yield make.row(own, f"AUC at {x:.1f}", y, seconds)


def _score(metric: str, probabilities: Any, codes: Any) -> float:
    if metric == "AUC":
        return float(metrics.roc_auc(probabilities[:, 1], codes == 1))
    of = metrics.balanced_accuracy if metric == "balanced accuracy" else metrics.accuracy
    return float(of(probabilities.argmax(axis=1), codes))


def main() -> None:
    """Measure, and write rows after every unit; the page last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--page", type=Path, help="a page whose tables are renewed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", metavar="DATASET", help=", ".join(TASKS))
    parser.add_argument("--methods", nargs="*", help=f"of {', '.join(UNITS)}")
    parser.add_argument("--resume", action="store_true", help="keep what the JSON holds")
    arguments = parser.parse_args()
    wrong = [n for n in arguments.only or () if n not in TASKS]
    wrong += [n for n in arguments.methods or () if n not in UNITS]
    if wrong:
        parser.error(f"no {wrong[0]!r}; there are {', '.join([*TASKS, *UNITS])}")
    rows, done = _known(arguments.json) if arguments.resume else ([], set())
    tasks = {name: TASKS[name] for name in arguments.only or TASKS}
    need(datasets=NEEDED, encoders=(*STARTER, SIGNS, "mfcc"), packages=("sklearn", "torch"))
    loaded: dict[str, Task] = {}
    for unit, seed in _order(arguments.methods or UNITS, arguments.seeds, bool(arguments.methods)):
        for name, load in tasks.items():
            if (name, unit, seed) in done:
                continue
            loaded.setdefault(name, load()) if name not in loaded else None
            for row in UNITS[unit](loaded[name], seed):
                rows.append({**row, "unit": unit})
            done.add((name, unit, seed))
            print(name, unit, seed, _headline(rows, name, unit, seed), flush=True)
            if arguments.json:
                _machine.write(arguments.json, {"rows": rows})
    if arguments.page:
        _fusion_page.renew(arguments.page, rows)


def _order(units: Sequence[str] | Mapping[str, Unit], seeds: int, named: bool) -> Iterator[Any]:
    for seed in range(seeds):
        for unit in units:
            if named or seed == 0 or unit not in ONCE:
                yield unit, seed


def _known(path: Path | None) -> tuple[list[Row], set[tuple[str, str, int]]]:
    if path is None or not path.is_file():
        return [], set()
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows, {(row["dataset"], row["unit"], row["seed"]) for row in rows}


def _headline(rows: Sequence[Row], name: str, unit: str, seed: int) -> Mapping[str, float]:
    found: dict[str, float] = defaultdict(float)
    for row in rows:
        if (row["dataset"], row["unit"], row["seed"]) == (name, unit, seed):
            key = row["method"] if unit != OWN else f"{row['method']}: {row['metric']}"
            if "without" not in key:
                found[key] = row["value"]
    return dict(found)


if __name__ == "__main__":
    main()
