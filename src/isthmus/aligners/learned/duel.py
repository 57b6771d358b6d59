"""Two translations against two judges, and whether the translations stayed healthy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.extras import require
from isthmus.core.linalg import F64
from isthmus.training import Phase, Trainee

if TYPE_CHECKING:
    from torch import Generator, Tensor

_COMPARED = 1000
"""Rows of each side whose distances are compared, so that a check takes a million of them."""
_SMOOTHING = 0.1
"""Labels of 0.1 and 0.9 keep judges from becoming sure (Conneau et al. 2018, ``smooth``)."""
_SLOPE = 0.2
"""Of the leaky rectifier of a judge (Conneau et al. 2018)."""
MIN_RANK = 0.5
"""Share of the effective rank that must be left; chosen halfway, since sound maps keep it all."""
MAX_CYCLE = 0.5
"""Share of the square length that may be lost there and back; chosen halfway as well."""


@dataclass(frozen=True)
class Health:
    """Whether generators collapsed, told without pairs.

    Attributes:
        rank: Effective rank (exponential of the entropy of the shares of variance; Roy and
            Vetterli 2007) of translated vectors over that of real ones, the smaller of both
            directions; near 1 where the variety of the vectors is kept, near 0 where everything
            is translated to a few points.
        cycle: Mean squared error of there and back over the mean squared length, the larger of
            both directions; 0 where nothing is lost.
        judged: Accuracy of the judges, mean of both; one half where they are fooled.
        agreement: Where no pairs were used, the cosine between the translation that was kept and
            the one most like it that another random start ended in; 1 where both found the
            same, near 0 for unrelated rotations of many dimensions. NaN where pairs were used.
    """

    rank: float
    cycle: float
    judged: float
    agreement: float = math.nan

    @property
    def collapsed(self) -> bool:
        """Whether variety was lost (rank under one half) or the way back (cycle over one half)."""
        return not (self.rank >= MIN_RANK and self.cycle <= MAX_CYCLE)


@dataclass(frozen=True)
class Rules:
    """What the translations are to lower, and how large the judges are.

    Attributes:
        weight: Of the loss of known pairs.
        adversarial: Weight of the judges.
        cycle: Weight of there and back.
        orthogonal: Weight of ``‖GᵀG − I‖²/k``.
        units: Hidden units of a judge.
        batch_size: Known pairs a step.
        seed: Of the first weights of the judges.
    """

    weight: float = 1.0
    adversarial: float = 1.0
    cycle: float = 1.0
    orthogonal: float = 1.0
    units: int = 64
    batch_size: int = 64
    seed: int = 0


class Duel(Trainee):
    """Generators ``g`` (x to y) and ``f`` (back) against a judge of each side.

    Args:
        rules: What counts how much.
        x: ``(n, k)``, components of the first view.
        y: ``(m, k)``, components of the second.
        both: Components of known pairs, ``(p, k)`` of each view; none are fine.
        start: ``(k, k)``, orthogonal, where ``g`` begins.
    """

    def __init__(self, rules: Rules, x: F64, y: F64, both: Sequence[F64], start: F64) -> None:
        torch = self.torch = require("torch", extra="learned", purpose="the adversarial aligner")
        self.rules = rules
        self.x, self.y = self._tensor(x), self._tensor(y)
        self.a, self.b = (self._tensor(part) for part in both)
        self.g = torch.tensor(start, dtype=torch.float32).requires_grad_()
        self.f = torch.tensor(start.T.copy(), dtype=torch.float32).requires_grad_()
        self.eye = torch.eye(len(start))
        generator = torch.Generator().manual_seed(rules.seed)
        self.judges = {side: self._judge(len(start), generator) for side in "xy"}

    def _tensor(self, array: F64) -> Tensor:
        # Components have a mean square length of 1 over all of them; a judge likes one each.
        return self.torch.tensor(array * math.sqrt(array.shape[1]), dtype=self.torch.float32)

    def _judge(self, k: int, generator: Generator) -> dict[str, Tensor]:
        torch, units = self.torch, self.rules.units

        def weight(rows: int, columns: int) -> Tensor:
            drawn = torch.randn(rows, columns, generator=generator) / math.sqrt(rows)
            return drawn.requires_grad_()

        return {
            "in": weight(k, units),
            "bias": torch.zeros(units, requires_grad=True),
            "out": weight(units, 1),
        }

    def phases(self) -> Sequence[Phase]:
        """The judges learn first, then the generators, one step each a batch."""
        judges = {f"{side}.{n}": t for side, judge in self.judges.items() for n, t in judge.items()}
        return [
            Phase("judges", judges, self._judging),
            Phase("generators", {"g": self.g, "f": self.f}, self._translating),
        ]

    def _drawn(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Rows of both sides, drawn apart from each other."""
        other = self.torch.randint(len(self.y), (len(batch),), generator=generator)
        return self.x[batch % len(self.x)], self.y[other]

    def _says(self, side: str, rows: Tensor) -> Tensor:
        """Log odds by a judge that rows of its side are real, ``(n,)``."""
        judge = self.judges[side]
        inner = self.torch.nn.functional.leaky_relu(rows @ judge["in"] + judge["bias"], _SLOPE)
        return (inner @ judge["out"])[:, 0]

    def _told(self, side: str, rows: Tensor, real: float) -> Tensor:
        says = self._says(side, rows)
        truth = self.torch.full_like(says, real)
        return self.torch.nn.functional.binary_cross_entropy_with_logits(says, truth)

    def _judging(self, batch: Tensor, generator: Generator) -> Tensor:
        x, y = self._drawn(batch, generator)
        fake_x, fake_y = (y @ self.f).detach(), (x @ self.g).detach()
        real = self._told("x", x, 1 - _SMOOTHING) + self._told("y", y, 1 - _SMOOTHING)
        return real + self._told("x", fake_x, _SMOOTHING) + self._told("y", fake_y, _SMOOTHING)

    def _translating(self, batch: Tensor, generator: Generator) -> Tensor:
        rules = self.rules
        x, y = self._drawn(batch, generator)
        fooled = self._told("y", x @ self.g, 1.0) + self._told("x", y @ self.f, 1.0)
        back = (x @ self.g @ self.f - x).square().mean() + (y @ self.f @ self.g - y).square().mean()
        turned = sum((m.T @ m - self.eye).square().sum() for m in (self.g, self.f)) / len(self.eye)
        total = rules.adversarial * fooled + rules.cycle * back + rules.orthogonal * turned
        if len(self.a):
            known = self.torch.randperm(len(self.a), generator=generator)[: rules.batch_size]
            a, b = self.a[known], self.b[known]
            total = (
                total
                + rules.weight * ((a @ self.g - b).square() + (b @ self.f - a).square()).mean()
            )
        return total

    def map(self) -> F64:
        """What the heads use, ``(G + Fᵀ)/2``."""
        mean: F64 = ((self.g + self.f.T) / 2).detach().numpy().astype(np.float64)
        return mean

    def validate(self) -> float:
        """Minus the energy distance of translated rows to real ones (Székely and Rizzo 2013).

        It is zero only for equal distributions, so unlike a judge it cannot be fooled for long.
        """
        turn = ((self.g + self.f.T) / 2).detach()
        x, y = self.x[:_COMPARED] @ turn, self.y[:_COMPARED]
        distance = self.torch.cdist
        apart = 2 * distance(x, y).mean() - distance(x, x).mean() - distance(y, y).mean()
        return -float(apart)

    def health(self) -> Health:
        """Figures that need no pairs."""
        with self.torch.no_grad():
            fake_x, fake_y = self.y @ self.f, self.x @ self.g
            ranks = [
                effective_rank(fake_y) / effective_rank(self.x),
                effective_rank(fake_x) / effective_rank(self.y),
            ]
            back = [
                (once @ way - rows).square().sum() / rows.square().sum()
                for once, way, rows in ((fake_y, self.f, self.x), (fake_x, self.g, self.y))
            ]
            right = [
                (
                    (self._says(side, real) > 0).float().mean()
                    + (self._says(side, fake) < 0).float().mean()
                )
                for side, real, fake in (("x", self.x, fake_x), ("y", self.y, fake_y))
            ]
        return Health(min(ranks), float(max(back)), float(sum(right)) / 4)


def effective_rank(rows: Tensor) -> float:
    """Effective rank of centred rows."""
    values = np.linalg.svd((rows - rows.mean(dim=0)).numpy().astype(np.float64), compute_uv=False)
    shares = values**2 / max(float((values**2).sum()), 1e-30)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def random_rotation(rng: np.random.Generator, k: int) -> F64:
    """An orthogonal matrix ``(k, k)``, all of them as likely (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(k, k)))
    out: F64 = q * np.sign(np.diag(r))
    return out


def cosine(a: F64, b: F64) -> float:
    """How alike two matrices are, entry by entry: 1 for equal ones, 0 for unrelated ones."""
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))
