"""What trains a fusion: its loss on records of which views are left out at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from isthmus.core.extras import require
from isthmus.core.linalg import F64
from isthmus.fusion.inner import Labels
from isthmus.fusion.learned.readings import Readings
from isthmus.fusion.loss import tensor_loss
from isthmus.fusion.target import Target
from isthmus.training import Phase, Trainee

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Joins(Protocol):
    """The part of a trained fusion that training needs."""

    name: ClassVar[str]
    dropout: float

    def join(self, xp: Any, weights: Mapping[str, Any], readings: Readings) -> Any:
        """What all views add to the scores."""
        ...


@dataclass(frozen=True, eq=False)
class Bout:
    """What one training learns from.

    Attributes:
        readings: Of all records, as if they were new.
        target: Of the same records.
        start: Where the weights start.
        learn: Records to learn from.
        judge: Records by which epochs are compared.
    """

    readings: Readings
    target: Target
    start: Mapping[str, F64]
    learn: Labels
    judge: Labels = field(default_factory=lambda: np.zeros(0, dtype=np.intp))


class FusionTrainee(Trainee):
    """The changes of the weights of a fusion, and the loss that they are to lower.

    Args:
        fusion: What joins the readings.
        bout: What it learns from.
    """

    def __init__(self, fusion: Joins, bout: Bout) -> None:
        torch = self.torch = require("torch", extra="learned", purpose=f"the {fusion.name} fusion")
        self.fusion = fusion
        self.readings: Readings = bout.readings.tensors(torch)
        self.target = bout.target
        self.learn, self.judge = torch.tensor(bout.learn), torch.tensor(bout.judge)
        self.begin = {
            name: torch.tensor(value, dtype=torch.float32) for name, value in bout.start.items()
        }
        self.change = {
            name: torch.zeros_like(value, requires_grad=True) for name, value in self.begin.items()
        }

    def phases(self) -> Sequence[Phase]:
        """One: all weights, on the loss of the target."""
        return [Phase("fusion", self.change, self.batch_loss)]

    def moved(self) -> dict[str, Tensor]:
        """The weights as they are now."""
        return {name: value + self.change[name] for name, value in self.begin.items()}

    def batch_loss(self, batch: Tensor, generator: Generator) -> Tensor:
        """Loss of some records that lack views at random."""
        rows = self.learn[batch]
        readings = self.thinned(self.readings.take(rows), generator)
        return self.loss_of(readings, rows)

    def loss_of(self, readings: Readings, rows: Tensor) -> Tensor:
        """Mean loss of readings of these records."""
        joined = self.fusion.join(self.torch, self.moved(), readings)
        return tensor_loss(readings.rest + joined, self.target.take(rows.numpy()))

    def thinned(self, readings: Readings, generator: Generator) -> Readings:
        """Leave views out at random; a record keeps all it has rather than none."""
        torch = self.torch
        if not self.fusion.dropout:
            return readings
        drawn = torch.rand(readings.there.shape, generator=generator) >= self.fusion.dropout
        there = readings.there * drawn
        none = there.sum(axis=1, keepdims=True) == 0
        return readings.kept(torch.where(none, readings.there, there))

    def validate(self) -> float:
        """Minus the loss of the held-out records, all views that they have in place."""
        return -float(self.loss_of(self.readings.take(self.judge), self.judge))

    def weights(self) -> dict[str, F64]:
        """The weights as they are now, for numpy."""
        return {
            name: value.detach().numpy().astype(np.float64) for name, value in self.moved().items()
        }
