"""What scores of a target are judged by while something is fitted: the loss of each kind.

Written once for numpy and torch, whose functions of these names take the same arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.target import Target

LARGEST_SCALE = 100.0
"""Scores that tell classes apart without fault on a few rows would be scaled without end."""
_SMALLEST_SCALE = 0.01
_ROUNDS = 40
"""Of golden sections; each leaves .618 of an interval, so that 40 leave a billionth."""
_GOLDEN = (5**0.5 - 1) / 2


class Loss:
    """The loss of some rows of a target, for arrays of numpy or tensors of torch.

    Args:
        target: Of ``n`` records.
        backend: The module ``numpy`` or ``torch``.
        variance: By which the squared error of a number is divided; None takes that of the
            target. Classes, labels and grades do not use it.
    """

    def __init__(self, target: Target, backend: Any = np, variance: float | None = None) -> None:
        self.target, self.xp = target, backend
        own = float(target.values.var()) if target.kind == "number" and len(target) else 1.0
        self.variance = max(own if variance is None else variance, np.finfo(np.float64).tiny)
        self._known = self._array(target.matrix if target.kind != "survival" else target.values)

    def _array(self, values: F64) -> Any:
        if self.xp is np:
            return values
        return self.xp.tensor(values, dtype=self.xp.float32)

    def mean(self, scores: Any, rows: Any = None) -> Any:
        """Mean loss.

        Classes have the log loss of their softmax; labels and boundaries of grades that of a
        sigmoid each, summed; a number its squared error over the variance; survival the negative
        partial likelihood of Cox (Breslow's form for ties) for each event.

        Args:
            scores: ``(b, width)``.
            rows: ``(b,)``, which rows of the target they are of; None for all.

        Returns:
            A scalar of the backend.
        """
        known = self._known if rows is None else self._known[rows]
        kind, xp = self.target.kind, self.xp
        if kind == "classes":
            shifted = scores - xp.amax(scores, axis=1, keepdims=True)
            total = xp.log(xp.exp(shifted).sum(axis=1))
            return (total - (known * shifted).sum(axis=1)).mean()
        if kind in ("labels", "grades"):
            size = xp.abs(scores)
            soft = xp.log1p(xp.exp(-size)) + (scores + size) / 2
            return (soft - known * scores).sum(axis=1).mean()
        if kind == "number":
            return ((scores - known) ** 2).mean() / self.variance
        return self._partial_likelihood(scores[:, 0], known)

    def _partial_likelihood(self, scores: Any, known: Any) -> Any:
        times, events = np.asarray(known[:, 0]), np.asarray(known[:, 1])
        if not events.any():
            return (scores * 0).sum()
        order = np.argsort(-times, kind="stable")
        # The last of those with an equal time: all of them are at risk.
        last = np.searchsorted(-times[order], -times[order], side="right") - 1
        ordered = scores[order]
        top = xp_max(self.xp, ordered)
        risk = self.xp.log(self.xp.cumsum(self.xp.exp(ordered - top), axis=0)[last]) + top
        happened = np.flatnonzero(events[order])
        return (risk - ordered)[happened].mean()


def xp_max(backend: Any, values: Any) -> Any:
    """Largest entry of ``(n,)``, as a constant where gradients are taken."""
    top = backend.amax(values, axis=0)
    return top.detach() if backend is not np else top


def mean_loss(scores: F64, target: Target) -> float:
    """Mean loss of scores ``(n, width)`` of a target; see :meth:`Loss.mean`."""
    return float(Loss(target).mean(scores))


def scale_of(scores: F64, target: Target) -> float:
    """The factor by which scores have the least loss: one over the temperature.

    Guo et al., "On calibration of modern neural networks", 2017. A number needs none, since its
    scores are in its own unit.

    Args:
        scores: ``(n, width)``, of records that they were not learned from.
        target: Of the same records.
    """
    if target.kind == "number":
        return 1.0
    loss = Loss(target)
    low, high = np.log(_SMALLEST_SCALE), np.log(LARGEST_SCALE)
    for _ in range(_ROUNDS):
        step = _GOLDEN * (high - low)
        left, right = high - step, low + step
        if loss.mean(np.exp(left) * scores) <= loss.mean(np.exp(right) * scores):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
