"""How good predictions of classes, labels, grades, numbers and times are: numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import InputError
from isthmus.core.linalg import F64

Codes = NDArray[np.intp]

_LEAST_PROBABILITY = 1e-15
"""Of what happened; its logarithm stays finite. The ``eps`` of scikit-learn before 1.3."""


def accuracy(said: ArrayLike, truth: ArrayLike) -> float:
    """Share of rows that are right.

    Args:
        said: ``(n,)`` codes.
        truth: ``(n,)``.

    Examples:
        >>> accuracy([0, 1, 1, 1], [0, 1, 1, 0])
        0.75
    """
    a, b = _codes(said, truth)
    return float((a == b).mean())


def balanced_accuracy(said: ArrayLike, truth: ArrayLike) -> float:
    """Mean over the classes that occur of the share of their rows that are right.

    Args:
        said: ``(n,)`` codes.
        truth: ``(n,)``.

    Examples:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0]), balanced_accuracy([0, 0, 0], [0, 0, 1])
        (0.75, 0.5)
    """
    a, b = _codes(said, truth)
    there = np.bincount(b)
    right = np.bincount(b[a == b], minlength=len(there))
    return float((right[there > 0] / there[there > 0]).mean())


def macro_f1(said: ArrayLike, truth: ArrayLike) -> float:
    """Mean over classes, said or true, of the harmonic mean of precision and recall.

    Args:
        said: ``(n,)`` codes.
        truth: ``(n,)``.

    Examples:
        >>> macro_f1([0, 1, 1], [0, 1, 0]).__round__(3)
        0.667
    """
    a, b = _codes(said, truth)
    k = int(max(a.max(), b.max())) + 1
    total = np.bincount(a, minlength=k) + np.bincount(b, minlength=k)
    right = np.bincount(b[a == b], minlength=k)
    return float((2 * right[total > 0] / total[total > 0]).mean())


def roc_auc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Probability that a true row has a higher score than a false one; ties count half.

    Args:
        scores: ``(n,)``.
        truth: ``(n,)`` bool. NaN is returned where all are the same.

    References:
        Hanley & McNeil, Radiology 143, 1982.

    Examples:
        >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    _same_length(s, t)
    positive, negative = int(t.sum()), int((~t).sum())
    if not positive or not negative:
        return float("nan")
    return float((_mean_ranks(s)[t].sum() - positive * (positive + 1) / 2) / (positive * negative))


def macro_auc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean over columns of the area under the curve; columns that are all one are left out.

    Args:
        scores: ``(n, k)``.
        truth: ``(n, k)`` bool: labels, or one-hot classes (each against the rest).
    """
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    _same_length(s, t)
    areas = np.array([roc_auc(s[:, j], t[:, j]) for j in range(s.shape[1])])
    known = areas[~np.isnan(areas)]
    return float(known.mean()) if len(known) else float("nan")


