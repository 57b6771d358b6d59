"""What held-out answers show: calibration, coverage, risk, confusion, examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus import metrics
from isthmus.core.linalg import F64
from isthmus.datasets.kinds import DATE, written
from isthmus.fusion.target import Target
from isthmus.metrics.calibration import BINS
from isthmus.predictor.dates import dated
from isthmus.predictor.report import (
    Clinical,
    Confusion,
    Coverage,
    Curve,
    Example,
    Examples,
    Reliability,
    RiskCoverage,
)
from isthmus.selection.predicting.measures import Said

WISHES = (0.8, 0.9, 0.95)
"""Coverages that are told of."""
_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 16))
"""Of decision curves."""
_SPECIFICITIES = (0.8, 0.9, 0.95)
_A_BIN = 30
"""Answers at least in a bin of a reliability curve: of 16, the share that is right is off by .1 by
luck alone, and that would be taken for an error of calibration."""
_SHOWN = 8
"""Examples of each kind."""
_EACH = 2
"""Sure examples of one class, so that not all are of the easiest."""
_A_CELL = 3
_POINTS = 100
"""Of a curve, that are kept."""
_TIMES = (0.25, 0.5, 0.75)
"""Quantiles of the times of events at which the area under the curve is told."""


def reliability(folds: Sequence[Said]) -> Reliability | None:
    """Of the most probable answers; of labels, of every label; of survival, of the event."""
    found = [_answers(said) for said in folds if said.target.kind != "number"]
    if not found:
        return None
    said, right = (np.concatenate(each) for each in zip(*found, strict=True))
    if not len(said):
        return None
    bins = int(np.clip(len(said) // _A_BIN, 1, BINS))
    p, share, counts = metrics.reliability(said, right, bins=bins)
    error = metrics.expected_calibration_error(said, right, bins=bins)
    return Reliability(error, tuple(p.tolist()), tuple(share.tolist()), tuple(counts.tolist()))


def _answers(said: Said) -> tuple[F64, NDArray[np.bool_]]:
    p, target = said.probabilities, said.target
    if target.kind == "labels":
        return p.reshape(-1), target.values.reshape(-1) > 0
    if target.kind == "survival":
        had, known = event_known(target, said.outcome.horizon)
        return p[known, 0], had[known]
    return p.max(axis=1), p.argmax(axis=1) == target.codes


def event_known(
    target: Target, horizon: float | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the event happened by the horizon, and whether that is known, both ``(n,)``."""
    times, events = target.values[:, 0], target.values[:, 1] > 0
    if horizon is None:
        return events, np.zeros(len(target), dtype=bool)
    had = (times <= horizon) & events
    return had, had | (times > horizon)


def coverage(folds: Sequence[Said]) -> tuple[Coverage, ...]:
    """Of conformal sets and intervals, at several wishes; none for survival."""
    if folds[0].target.kind == "survival":
        return ()
    return tuple(_coverage(folds, wish) for wish in WISHES)


def _coverage(folds: Sequence[Said], wish: float) -> Coverage:
    held, sizes = [], []
    for said in folds:
        scores, present, target = said.scores, said.present, said.target
        if target.kind == "number":
            low, high = said.outcome.interval(scores, wish, present).T
            held.append((low <= target.values[:, 0]) & (target.values[:, 0] <= high))
            sizes.append(high - low)
            continue
        sets = said.outcome.sets(scores, wish, present)
        sizes.append(sets.sum(axis=1).astype(np.float64))
        if target.kind == "labels":
            held.append(sets[target.values > 0])
        else:
            held.append(sets[np.arange(len(sets)), target.codes])
    size = np.concatenate(sizes)
    size = size[np.isfinite(size)]  # too few rows promise nothing, and say so
    mean = float(size.mean()) if len(size) else float(np.finfo(np.float64).max)
    empty = 0.0 if folds[0].target.kind == "number" else float((size == 0).mean())
    return Coverage(wish, float(np.concatenate(held).mean()), mean, empty)


def risk_coverage(folds: Sequence[Said]) -> RiskCoverage:
    """What is lost when only the surest are answered."""
    sure, lost = (
        np.concatenate(each)
        for each in zip(*((_sure(said), _lost(said)) for said in folds), strict=True)
    )
    known = ~np.isnan(lost)
    if not known.any():
        return RiskCoverage((), (), 0.0)
    share, risk = metrics.risk_coverage(sure[known], lost[known])
    some = np.unique(np.linspace(0, len(share) - 1, min(_POINTS, len(share))).round().astype(int))
    return RiskCoverage(tuple(share[some].tolist()), tuple(risk[some].tolist()), float(risk.mean()))


def _sure(said: Said) -> F64:
    return said.outcome.sure(said.scores, said.present)


def _lost(said: Said) -> F64:
    return said.outcome.losses(said.scores, said.target, said.present)


