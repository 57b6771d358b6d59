"""How good class probabilities are, with intervals, and beside what they would be by luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F64
from isthmus.metrics import Interval, expected_calibration_error
from isthmus.metrics.calibration import BINS
from isthmus.prompts.figures import Figures
from isthmus.prompts.support import Labels

_DRAWS = 1000
"""Resamples of the items; the ends of a 95 % interval then rest on 25 each."""
_PER_BIN = 10
"""Items a bin of the calibration error: with fewer, a perfect classifier seems badly calibrated."""
_TAIL = 0.025


@dataclass(frozen=True)
class Judged:
    """Class probabilities judged by true classes.

    Attributes:
        items: How many items.
        accuracy: Share whose most probable class is right; Wilson's interval.
        macro_recall: Mean over the classes that occur of the share that is right. The intervals of
            this and the next two are the middle 95 % of 1,000 resamples of the items (bootstrap).
        macro_f1: Mean over those classes of the harmonic mean of precision and recall.
        ece: Calibration error of the most probable class, in bins of ten items or more.
        ece_null: What it would be if the probabilities were true: the mean over labels that are
            drawn from them (Bröcker & Smith, "Increasing the reliability of reliability diagrams",
            2007). With few items it is far from 0.
        chance: Accuracy of a blind guess.
        majority: Accuracy of always saying the most frequent true class.
    """

    items: int
    accuracy: Interval
    macro_recall: Interval
    macro_f1: Interval
    ece: Interval
    ece_null: float
    chance: float
    majority: float

    @classmethod
    def of(cls, probabilities: F64, labels: Labels, *, seed: int = 0) -> Judged:
        """Judge probabilities ``(n, K)`` by classes ``(n,)``, one item at least.

        Examples:
            >>> said = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
            >>> found = Judged.of(said, np.array([0, 1, 1]))
            >>> round(found.accuracy.value, 2), found.macro_recall.value, round(found.majority, 2)
            (0.67, 0.75, 0.67)
        """
        rng = np.random.default_rng(seed)
        top, said = probabilities.max(axis=1), probabilities.argmax(axis=1)
        right = said == labels
        plain = Figures.of(probabilities, labels)
        draws = rng.integers(0, len(labels), (_DRAWS, len(labels)))
        again = [Figures.of(probabilities[rows], labels[rows]) for rows in draws]
        accuracy = Interval.of_mean(right.astype(np.float64))

        def over(value: float, get: Callable[[int], float]) -> Interval:
            return _middle(value, np.array([get(turn) for turn in range(_DRAWS)]), accuracy)

        return cls(
            len(labels),
            accuracy,
            over(plain.macro_recall, lambda turn: again[turn].macro_recall),
            over(plain.macro_f1, lambda turn: again[turn].macro_f1),
            over(_ece(top, right), lambda turn: _ece(top[draws[turn]], right[draws[turn]])),
            float(np.mean([_ece(top, rng.random(len(top)) < top) for _ in range(_DRAWS // 10)])),
            plain.chance,
            plain.majority,
        )


def _middle(value: float, drawn: F64, accuracy: Interval) -> Interval:
    """The middle 95 % of resamples; where they are all one, as wide as that of the accuracy."""
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    if low == high:
        below, above = accuracy.value - accuracy.low, accuracy.high - accuracy.value
        return Interval(value, max(value - below, 0.0), min(value + above, 1.0))
    return Interval(value, min(float(low), value), max(float(high), value))


def _ece(top: F64, right: np.typing.NDArray[np.bool_]) -> float:
    bins = max(1, min(BINS, len(top) // _PER_BIN))
    return expected_calibration_error(top, right, bins=bins)
