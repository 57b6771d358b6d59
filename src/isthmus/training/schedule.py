"""How long and how fast to train, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from isthmus.core.errors import InputError


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; equal schedules on equal data give equal weights.

    Attributes:
        epochs: At most so many passes over the rows.
        batch_size: At most so many rows a step; batches of one epoch differ by one row at most.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW (decoupled).
        patience: Checks without gain after which training stops; None never checks and keeps
            the last weights.
        check_every: Epochs between checks on held-out rows.
        seed: Of the order of the rows and of all that a loss draws.

    Raises:
        InputError: If a number is out of range.
    """

    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    patience: int | None = 10
    check_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "check_every", "patience"):
            value = getattr(self, name)
            if value is None and name == "patience":
                continue
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate must be positive, got {self.learning_rate}")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(f"weight_decay must not be negative, got {self.weight_decay}")


@dataclass
class Log:
    """What happened.

    Attributes:
        scores: Epoch and held-out score of every check; epoch 0 is the start.
        losses: Mean loss of every epoch, by phase.
        best_epoch: After how many epochs the weights that were kept stood; 0 is the start.
        stopped: ``"epochs"``, ``"patience"``, ``"time"`` or ``"diverged"`` (a loss that is not
            finite; its step is not taken).
    """

    scores: list[tuple[int, float]] = field(default_factory=list)
    losses: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = ""

    @property
    def best_score(self) -> float:
        """Held-out score of the weights that were kept; NaN if nothing was ever checked."""
        return dict(self.scores).get(self.best_epoch, math.nan)
