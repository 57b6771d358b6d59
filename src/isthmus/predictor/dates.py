"""Answers that are dates: told as people write them, their errors in days."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from isthmus.datasets.kinds import DATE, written
from isthmus.predictor.answer import Account, Answer

DATE_UNIT = "date"
"""Unit of an answer that is a date."""
SCORE_UNIT = "days since 1970-01-01"
"""Unit of a score that is a date; what views add to it are days."""
_CLOCK = 7.0
"""Mean distance of dates from their median, in days, below which answers have a time of day."""


def dated(days: float, spread: float, toward: Callable[[float], float] = round) -> str:
    """Days since 1970-01-01 as a date, with the time of day where dates lie close together.

    Args:
        days: Since 1970-01-01.
        spread: Of the dates that were learned, see :attr:`Outcome.spread`.
        toward: How a day is rounded, where there is no time of day.

    Examples:
        >>> dated(19454.3, 300.0), dated(19454.3, 2.0), dated(19454.3, 300.0, math.ceil)
        ('2023-04-07', '2023-04-07 07:12', '2023-04-08')
    """
    return written(float(days if spread < _CLOCK else toward(days)), DATE)


def as_dates(answer: Answer, spread: float) -> Answer:
    """An answer of days since 1970-01-01 as a date, between dates that hold its interval."""
    low, high = answer.interval or (None, None)
    ends = (
        dated(low, spread, math.floor) if isinstance(low, float) else None,
        dated(high, spread, math.ceil) if isinstance(high, float) else None,
    )
    value = dated(answer.value, spread) if isinstance(answer.value, float) else answer.value
    return replace(answer, value=value, interval=ends, unit=DATE_UNIT)


def in_dates(account: Account, spread: float) -> Account:
    """An account of days since 1970-01-01 with the dates that its sums are."""
    score, rest = (dated(each, spread) for each in (account.score, account.rest))
    return replace(account, unit=SCORE_UNIT, score_date=score, rest_date=rest)
