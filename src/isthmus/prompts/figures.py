"""How good class logits are: shares that are right, by class too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.calibration import fit_temperature
from isthmus.prompts.support import Labels, log_softmax


@dataclass(frozen=True)
class Figures:
    """Of a classifier on items with known classes.

    Attributes:
        accuracy: Share of items that are right.
        macro_recall: Mean over the classes that occur of the share of their items that are right.
        macro_f1: Mean over those classes of the harmonic mean of precision and recall.
        items: How many.
        chance: Accuracy of a blind guess, one over the number of classes.
        majority: Accuracy of always saying the most frequent class.
    """

    accuracy: float
    macro_recall: float
    macro_f1: float
    items: int
    chance: float
    majority: float

    @classmethod
    def of(cls, logits: F64, labels: Labels) -> Figures:
        """Judge logits ``(n, K)`` by the classes ``(n,)`` of their items, one item at least.

        Examples:
            >>> said = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
            >>> found = Figures.of(said, np.array([0, 1, 1]))
            >>> round(found.accuracy, 3), found.macro_recall, round(found.macro_f1, 3)
            (0.667, 0.75, 0.667)
        """
        said = logits.argmax(axis=1)
        classes = logits.shape[1]
        right = np.bincount(labels[said == labels], minlength=classes)
        true = np.bincount(labels, minlength=classes)
        claimed = np.bincount(said, minlength=classes)
        there = true > 0
        f1 = 2 * right[there] / (true + claimed)[there]
        return cls(
            float((said == labels).mean()),
            float((right[there] / true[there]).mean()),
            float(f1.mean()),
            len(labels),
            1 / classes,
            float(true.max() / len(labels)),
        )


def losses_of(said: F64, labels: Labels, temperature: float | None = None) -> F64:
    """Cross-entropy ``(n,)`` of logits ``(n, K)`` at a temperature, or else at their best one.

    They are so weighted that all classes count the same in their mean.
    """
    if temperature is None:
        temperature = fit_temperature(said, labels)
    sure = log_softmax(said / temperature)
    share = 1 / np.bincount(labels)[labels]
    out: F64 = -sure[np.arange(len(labels)), labels] * share / share.mean()
    return out


def mean_and_error(gain: F64) -> tuple[float, float]:
    """The mean of gains ``(n,)`` and its standard error, which is infinite for a single one."""
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return float(gain.mean()), float(error)
