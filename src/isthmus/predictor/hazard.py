"""Survival from log hazards: the baseline, curves, and times by which an event has happened."""

from __future__ import annotations

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.target import Target

_MOST = 50.0
"""Of log hazards; beyond, their exponential says nothing more."""


def baseline_hazard(log_hazard: F64, target: Target) -> F64:
    """Times of events, and the cumulative hazard of a row whose log hazard is 0.

    Args:
        log_hazard: ``(n,)``.
        target: Of survival.

    Returns:
        ``(t, 2)``, ascending.

    References:
        Breslow, "Covariance analysis of censored survival data", Biometrics 30, 1974.
    """
    times, events = target.values[:, 0], target.values[:, 1] > 0
    weight = np.exp(np.clip(log_hazard, -_MOST, _MOST))
    ends = np.unique(times[events])
    steps = [(events & (times == end)).sum() / weight[times >= end].sum() for end in ends]
    return np.column_stack([ends, np.cumsum(steps)])


def survival_curve(hazard: F64, log_hazard: F64, times: F64) -> F64:
    """Probability ``(n, t)`` that the event has not happened by each of the times ``(t,)``.

    Args:
        hazard: ``(e, 2)``, of :func:`baseline_hazard`.
        log_hazard: ``(n,)``.
        times: ``(t,)``.
    """
    steps = np.concatenate([[0.0], hazard[:, 1]])
    baseline = steps[np.searchsorted(hazard[:, 0], times, side="right")]
    raised: F64 = np.exp(np.clip(log_hazard, -_MOST, _MOST))
    curve: F64 = np.exp(-raised[:, None] * baseline)
    return curve


def times_of(hazard: F64, log_hazard: F64, shares: F64) -> F64:
    """Times ``(n, s)`` by which the survival curve has fallen to each of the shares ``(s,)``.

    Infinite where it does not fall so far while anybody is followed.
    """
    ends = np.append(hazard[:, 0], np.inf)
    curve = survival_curve(hazard, log_hazard, hazard[:, 0])
    places = np.column_stack([(curve > share).sum(axis=1) for share in shares])
    times: F64 = ends[places]
    return times


def median_event(target: Target) -> float | None:
    """The median time of the events; None if none happened."""
    events = target.values[:, 1] > 0
    return float(np.median(target.values[events, 0])) if events.any() else None
