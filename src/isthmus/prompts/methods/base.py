"""The contract of few-shot methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.prompts.support import Scorer, Support

Params = Mapping[str, float]
Fold = NDArray[np.intp]
"""Rows of shots that are left out together."""


@runtime_checkable
class FewShot(Protocol):
    """A way to classify by words and a few examples.

    Attributes:
        name: Its short id.
        paper: Where it comes from.
        least_shots: Shots a class from which it makes sense; with fewer it does not take part.
        grid: Hyper-parameters that are tried.
        prior: Those that are used where nothing can be left out, at one shot a class.
        serves_unseen: Whether a class that has words alone fares about as it does by words alone,
            where others have shots. With 7 of 14 folders of Tux Paint taught, in two spaces that
            knew the shots, GDA lost .15 to .35, CLAP 0 to .11, and ProKeR gained 0 to .07.
        transductive: Whether what it says of an item depends on the others that are asked about.
    """

    name: str
    paper: str
    least_shots: int
    grid: ClassVar[tuple[Params, ...]]
    prior: ClassVar[Params]
    serves_unseen: bool
    transductive: bool

    def work(self, support: Support) -> float:
        """Multiply-adds that one fit takes, roughly; of a point and fold where it leaves out."""
        ...

    def fit(self, support: Support, params: Params) -> Scorer:
        """Learn.

        Args:
            support: Words and shots.
            params: One point of the grid.

        Returns:
            Logits ``(m, K)`` of unit vectors ``(m, d)``.
        """
        ...


@runtime_checkable
class LeavesOut(Protocol):
    """A method that knows without a fit for each point what it would say of unseen shots."""

    def left_out(
        self, support: Support, grid: Sequence[Params], folds: Sequence[Fold]
    ) -> list[F64]:
        """For each point of a grid, logits ``(h, K)`` of the shots of all folds, in their order.

        Each fold is left out of what is learned, as a whole.
        """
        ...
