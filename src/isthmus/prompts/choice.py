"""Which few-shot method to use, and how sure to be: found on shots that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.linalg import F64
from isthmus.prompts.methods.base import FewShot, Fold, LeavesOut, Params
from isthmus.prompts.support import Labels, Scorer, Support, log_softmax

ROUNDS = 8
"""Most rounds of leaving out one shot a class: each is a fit, and eight of sixteen say enough."""


def folds_of(support: Support, rounds: int = ROUNDS) -> list[Fold]:
    """Rows to leave out together: one shot of each class that has two or more.

    Args:
        support: The shots, in an order that means nothing.
        rounds: At most so many folds.
    """
    order = np.argsort(support.labels, kind="stable")
    counts = support.counts.astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    most = min(rounds, int(counts.max(initial=0)))
    folds = []
    for turn in range(most):
        holding = (counts > 1) & (turn < counts)
        if holding.any():
            folds.append(order[starts[holding] + turn])
    return folds


def left_out(method: FewShot, support: Support, params: Params, folds: Sequence[Fold]) -> F64:
    """Logits ``(N, K)`` that a method gives to shots it has not seen; other rows mean nothing."""
    if isinstance(method, LeavesOut):
        return method.left_out(support, params, folds)
    said = np.zeros((len(support.items), support.classes))
    for fold in folds:
        rest = np.ones(len(said), dtype=bool)
        rest[fold] = False
        said[fold] = method.fit(support.take(rest), params)(support.items[fold])
    return said
