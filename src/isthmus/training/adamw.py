"""AdamW by the function that torch's own optimiser calls.

The class ``torch.optim.AdamW`` imports torch's compiler when it is made, which takes two seconds of
a core and is not used here. The steps are the same, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isthmus.core.extras import require

if TYPE_CHECKING:
    from torch import Tensor

SLOTS = ("step", "exp_avg", "exp_avg_sq")
"""What is kept of each parameter."""
_PURPOSE = "a learned aligner"
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
"""Both are the defaults of torch."""


class AdamW:
    """Moves tensors against the slopes in their ``grad`` (Loshchilov and Hutter, ICLR 2019).

    Args:
        parameters: Leaf tensors.
        learning_rate: Of every step.
        weight_decay: Decoupled, as a share of the learning rate.

    Attributes:
        state: By number of a parameter that has moved, :data:`SLOTS`.
    """

    def __init__(
        self, parameters: Sequence[Tensor], *, learning_rate: float, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.state: dict[int, dict[str, Tensor]] = {}

    def step(self) -> None:
        """Move every parameter that has a slope."""
        torch = require("torch", extra="learned", purpose=_PURPOSE)
        functional = require("torch.optim.adamw", extra="learned", purpose=_PURPOSE)
        moved = [n for n, each in enumerate(self.parameters) if each.grad is not None]
        for number in moved:
            if number not in self.state:
                zeros = torch.zeros_like(self.parameters[number], requires_grad=False)
                self.state[number] = dict(
                    zip(SLOTS, (torch.tensor(0.0), zeros, zeros.clone()), strict=True)
                )
        steps, means, squares = ([self.state[n][slot] for n in moved] for slot in SLOTS)
        with torch.no_grad():
            functional.adamw(
                [self.parameters[n] for n in moved],
                [self.parameters[n].grad for n in moved],
                means,
                squares,
                [],
                steps,
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=self.learning_rate,
                weight_decay=self.weight_decay,
                eps=_EPSILON,
                maximize=False,
            )

    def load(self, state: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Take back a state."""
        self.state = {number: dict(slots) for number, slots in state.items()}
