"""What can be trained: its losses, the tensors that lower them, and its held-out score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Phase(NamedTuple):
    """A loss and the parameters that one optimiser moves to lower it.

    Ordinary training has one phase; adversaries take turns in several, one step each a batch.

    Attributes:
        name: For the log.
        parameters: Leaf tensors that require gradients, by name.
        loss: Rows of a batch, ``(b,)`` int64, and the generator to draw from, to a scalar.
        rate: Multiplies the learning rate.
    """

    name: str
    parameters: Mapping[str, Tensor]
    loss: Callable[[Tensor, Generator], Tensor]
    rate: float = 1.0


class Trainee(ABC):
    """What :func:`train` trains.

    Anything random must be drawn from the generator that a loss is given; the global one is
    never seeded, and a run that was resumed would see other numbers in it.
    """

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """The phases, asked for once; the tensors in them are changed in place."""

    @abstractmethod
    def validate(self) -> float:
        """Score on held-out rows, higher is better; called without gradients."""

    def start_epoch(self, epoch: int) -> None:  # noqa: B027  most have nothing to do
        """Called before epoch ``epoch``, counted from 0, such as to draw up a graph anew."""

    def state(self) -> dict[str, Tensor]:
        """What else a checkpoint must hold: tensors made by :meth:`start_epoch`."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take back what :meth:`state` gave."""
