"""How good class probabilities are, with intervals, and beside what they would be by luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.metrics import Interval, expected_calibration_error
from isthmus.metrics.calibration import BINS
from isthmus.metrics.intervals import NORMAL
from isthmus.prompts.figures import Figures
from isthmus.prompts.support import Labels

_DRAWS = 1000
"""Resamples of the items; the ends of a 95 % interval then rest on 25 each."""
_NULLS = 100
"""Draws of labels from probabilities, whose mean is told."""
_PER_BIN = 10
"""Items a bin of the calibration error: with fewer, a perfect classifier seems badly calibrated."""
_TAIL = 0.025


@dataclass(frozen=True)
class Judged:
    """Class probabilities judged by true classes.

    Attributes:
        items: How many items.
        accuracy: Share whose most probable class is right; Wilson's interval.
        macro_recall: Mean over the classes that occur of the share that is right; its interval and
            the next are those of a jackknife within each class, or that of the accuracy if it is
            wider.
        macro_f1: Mean over those classes of the harmonic mean of precision and recall.
        ece: Calibration error of the most probable class, in bins of ten items or more; the middle
            95 % of 1,000 resamples of the items.
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
        accuracy = Interval.of_mean(right.astype(np.float64))
        recall_error, f1_error = _errors(said, labels, probabilities.shape[1])
        draws = rng.integers(0, len(labels), (_DRAWS, len(labels)))
        drawn = np.array([_ece(top[rows], right[rows]) for rows in draws])
        ece, (low, high) = _ece(top, right), np.quantile(drawn, [_TAIL, 1 - _TAIL])
        return cls(
            len(labels),
            accuracy,
            _about(plain.macro_recall, recall_error, accuracy),
            _about(plain.macro_f1, f1_error, accuracy),
            Interval(ece, min(float(low), ece), max(float(high), ece)),
            float(np.mean([_ece(top, rng.random(len(top)) < top) for _ in range(_NULLS)])),
            plain.chance,
            plain.majority,
        )


def _errors(said: Labels, labels: Labels, classes: int) -> tuple[float, float]:
    """Standard errors of macro recall and macro F1, by a jackknife within each true class.

    Without it, two items a class that are both right would seem to be certain. A class of one item
    gets the variance of the share that is right of all.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels, said), 1)
    sizes = counts.sum(axis=1)
    there = int((sizes > 0).sum())
    share = counts.trace() / len(labels)
    variance = np.full(2, (sizes == 1).sum() * share * (1 - share) / there**2)
    for true in np.flatnonzero(sizes > 1).tolist():
        own = np.flatnonzero(counts[true])
        without = np.array([_macro(counts, true, other) for other in own.tolist()])
        times, size = counts[true, own][:, None], sizes[true]
        middle = (times * without).sum(axis=0) / size
        variance += (size - 1) / size * (times * (without - middle) ** 2).sum(axis=0)
    recall, f1 = np.sqrt(variance).tolist()
    return recall, f1


def _macro(counts: F64, true: int, said: int) -> tuple[float, float]:
    """Macro recall and macro F1 without one item."""
    rest = counts.copy()
    rest[true, said] -= 1
    sizes, claimed, right = rest.sum(axis=1), rest.sum(axis=0), rest.diagonal()
    there = sizes > 0
    f1 = 2 * right[there] / (sizes + claimed)[there]
    return float((right[there] / sizes[there]).mean()), float(f1.mean())


def _about(value: float, error: float, accuracy: Interval) -> Interval:
    """Normal about a figure, and no narrower than the interval of the accuracy.

    The items of a class stand and fall together with what was learned of it, so what varies within
    a class says too little where each has a few items. On the 15 runs of ``benchmarks/left_out.py``
    such an interval held the figure of new items 14 times, and the jackknife alone 8 times; the
    rule was made after these runs.
    """
    below = max(NORMAL * error, accuracy.value - accuracy.low)
    above = max(NORMAL * error, accuracy.high - accuracy.value)
    return Interval(value, max(value - below, 0.0), min(value + above, 1.0))


def _ece(top: F64, right: NDArray[np.bool_]) -> float:
    bins = max(1, min(BINS, len(top) // _PER_BIN))
    return expected_calibration_error(top, right, bins=bins)