def log_loss(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean negative logarithm of the probability of what is true.

    Args:
        probabilities: ``(n, k)``.
        truth: ``(n,)`` codes of classes, or ``(n, k)`` bool of labels, whose mean is taken.

    Examples:
        >>> log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]).__round__(4)
        0.4904
    """
    p = np.clip(np.asarray(probabilities, dtype=np.float64), _LEAST_PROBABILITY, 1.0)
    t = np.asarray(truth)
    _same_length(p, t)
    if t.ndim == 1:
        return float(-np.log(p[np.arange(len(p)), t.astype(np.intp)]).mean())
    other = np.clip(1 - p, _LEAST_PROBABILITY, 1.0)
    return float(-np.where(t.astype(bool), np.log(p), np.log(other)).mean())


def r_squared(said: ArrayLike, truth: ArrayLike) -> float:
    """One less the squared error over that of the mean; 0 for the mean itself.

    NaN where the truth does not vary.

    Examples:
        >>> r_squared([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
        0.5
    """
    a, b = _numbers(said, truth)
    around = float(((b - b.mean()) ** 2).sum())
    return 1 - float(((a - b) ** 2).sum()) / around if around > 0 else float("nan")


def mean_absolute_error(said: ArrayLike, truth: ArrayLike) -> float:
    """Mean distance of numbers ``(n,)`` from the true ones, in their unit."""
    a, b = _numbers(said, truth)
    return float(np.abs(a - b).mean())


def quadratic_kappa(said: ArrayLike, truth: ArrayLike, grades: int) -> float:
    """Cohen's kappa with squared distances of grades as weights: 1 is perfect, 0 is chance.

    Args:
        said: ``(n,)`` codes.
        truth: ``(n,)``.
        grades: How many there are.

    References:
        Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.

    Examples:
        >>> quadratic_kappa([0, 1, 2], [0, 1, 2], 3), quadratic_kappa([1, 1, 1], [0, 1, 2], 3)
        (1.0, 0.0)
    """
    a, b = _codes(said, truth)
    seen = np.zeros((grades, grades))
    np.add.at(seen, (b, a), 1)
    weights = (np.arange(grades)[:, None] - np.arange(grades)) ** 2
    by_chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(a)
    most = float((weights * by_chance).sum())
    return 1 - float((weights * seen).sum()) / most if most > 0 else 1.0


def concordance_index(times: ArrayLike, events: ArrayLike, risks: ArrayLike) -> float:
    """Share of comparable pairs in which the higher risk has the earlier event; ties count half.

    A pair is comparable if the earlier time is that of an event. At one and the same time an
    event comes before what had not happened yet.

    Args:
        times: ``(n,)``.
        events: ``(n,)`` bool, whether the event happened at that time.
        risks: ``(n,)``, higher is sooner. NaN is returned where no pair is comparable.

    References:
        Harrell, Lee & Mark, Statistics in Medicine 15, 1996.

    Examples:
        >>> concordance_index([1.0, 2.0, 3.0], [1, 1, 0], [0.9, 0.2, 0.5]).__round__(3)
        0.667
    """
    t, e, r = _survival(times, events, risks)
    right = comparable = 0.0
    for row in np.flatnonzero(e):
        later = (t > t[row]) | ((t == t[row]) & ~e)
        comparable += int(later.sum())
        right += float((r[row] > r[later]).sum() + (r[row] == r[later]).sum() / 2)
    return right / comparable if comparable else float("nan")


def auc_at(times: ArrayLike, events: ArrayLike, risks: ArrayLike, horizon: float) -> float:
    """Area under the cumulative/dynamic curve: had it by the horizon, against not yet.

    Cases count by the inverse probability that they were still followed at their time (Kaplan and
    Meier's of the censoring), so that rows that were lost before the horizon do not bias it.

    Args:
        times: ``(n,)``.
        events: ``(n,)`` bool.
        risks: ``(n,)``, higher is sooner.
        horizon: A time. NaN is returned where all or none had the event by then.

    References:
        Uno et al., JASA 102, 2007; Hung & Chiang, Canadian Journal of Statistics 38, 2010.

    Examples:
        >>> auc_at([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 1], [0.9, 0.1, 0.4, 0.2], 2.5)
        0.5
    """
    t, e, r = _survival(times, events, risks)
    cases, controls = np.flatnonzero((t <= horizon) & e), t > horizon
    if not len(cases) or not controls.any():
        return float("nan")
    weights = 1 / np.maximum(kaplan_meier(t, ~e, t[cases], before=True), 1e-9)
    above = np.array([(r[row] > r[controls]).mean() for row in cases])
    tied = np.array([(r[row] == r[controls]).mean() for row in cases])
    return float((weights * (above + tied / 2)).sum() / weights.sum())


def kaplan_meier(times: F64, events: NDArray[np.bool_], at: F64, *, before: bool = False) -> F64:
    """Probability that the event has not happened by these times (Kaplan & Meier, JASA 1958).

    Args:
        times: ``(n,)``.
        events: ``(n,)`` bool.
        at: ``(m,)``.
        before: Up to, but without, what happens at these times themselves.

    Examples:
        >>> kaplan_meier(np.array([1.0, 2.0]), np.array([True, False]), np.array([0.5, 1.5]))
        array([1. , 0.5])
    """
    ends, place = np.unique(times, return_inverse=True)
    happened = np.bincount(place, weights=events, minlength=len(ends))
    at_risk = np.cumsum(np.bincount(place, minlength=len(ends))[::-1])[::-1]
    curve = np.concatenate([[1.0], np.cumprod(1 - happened / at_risk)])
    steps: F64 = curve[np.searchsorted(ends, at, side="left" if before else "right")]
    return steps


def risk_coverage(sure: ArrayLike, losses: ArrayLike) -> tuple[F64, F64]:
    """Mean loss of the surest rows, for every share of rows that is answered.

    Args:
        sure: ``(n,)``, higher is surer; ties share their mean loss.
        losses: ``(n,)``: 1 where an answer is wrong and 0 where it is right, or an error.

    Returns:
        Coverage ``1/n … 1`` and the risk at each.

    References:
        El-Yaniv & Wiener, "On the foundations of noise-free selective classification", JMLR 2010.

    Examples:
        >>> risk_coverage([0.9, 0.5, 0.7, 0.6], [0, 1, 0, 1])[1].round(2).tolist()
        [0.0, 0.0, 0.33, 0.5]
    """
    s, lost = np.asarray(sure, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    _same_length(s, lost)
    order = np.argsort(-s, kind="stable")
    _, place = np.unique(-s, return_inverse=True)
    shared = np.bincount(place, weights=lost) / np.bincount(place)
    count = np.arange(1, len(s) + 1)
    return count / len(s), np.cumsum(shared[place][order]) / count


def decision_curve(
    probabilities: ArrayLike, truth: ArrayLike, thresholds: ArrayLike
) -> tuple[F64, F64]:
    """Net benefit of acting from a probability on, and that of always acting.

    ``true positives / n − false positives / n · t / (1 − t)``: what acting brings, in true
    positives, where harm and benefit stand as the threshold says. Never acting brings 0.

    Args:
        probabilities: ``(n,)``.
        truth: ``(n,)`` bool.
        thresholds: ``(m,)``, each below 1.

    References:
        Vickers & Elkin, "Decision curve analysis", Medical Decision Making 26, 2006.

    Examples:
        >>> decision_curve([0.9, 0.1], [1, 0], [0.5])
        (array([0.5]), array([0.]))
    """
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    cut = np.asarray(thresholds, dtype=np.float64)
    _same_length(p, t)
    odds = cut / (1 - cut)
    acted = p[:, None] >= cut
    benefit: F64 = (acted & t[:, None]).mean(axis=0) - odds * (acted & ~t[:, None]).mean(axis=0)
    return benefit, t.mean() - odds * (~t).mean()


def sensitivity_at_specificity(scores: ArrayLike, truth: ArrayLike, specificity: float) -> float:
    """The largest share of true rows above a cut that at most so many false ones pass.

    Args:
        scores: ``(n,)``.
        truth: ``(n,)`` bool. NaN is returned where all are the same.
        specificity: Share of false rows that must lie below the cut.

    Examples:
        >>> sensitivity_at_specificity([0.1, 0.2, 0.3, 0.4, 0.35], [0, 0, 0, 1, 1], 1.0)
        1.0
    """
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    _same_length(s, t)
    if t.all() or not t.any():
        return float("nan")
    false = np.sort(s[~t])
    may_pass = int(np.floor((1 - specificity) * len(false) + 1e-9))
    if may_pass >= len(false):
        return 1.0
    return float((s[t] > false[len(false) - 1 - may_pass]).mean())


def calibration_in_the_large(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Share of true rows less the mean probability: above 0 where too little is promised.

    References:
        Van Calster et al., "A calibration hierarchy for risk models", J Clin Epidemiol 74, 2016.

    Examples:
        >>> calibration_in_the_large([0.5, 0.5], [1, 1])
        0.5
    """
    p, t = _numbers(probabilities, truth)
    return float(t.mean() - p.mean())


def _mean_ranks(values: F64) -> F64:
    """Ranks ``1 … n``; ties share the mean of theirs."""
    ascending = np.sort(values)
    first, last = (np.searchsorted(ascending, values, side) for side in ("left", "right"))
    ranks: F64 = (first + last + 1) / 2
    return ranks


def _codes(said: ArrayLike, truth: ArrayLike) -> tuple[Codes, Codes]:
    a, b = np.asarray(said, dtype=np.intp), np.asarray(truth, dtype=np.intp)
    _same_length(a, b)
    return a, b


def _numbers(said: ArrayLike, truth: ArrayLike) -> tuple[F64, F64]:
    a = np.asarray(said, dtype=np.float64).reshape(-1)
    b = np.asarray(truth, dtype=np.float64).reshape(-1)
    _same_length(a, b)
    return a, b


def _survival(
    times: ArrayLike, events: ArrayLike, risks: ArrayLike
) -> tuple[F64, NDArray[np.bool_], F64]:
    t, r = np.asarray(times, dtype=np.float64), np.asarray(risks, dtype=np.float64)
    e = np.asarray(events, dtype=bool)
    _same_length(t, e)
    _same_length(t, r)
    return t, e, r


def _same_length(a: Sequence[object] | np.ndarray, b: Sequence[object] | np.ndarray) -> None:
    if len(a) != len(b) or not len(a):
        raise InputError(f"need as many predictions as truths, got {len(a)} and {len(b)}")
