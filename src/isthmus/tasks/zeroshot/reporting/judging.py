"""Answers judged by true classes, and items that show how sure they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.metrics import Interval
from isthmus.prompts.judged import Judged
from isthmus.prompts.support import Labels
from isthmus.tasks.zeroshot.reporting.model import (
    Confused,
    Confusion,
    Evaluated,
    Shown,
    Strangers,
)
from isthmus.tasks.zeroshot.results import Classified

_SHOWN = 8
"""Items of each kind."""
_EACH = 2
"""Sure items of one class, so that not all are of the easiest."""


def confusion(probabilities: F64, labels: Labels, items: Sequence[MediaItem]) -> Confusion:
    """Counts by true and said class, with the surest item of each kind.

    Args:
        probabilities: ``(n, K)``.
        labels: ``(n,)``.
        items: ``n`` of them.
    """
    classes = probabilities.shape[1]
    said, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    counts = np.zeros((classes, classes), dtype=np.intp)
    np.add.at(counts, (labels, said), 1)
    examples: dict[tuple[int, int], Confused] = {}
    for row in np.argsort(-top, kind="stable").tolist():
        key = int(labels[row]), int(said[row])
        examples.setdefault(key, Confused(items[row], float(top[row])))
    return Confusion(counts, examples)


def evaluated(
    said: Sequence[Classified],
    labels: Labels,
    classes: Sequence[str],
    *,
    seen: int,
    can_refuse: bool,
    seed: int,
) -> Evaluated:
    """Judge what is said of items by their true classes ``(n,)``, one item at least."""
    probabilities = np.vstack([each.probabilities for each in said])
    items = [next(iter(each.items.values())) for each in said]
    right = probabilities.argmax(axis=1) == labels
    answers = np.array([each.label is not None for each in said])
    sets = [(each.likely, classes[k]) for each, k in zip(said, labels, strict=True)]
    held = [(true in likely, len(likely)) for likely, true in sets if likely is not None]
    answered = None
    if can_refuse and answers.any():
        answered = Interval.of_mean(right[answers].astype(np.float64))
    return Evaluated(
        Judged.of(probabilities, labels, seed=seed),
        confusion(probabilities, labels, items),
        Interval.of_mean(np.array([float(inside) for inside, _ in held])) if held else None,
        float(np.mean([size for _, size in held])) if held else None,
        int((~answers).sum()),
        answered,
        seen,
    )


def strangers(said: Sequence[Classified], names: Sequence[str]) -> Strangers | None:
    """Items whose true classes are none of those that were asked about; None for no item."""
    if not said:
        return None
    refused = np.array([float(each.label is None) for each in said])
    return Strangers(len(said), Interval.of_mean(refused), tuple(dict.fromkeys(names)))


@dataclass(frozen=True, slots=True)
class Examples:
    """Items that show how sure the answers are.

    Attributes:
        sure: The most probable answers, a few of each class.
        unsure: Those that were least ahead of the next class, from the less sure half; none that is
            as probable as was asked for.
        refused: Those told to be none of the classes, the least sure first.
    """

    sure: tuple[Shown, ...]
    unsure: tuple[Shown, ...]
    refused: tuple[Shown, ...]


def examples(
    said: Sequence[Classified],
    true: Sequence[str | None],
    known: Collection[int],
    *,
    bound: float,
) -> Examples:
    """Choose them among items that were classified.

    Args:
        said: What is said of each item.
        true: Its true class, as far as it is known.
        known: Places of items that the classes were learned from, which show nothing.
        bound: An answer of at least this probability is not unsure.
    """
    rows = [row for row in range(len(said)) if row not in known]
    answered = [row for row in rows if said[row].label is not None]
    refused = [row for row in rows if said[row].label is None]
    answered.sort(key=lambda row: _margin(said[row].probabilities))
    middle = len(answered) // 2
    sure: list[int] = []
    taken: Counter[str | None] = Counter()
    for row in sorted(answered[middle:], key=lambda row: -said[row].probability):
        if taken[said[row].label] < _EACH:
            taken[said[row].label] += 1
            sure.append(row)
    refused.sort(key=lambda row: said[row].probability)

    unsure = [row for row in answered[:middle] if said[row].probability < bound]

    def shown(rows: Sequence[int]) -> tuple[Shown, ...]:
        some = rows[:_SHOWN]
        return tuple(Shown(next(iter(said[r].items.values())), said[r], true[r]) for r in some)

    return Examples(shown(sure), shown(unsure), shown(refused))


def _margin(row: NDArray[np.float64]) -> float:
    second, first = np.partition(row, -2)[-2:]
    return float(first - second)
