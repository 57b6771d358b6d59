"""Grey levels to what a model of pictures takes, computed where the model runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from isthmus.core.linalg import F32, Array

Tensor = Any
"""``torch.Tensor``."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What is done with each colour of a pixel ``x``: ``(x * scale - mean) / std``.

    Attributes:
        scale: What grey levels are multiplied with.
        mean: Is then taken away, of three colours.
        std: Each is then divided by it.
    """

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def on(self, stacked: Array, device: str) -> Tensor:
        """Pixels as float32 on a device, which get there as they are: a quarter of the bytes.

        Args:
            stacked: ``(n, height, width, 3)`` uint8, or float32.
            device: Of torch.

        Returns:
            ``(n, 3, height, width)``, within 1e-6 of what numpy computes.
        """
        import torch

        factor, shift = (torch.from_numpy(each).to(device) for each in self.line())
        placed = torch.from_numpy(np.ascontiguousarray(stacked)).to(device)
        levels = placed.permute(0, 3, 1, 2).contiguous().float()
        return levels.mul_(factor).sub_(shift)

    def line(self) -> tuple[F32, F32]:
        """The same as one factor and what is taken away then, ``(3, 1, 1)`` each."""
        mean, std = (np.array(x, dtype=np.float32).reshape(-1, 1, 1) for x in (self.mean, self.std))
        return np.asarray(np.float32(self.scale) / std), np.asarray(mean / std)


class Coloured(Protocol):
    """Settings that say how pixels become numbers."""

    @property
    def colours(self) -> Colours:
        """What is done with each colour."""
        ...

    def normalized(self, batch: Sequence[Any]) -> F32:
        """Pixels of one size, ``(n, 3, height, width)``, by numpy."""
        ...
