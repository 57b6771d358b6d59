"""Heads that are trained by gradient descent: those of SAIL and of FuseMix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _peers.method import Candidates, Heads, Method
from isthmus.core.linalg import F64
from isthmus.metrics import mean_reciprocal_rank, ranks

SPACE = 512
"""Dimension of the common space."""
HELD_OUT = 0.2
"""Share of the training pairs that decides on learning rate and number of steps."""
BATCH = 1024


class Gated(nn.Module):
    """The head of SAIL: layer norm, then a gated linear unit with ReLU6."""

    def __init__(self, width: int, expansion: int = 1) -> None:
        super().__init__()
        hidden = expansion * width
        self.norm = nn.LayerNorm(width)
        self.gate, self.value = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, SPACE)
        for layer in (self.gate, self.value, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        found: Tensor = self.out(functional.relu6(self.gate(x)) * self.value(x))
        return found


class InvertedBottleneck(nn.Module):
    """The head of FuseMix: residual blocks that widen and narrow, then a projection."""

    def __init__(
        self, width: int, *, blocks: int = 1, expansion: int = 4, dropout: float = 0.6
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, expansion * width),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(expansion * width, width),
            )
            for _ in range(blocks)
        )
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, SPACE))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        found: Tensor = self.out(x)
        return found


class SigLIP(nn.Module):
    """Sigmoid loss of all pairs of a batch, with a learned scale and bias."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(np.log(20.0), dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        logits = self.scale.exp() * a @ b.T + self.bias
        return -functional.logsigmoid((2 * torch.eye(len(a)) - 1) * logits).sum() / len(a)


class InfoNCE(nn.Module):
    """Symmetric cross-entropy of a batch, with a learned temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(0.07))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        logits = a @ b.T / self.temperature.clamp(0.001, 0.5)
        truth = torch.arange(len(a))
        return (
            functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)
        ) / 2


@dataclass(frozen=True)
class Recipe:
    """How a pair of heads is trained.

    Attributes:
        head: Makes the head of a view from its dimension.
        loss: Makes the loss.
        centred: Whether the views are centred and divided by their spread first.
        rate: Learning rate of AdamW.
        decay: Weight decay of AdamW.
        mixup: Whether rows are mixed with others, one ``λ ~ Beta(1, 1)`` for both views.
        steps: At most this many.
        every: Steps between looks at the held-out pairs.
        patience: Looks without a gain before training stops.
    """

    head: Callable[[int], nn.Module]
    loss: Callable[[], nn.Module]
    centred: bool
    rate: float
    decay: float
    mixup: bool = False
    steps: int = 40
    every: int = 5
    patience: int = 3


class Run:
    """One training run, of so many steps or until the held-out pairs gain no more."""

    def __init__(self, recipe: Recipe, x: F64, y: F64, seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe = recipe
        self.views = tensor(x), tensor(y)
        self.heads = [recipe.head(x.shape[1]), recipe.head(y.shape[1])]
        self.loss = recipe.loss()
        modules = nn.ModuleList([*self.heads, self.loss])
        self.optimiser = torch.optim.AdamW(
            modules.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.random = np.random.default_rng(seed)

    def step(self) -> None:
        """One batch; to mix, each row has the next of a random order as its partner."""
        for head in self.heads:
            head.train()
        order = self.random.permutation(len(self.views[0]))
        batch, other = torch.as_tensor(order[:BATCH]), torch.as_tensor(np.roll(order, 1)[:BATCH])
        weight = float(self.random.beta(1, 1)) if self.recipe.mixup else 1.0
        rows = [weight * v[batch] + (1 - weight) * v[other] for v in self.views]
        a, b = (
            functional.normalize(head(v), dim=1) for head, v in zip(self.heads, rows, strict=True)
        )
        self.optimiser.zero_grad()
        self.loss(a, b).backward()
        self.optimiser.step()

    def embed(self, view: int, x: F64) -> F64:
        """Unit vectors of rows of one view."""
        head = self.heads[view].eval()
        with torch.inference_mode():
            out = functional.normalize(head(tensor(x)), dim=1)
        found: F64 = out.double().numpy()
        return found

    def best_steps(self, x: F64, y: F64) -> int:
        """After how many steps the mean reciprocal rank of held-out pairs is best."""
        best, steps, since = 0.0, self.recipe.every, 0
        for step in range(1, self.recipe.steps + 1):
            self.step()
            if step % self.recipe.every:
                continue
            scores = self.embed(0, x) @ self.embed(1, y).T
            truth = np.arange(len(x))
            value = np.mean([mean_reciprocal_rank(ranks(s, truth)) for s in (scores, scores.T)])
            since += 1
            if value > best:
                best, steps, since = float(value), step, 0
            if since >= self.recipe.patience:
                break
        return steps


def tensor(x: F64) -> Tensor:
    """Rows as float32."""
    return torch.as_tensor(x, dtype=torch.float32)


def trained(recipe: Recipe, x: F64, y: F64, seed: int) -> Candidates:
    """Choose the number of steps on held-out pairs, then train so long on all pairs."""

    def heads() -> Heads:
        scale = [_scale(v) if recipe.centred else np.asarray for v in (x, y)]
        a, b = scale[0](x), scale[1](y)
        order = np.random.default_rng(seed).permutation(len(x))
        held, rest = np.split(order, [max(2, round(HELD_OUT * len(x)))])
        steps = Run(recipe, a[rest], b[rest], seed).best_steps(a[held], b[held])
        final = Run(recipe, a, b, seed)
        for _ in range(steps):
            final.step()
        return Heads(lambda v: final.embed(0, scale[0](v)), lambda v: final.embed(1, scale[1](v)))

    return {"early stopping": heads}


def _scale(x: F64) -> Callable[[F64], F64]:
    mean, spread = x.mean(axis=0), float(np.sqrt(x.var(axis=0).mean()))
    return lambda v: (v - mean) / spread


SAIL = Recipe(Gated, SigLIP, centred=False, rate=1e-3, decay=1e-4)
"""Zhang, Yang & Agrawal, CVPR 2025, at a smaller width (1 for 8, space 512 for 1024) and with
AdamW for Lion; layer norm, gate, loss and its start (20, −10) as published. On held-out
training pairs views as they are did better than centred ones."""

FUSEMIX = Recipe(InvertedBottleneck, InfoNCE, centred=True, rate=1e-3, decay=0.1, mixup=True)
"""Vouitsis et al., CVPR 2024, with one block for four; expansion 4, dropout 0.6, rate, decay and
mixing as published. On held-out training pairs centred views did better."""

METHODS: Sequence[Method] = (
    Method("SAIL", partial(trained, SAIL)),
    Method("FuseMix", partial(trained, FUSEMIX)),
)
