"""Linear learners on the directions of a block: ridge regression and discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from isthmus.core.linalg import F64
from isthmus.fusion.closed.block import Block
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.target import Kind

Learner = Literal["ridge", "lda", "logistic"]
LEARNERS: tuple[Learner, ...] = ("ridge", "lda", "logistic")


@dataclass(frozen=True, eq=False)
class Inner:
    """A linear learner on the components of a block; with the prior it gives scores.

    Attributes:
        weight: ``(r, width)``.
        bias: ``(width,)``, at the mean of the block.
    """

    weight: F64
    bias: F64


def learned(joined: Joined, block: Block, *, ridge: float, learner: Learner) -> Inner:
    """Ridge or discriminant analysis from moments.

    Args:
        joined: Moments with the target.
        block: Directions of views.
        ridge: Penalty, in the block's unit.
        learner: ``"lda"`` learns numbers, grades and survival as ``"ridge"`` does.
    """
    slopes = block.onto / (block.values + ridge * block.unit)[:, None]
    if learner == "lda" and discriminates(joined.kind):
        return Inner(*discriminant(block.onto, slopes, joined.mean, joined.kind))
    return Inner(slopes @ joined.regressed.T, np.zeros(joined.width))


def discriminates(kind: Kind) -> bool:
    """Whether a target has classes whose means and covariance can be told apart."""
    return kind in ("classes", "labels")


def discriminant(onto: F64, slopes: F64, mean: F64, kind: Kind) -> tuple[F64, F64]:
    """Discriminant analysis on ``r`` directions, from a ridge regression on them.

    Args:
        onto: ``(r, width)``, covariance of the directions with one-hot classes.
        slopes: ``(r, width)``, of the regression.
        mean: ``(width,)``, shares of the classes.
        kind: Of the target.

    Returns:
        ``(r, width)``, and a bias ``(width,)`` at the mean of all records; see :func:`turned`.
    """
    if kind != "classes" or len(mean) <= len(onto):
        turn, bias = turned(onto.T @ slopes, mean, kind)
        return slopes @ turn, bias
    # With S the slopes, S (I − D UᵀS)⁻¹ D = (I − S D Uᵀ)⁻¹ S D: a smaller system of equations.
    inverse = np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > 0)
    shared = slopes * inverse
    solved = np.linalg.solve(np.eye(len(onto)) - shared @ onto.T, shared)
    weight = np.asarray(solved, dtype=np.float64)
    return weight, -0.5 * inverse * np.einsum("ri,ri->i", onto, weight)


def turned(explained: F64, mean: F64, kind: Kind) -> tuple[F64, F64]:
    """What makes linear discriminant analysis of a ridge regression on the same classes.

    With ``T`` the total covariance plus penalty, ``U`` the cross-covariance with one-hot classes
    and ``D`` the inverse of their shares, the covariance within classes is ``T − U D Uᵀ``; by
    Woodbury its inverse times the classes' means is ``T⁻¹U (I − D UᵀT⁻¹U)⁻¹ D``. Of labels each is
    an analysis of two classes. Fisher 1936; Hastie, Buja & Tibshirani, "Penalized Discriminant
    Analysis", 1995.

    Args:
        explained: ``(width, width)``, ``UᵀT⁻¹U``.
        mean: ``(width,)``, shares of the classes.
        kind: Of the target.

    Returns:
        ``(width, width)``, by which predictions of the regression are multiplied, and a bias
        ``(width,)`` at the mean of all records.
    """
    if kind == "classes":
        inverse = np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > 0)
        between = inverse[:, None] * explained
        turn = np.linalg.solve(np.eye(len(mean)) - between, np.diag(inverse))
        return turn, -0.5 * np.einsum("ij,ji->i", between, turn)
    odds = mean * (1 - mean)
    left = odds - np.diag(explained)
    factor = np.divide(1.0, left, out=np.zeros_like(left), where=(odds > 0) & (left > 0))
    ratio = np.divide(np.diag(explained), odds, out=np.zeros_like(odds), where=odds > 0)
    return np.diag(factor), (mean - 0.5) * ratio * factor
