"""Times until an event: what says that it happened, and what no order can be learned of."""

from __future__ import annotations

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.wording import count, way
from isthmus.fusion import Target

_LEAST = 2
"""Events that are needed at least."""
_HAPPENED = {
    **dict.fromkeys(("1", "true", "yes", "y", "event", "dead", "died", "deceased"), 1.0),
    **dict.fromkeys(("0", "false", "no", "n", "censored", "alive", "living"), 0.0),
}


def happened(said: str, name: str) -> float:
    """Whether a cell says that the event happened, 1 or 0.

    Args:
        said: The cell.
        name: Of its column.

    Raises:
        DataError: If it says neither.
    """
    told = said.lower()
    if told not in _HAPPENED:
        raise DataError(f"{name!r} holds {told[:40]!r}; an event is 1 or 0, true or false")
    return _HAPPENED[told]


def check_events(target: Target, time: str, event: str) -> None:
    """Refuse times and events of which no order can be learned.

    Args:
        target: Of survival.
        time: Name of the column of times.
        event: Name of the column that says whether the event happened.

    Raises:
        DataError: Naming the column, and the way out.
    """
    times, events = target.values.T
    if events.sum() < _LEAST:
        raise DataError(
            f"{event!r}: {count(int(events.sum()), 'event')} in "
            f"{count(len(target), 'record')}; at least {_LEAST} are needed. Add records with the "
            "event, or name the column that says whether it happened"
        )
    if np.ptp(times) == 0:
        alone = way(python=f"target={event!r}", shell=f"--target {event}")
        raise DataError(
            f"{time!r} is {times[0]:g} in every record, so it does not say who had the "
            f"event sooner. Name another column of times, or predict {event!r} alone: "
            f"{alone}"
        )
    if not target.ordered:
        raise DataError(
            f"{time!r}: every event happened at {times.max():g}, when nobody else was "
            "followed any more, so nobody had it sooner than another. Check which records "
            f"{event!r} says had the event, or add records that were followed for longer"
        )
