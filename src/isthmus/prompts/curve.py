"""What shots are worth: the whole procedure on shots that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.metrics import Interval
from isthmus.prompts.choice import choose, folds_of
from isthmus.prompts.methods import METHODS, FewShot
from isthmus.prompts.support import Labels, Support

ROUNDS = 5
"""Rounds of leaving out one shot a class; each chooses and fits anew."""
DRAWS = 5
"""Draws of shots for each point of a curve."""
_HELD = 3
"""One of so many shots of a class is asked about, one at least."""
_COVERAGE = 0.95


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What the whole procedure, choice included, says of shots that it has not seen.

    Attributes:
        rows: ``(h,)``, which shots they are.
        probabilities: ``(h, K)``.
        labels: ``(h,)``, their classes.
    """

    rows: NDArray[np.intp]
    probabilities: F64
    labels: Labels


def cross_validated(
    support: Support,
    methods: Sequence[FewShot] = METHODS,
    *,
    rounds: int = ROUNDS,
    taught: Labels | None = None,
) -> CrossValidated | None:
    """Leave out one shot of each class in turn, choose and fit on the others, and ask about them.

    Args:
        support: Words and shots.
        methods: That may be chosen.
        rounds: At most so many.
        taught: ``(N,)``, classes that are learned in place of the true ones, for a null.

    Returns:
        None where no class has two shots.
    """
    folds = folds_of(support, rounds)
    if not folds:
        return None
    said = []
    for fold in folds:
        rest = np.ones(len(support.items), dtype=bool)
        rest[fold] = False
        known = support.take(rest)
        if taught is not None:
            known = replace(known, labels=taught[rest])
        said.append(choose(known, methods).log_probabilities(support.items[fold]))
    rows = np.concatenate(folds)
    return CrossValidated(rows, np.exp(np.vstack(said)), support.labels[rows])


@dataclass(frozen=True)
class ShotCurve:
    """Accuracy on left-out shots by how many others were learned from.

    Attributes:
        shots: A class; 0 is by words alone. A class that has fewer gives all it has.
        accuracy: Mean over draws.
        draws: Of the shots that are learned from.
        asked: Shots that are asked about in a draw.
        chance: Of a blind guess.
    """

    shots: tuple[int, ...]
    accuracy: tuple[Interval, ...]
    draws: int
    asked: int
    chance: float


def shot_curve(
    support: Support,
    methods: Sequence[FewShot] = METHODS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> ShotCurve | None:
    """Learn from 0, 1, 2, 4, … shots a class, and ask about others; nothing else is used.

    In each draw a third of the shots of each class is kept to be asked about, whatever the number
    of the others, so that all points of a draw are measured on the same ones.

    Args:
        support: Words and shots.
        methods: That may be chosen, anew for each number of shots and draw.
        draws: How many; two at least.
        seed: Of the draws.

    Returns:
        None where fewer than two classes have two shots, or the only number of shots would be 1.
        Intervals are those of Nadeau and Bengio, "Inference for the generalization error", 2003,
        as draws share shots: Student's t with ``s² (1/J + asked/learned)``; at 0 shots, where
        nothing is learned, that of the mean over the items.
    """
    splits = [_Split.of(support, np.random.default_rng([seed, turn])) for turn in range(draws)]
    asked = len(splits[0].asked)
    if len(np.unique(support.labels[splits[0].asked])) < 2:
        return None
    most = int(np.median(splits[0].pooled[splits[0].pooled > 0]))
    sizes = [0, *(2**power for power in range(most.bit_length()) if 2**power <= most)]
    if not support.worded.all():
        sizes = sizes[1:]
    if len(sizes) < 2:
        return None
    points = [_point(support, splits, size, methods) for size in sizes]
    return ShotCurve(tuple(sizes), tuple(points), draws, asked, 1 / support.classes)


@dataclass(frozen=True, eq=False)
class _Split:
    """Rows that are asked about, and those that may be learned from by class, in random order.

    Attributes:
        asked: Rows.
        pool: Rows of the others.
        place: Of each row of the pool within its class, 0 first.
        pooled: ``(K,)``, rows of the pool by class.
    """

    asked: NDArray[np.intp]
    pool: NDArray[np.intp]
    place: NDArray[np.intp]
    pooled: NDArray[np.intp]

    @classmethod
    def of(cls, support: Support, rng: np.random.Generator) -> _Split:
        asked, pool, place = [], [], []
        pooled = np.zeros(support.classes, dtype=np.intp)
        for number in range(support.classes):
            rows = rng.permutation(np.flatnonzero(support.labels == number))
            held = max(1, len(rows) // _HELD) if len(rows) > 1 else 0
            asked.append(rows[:held])
            pool.append(rows[held:])
            place.append(np.arange(len(rows) - held))
            pooled[number] = len(rows) - held if held else 0
        return cls(np.concatenate(asked), np.concatenate(pool), np.concatenate(place), pooled)


def _point(
    support: Support, splits: Sequence[_Split], size: int, methods: Sequence[FewShot]
) -> Interval:
    """Accuracy after learning from so many shots a class."""
    right = []
    for split in splits:
        known = support.take(split.pool[split.place < size])
        asked = support.items[split.asked]
        said = choose(known, methods).log_probabilities(asked) if size else known.zero_shot(asked)
        right.append((said.argmax(axis=1) == support.labels[split.asked]).astype(np.float64))
    if not size:
        rows, sums = np.concatenate([split.asked for split in splits]), np.concatenate(right)
        first = np.unique(rows, return_index=True)[1]  # by words alone, each is right or never
        mean = float(np.mean([each.mean() for each in right]))
        whole = Interval.of_mean(sums[first])
        return Interval(mean, mean - whole.value + whole.low, mean + whole.high - whole.value)
    learned = float(np.mean([(split.place < size).sum() for split in splits]))
    return _corrected(np.array([each.mean() for each in right]), len(splits[0].asked) / learned)


def _corrected(means: F64, ratio: float) -> Interval:
    from scipy.special import stdtrit

    mean = float(means.mean())
    error = float(means.std(ddof=1) * np.sqrt(1 / len(means) + ratio))
    half = float(stdtrit(len(means) - 1, (1 + _COVERAGE) / 2)) * error
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))
