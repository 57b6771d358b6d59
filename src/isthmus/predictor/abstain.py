"""From which sureness on a predictor answers, so that few answers are wrong; and why it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.errors import InputError
from isthmus.core.wording import way
from isthmus.predictor.outcome import Outcome

_WRONG = {"classes": "wrong", "grades": "wrong", "labels": "wrong labels", "survival": "wrong"}


@dataclass(frozen=True, slots=True)
class Abstaining:
    """Where a predictor abstains.

    Attributes:
        least: Sureness from which on it answers; infinite where it never does.
        said: What was asked for, and what was found on records that were held out.
    """

    least: float
    said: str


def abstaining(outcome: Outcome, risk: float, target: str, unit: str = "") -> Abstaining:
    """Where to abstain so that answers lose no more than ``risk`` on average.

    Args:
        outcome: What knows how sure answers to held-out records were, and which were wrong.
        risk: Share of answers (of labels) that may be wrong; of numbers the mean distance, in the
            unit of the target.
        target: Its name, for messages.
        unit: Of numbers, for messages; may be empty.

    Raises:
        InputError: If no number is told so exactly, or nothing is known of which answers are wrong.
    """
    if outcome.kind == "number":
        return _of_numbers(outcome, risk, target, unit)
    if not len(outcome.answered):
        raise InputError(
            f"risk: which answers about {target!r} are wrong is not known, so nothing tells where "
            "to abstain; " + way(python="leave risk out", shell="leave --risk out")
        )
    least = outcome.threshold(risk)
    sure, lost = outcome.answered.T
    told = sure >= least
    wished = f"asked for at most {risk:.4g} {_WRONG[outcome.kind]}"
    if not told.any():
        best = min(float(lost[sure >= each].mean()) for each in np.unique(sure))
        said = (
            f"{wished}: even of the surest answers to held-out records {best:.4g} were wrong, so "
            "none is given. Ask for more than that"
        )
    else:
        said = (
            f"{wished}: it answers where it is at least {least:.4g} sure, as of {told.mean():.1%} "
            f"of held-out records, and {lost[told].mean():.4g} of these answers were wrong"
        )
    return Abstaining(least, said)


def _of_numbers(outcome: Outcome, risk: float, target: str, unit: str) -> Abstaining:
    """Of numbers, by the mean distance of records that have the same views."""
    far = sorted(float(pattern.worth.mean()) for pattern in outcome.patterns)
    least = outcome.threshold(risk)
    own = f" {unit}" if unit else ""
    ends = f"{far[0]:.4g}" + (f" to {far[-1]:.4g}" if far[-1] > far[0] else "") + own
    ends += ", by their views" if far[-1] > far[0] else ""
    found = f"answers about {target!r} to held-out records are off by {ends}, on average"
    if np.isinf(least):
        raise InputError(
            "risk: of a number it is the mean distance that may be, in "
            f"{unit or f'the unit of {target!r}'}, "
            f"and {found}; {risk:.4g} is less, so there would be no answer. Ask for {far[0]:.4g} "
            "or more, or look at the interval of each answer instead"
        )
    return Abstaining(least, f"asked for a mean distance of at most {risk:.4g}{own}: {found}")
