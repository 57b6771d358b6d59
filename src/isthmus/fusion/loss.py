"""The likelihood of a target, for what is trained and for what is added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.closed.likelihood import calibrate, loss
from isthmus.fusion.target import Target

if TYPE_CHECKING:
    from torch import Tensor


def mean_loss(scores: F64, target: Target) -> float:
    """Mean negative log-likelihood of scores ``(n, width)``; see :func:`loss`."""
    return loss(target, scores)[0]


def tensor_loss(scores: Tensor, target: Target) -> Tensor:
    """The same of a tensor ``(n, width)``, with its gradient.

    The gradient is known in closed form, so that torch need not repeat the formulas.
    """
    value, slope = loss(target, scores.detach().numpy().astype(np.float64))
    line: Tensor = (scores * scores.new_tensor(slope)).sum()
    return line - line.detach() + value


def scale_of(scores: F64, target: Target, prior: F64 | None = None) -> float:
    """The factor by which scores have the least loss: one over the temperature.

    Guo et al., "On calibration of modern neural networks", 2017. A number needs none, since its
    scores are in its own unit.

    Args:
        scores: ``(n, width)``, of records that they were not learned from.
        target: Of the same records.
        prior: ``(width,)``, added to the scaled scores; zeros if None.
    """
    if target.kind == "number":
        return 1.0
    base = np.zeros(target.width) if prior is None else prior
    return float(calibrate([scores], target, base).weights[0])