def confusion(folds: Sequence[Said]) -> Confusion | None:
    """Counts of held-out records by true and answered class or grade."""
    target = folds[0].target
    if target.kind not in ("classes", "grades"):
        return None
    counts = np.zeros((len(target.names),) * 2, dtype=int)
    for said in folds:
        np.add.at(counts, (said.target.codes, said.decided), 1)
    return Confusion(target.names, tuple(tuple(row) for row in counts.tolist()))


def examples(folds: Sequence[Said], ids: Sequence[str]) -> Examples:
    """Held-out records that show how sure answers are.

    Args:
        folds: What is said of each.
        ids: Of all their records, in that order.
    """
    sure = np.concatenate([_sure(said) for said in folds])
    lost = np.nan_to_num(np.concatenate([_lost(said) for said in folds]))
    true = [each for said in folds for each in words(said.target)]
    told = [each for said in folds for each in answers(said)]
    wrong = lost > (np.median(lost) if folds[0].target.kind == "number" else 0)

    def shown(rows: Sequence[int]) -> tuple[Example, ...]:
        return tuple(Example(ids[r], true[r], told[r], float(sure[r])) for r in rows)

    surest = np.argsort(-sure, kind="stable").tolist()
    right = _few([row for row in surest if not wrong[row]], lambda row: told[row], _EACH)
    cells = _few(surest, lambda row: (true[row], told[row]), _A_CELL)
    coded = folds[0].target.kind in ("classes", "grades")
    return Examples(
        shown(right[:_SHOWN]),
        shown(surest[::-1][:_SHOWN]),
        shown([row for row in surest if wrong[row]][:_SHOWN]),
        shown(cells) if coded else (),
    )


def _few(rows: Sequence[int], key: Callable[[int], object], most: int) -> list[int]:
    """The first rows of each key."""
    seen: Counter[object] = Counter()
    kept = []
    for row in rows:
        seen[key(row)] += 1
        if seen[key(row)] <= most:
            kept.append(row)
    return kept


def words(target: Target) -> list[str]:
    """The truth of each row in words."""
    if target.kind in ("classes", "grades"):
        return [target.names[code] for code in target.codes]
    if target.kind == "labels":
        return [_listed(row > 0, target.names) for row in target.values]
    if target.kind == "number":
        if target.dates:
            return [written(value, DATE) for value in target.values[:, 0].tolist()]
        return [f"{value:.6g}" for value in target.values[:, 0]]
    return [f"{time:.6g}{'' if event else '+'}" for time, event in target.values]


def answers(said: Said) -> list[str]:
    """What is answered of each row in words."""
    target = said.target
    if target.kind == "number":
        if target.dates:
            return [dated(value, said.outcome.spread) for value in said.values.tolist()]
        return [f"{value:.6g}" for value in said.values]
    if target.kind == "survival":
        return [f"{value:.3f}" for value in said.values]
    if target.kind == "labels":
        return [_listed(row > 0, target.names) for row in said.decided]
    return [target.names[code] for code in said.decided]


def _listed(has: NDArray[np.bool_], names: Sequence[str]) -> str:
    return ", ".join(name for name, there in zip(names, has, strict=True) if there)


def clinical(folds: Sequence[Said]) -> Clinical | None:
    """What a diagnosis is judged by; of two classes (the second is looked for), or of survival."""
    target = folds[0].target
    two = target.kind == "classes" and len(target.names) == 2
    if not two and target.kind != "survival":
        return None
    parts = []
    for said in folds:
        if two:
            parts.append((said.probabilities[:, 1], said.target.codes == 1))
            continue
        had, known = event_known(said.target, said.outcome.horizon)
        if said.outcome.horizon is not None:
            parts.append((said.probabilities[known, 0], had[known]))
    if not parts:
        return None
    p, truth = (np.concatenate(each) for each in zip(*parts, strict=True))
    if truth.all() or not truth.any():
        return None
    benefit, always = metrics.decision_curve(p, truth, _THRESHOLDS)
    passed = [metrics.sensitivity_at_specificity(p, truth, each) for each in _SPECIFICITIES]
    return Clinical(
        target.names[1] if two else "event",
        metrics.roc_auc(p, truth),
        Curve(_THRESHOLDS, tuple(benefit.tolist())),
        Curve(_THRESHOLDS, tuple(always.tolist())),
        Curve(_SPECIFICITIES, tuple(passed)),
        metrics.calibration_in_the_large(p, truth),
        None if two else _auc_over_time(folds),
    )


def _auc_over_time(folds: Sequence[Said]) -> Curve | None:
    values = np.vstack([said.target.values for said in folds])
    events = values[values[:, 1] > 0, 0]
    if not len(events):
        return None
    times = np.quantile(events, _TIMES)
    found = []
    for time in times.tolist():
        areas = [
            metrics.auc_at(said.target.values[:, 0], said.target.values[:, 1], said.values, time)
            for said in folds
        ]
        known = [area for area in areas if not np.isnan(area)]
        found.append(float(np.mean(known)) if known else 0.5)
    return Curve(tuple(times.tolist()), tuple(found))
