"""What contrastive training lowers: losses between partners in whitened coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.learned.start import Start
from isthmus.core.extras import require
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.training import Loss, Phase, Trainee, parse_loss

if TYPE_CHECKING:
    from torch import Generator, Tensor

_KNOB_STEP = 0.01
"""By what the logarithm of the scale, and the bias, move a step, whatever the learning rate."""
_SIGLIP_BIAS = -10.0
"""At the start, as in Zhai et al. 2023: nearly all rows of a batch are no partners."""


@dataclass(frozen=True)
class Terms:
    """What training is to lower; the names are those of the aligner.

    Attributes:
        loss: Sum of named losses.
        pull: Weight of what draws towards the start.
        mixup: Both parameters of the Beta distribution by which rows are mixed; 0 mixes none.
        dropout: Share of whitened coordinates set to zero.
        temperature: At the start.
        learning_rate: Of AdamW, by which the steps of the temperature are scaled.
    """

    loss: str
    pull: float
    mixup: float
    dropout: float
    temperature: float
    learning_rate: float


class Contrast(Trainee):
    """The changes of the weights, and the loss that they are to lower.

    Args:
        start: Where training starts.
        terms: What is to be lowered.
        held: Records by which the epochs are compared, if any.
    """

    def __init__(self, start: Start, terms: Terms, held: PairedVectors | None = None) -> None:
        torch = self.torch = require("torch", extra="learned", purpose="the contrastive aligner")
        self.terms = terms
        self.loss: Loss = parse_loss(terms.loss)
        self.names = tuple(start.weights)
        self.weights = {m: torch.tensor(w, dtype=torch.float32) for m, w in start.weights.items()}
        self.x = self._tensors(start.whitened(start.native))
        self.present = {m: torch.tensor(mask) for m, mask in start.present.items()}
        self.rows = torch.tensor(paired_rows(start.native))
        self.d = {m: torch.zeros_like(w, requires_grad=True) for m, w in self.weights.items()}
        self.knobs = torch.zeros(2, requires_grad=True)
        self.held = {} if held is None else self._tensors(start.whitened(held))
        self.held_present = {} if held is None else dict(held.present)

    def _tensors(self, arrays: Mapping[str, F64]) -> dict[str, Tensor]:
        torch = self.torch
        return {m: torch.tensor(x, dtype=torch.float32) for m, x in arrays.items()}

    def phases(self) -> Sequence[Phase]:
        """One: the changes of all views, and the temperature and bias."""
        changes = {f"change.{m}": d for m, d in self.d.items()}
        return [Phase("contrast", {**changes, "knobs": self.knobs}, self._loss)]

    def changes(self) -> dict[str, F64]:
        """What was added to the weights, ``(r, k)`` by view."""
        return {m: d.detach().numpy().astype(np.float64) for m, d in self.d.items()}

    def _unit(self, m: str, x: Tensor) -> Tensor:
        product = x @ (self.weights[m] + self.d[m])
        return self.torch.nn.functional.normalize(product, dim=1)

    def _loss(self, batch: Tensor, generator: Generator) -> Tensor:
        rows = self.rows[batch]
        gain = _KNOB_STEP / self.terms.learning_rate  # a step of Adam is the learning rate
        scale = self.torch.exp(gain * self.knobs[0]) / self.terms.temperature
        bias = _SIGLIP_BIAS + gain * self.knobs[1]
        total = self.terms.pull * sum(d.square().sum() for d in self.d.values())
        for a, b in combinations(self.names, 2):
            both = rows[self.present[a][rows] & self.present[b][rows]]
            if len(both) < 2:
                continue
            x, y = self._mixed([self.x[a][both], self.x[b][both]], generator)
            total = total + self.loss(self._unit(a, x), self._unit(b, y), scale=scale, bias=bias)
        return total

    def _mixed(self, sides: list[Tensor], generator: Generator) -> list[Tensor]:
        """Rows mixed with others, by the same amount on both sides, and thinned out."""
        torch, n = self.torch, len(sides[0])
        if self.terms.mixup:
            # torch draws no Beta variates from a generator of one's own; its number seeds one.
            seed = int(torch.randint(2**62, (1,), generator=generator))
            share = np.random.default_rng(seed).beta(
                self.terms.mixup, self.terms.mixup, size=(n, 1)
            )
            part = torch.tensor(share, dtype=torch.float32)
            other = torch.randperm(n, generator=generator)
            sides = [part * x + (1 - part) * x[other] for x in sides]
        if self.terms.dropout:
            keep = 1 - self.terms.dropout
            sides = [x * (torch.rand(x.shape, generator=generator) < keep) / keep for x in sides]
        return sides

    def validate(self) -> float:
        """Mean reciprocal rank of held-out partners, over both directions of all pairs."""
        found = []
        for a, b in combinations(self.names, 2):
            both = np.flatnonzero(self.held_present[a] & self.held_present[b])
            if len(both) > 1:
                x, y = self._unit(a, self.held[a][both]), self._unit(b, self.held[b][both])
                scores = x @ y.T
                found += [_reciprocal_rank(scores), _reciprocal_rank(scores.T)]
        return float(np.mean(found)) if found else math.nan


def paired_rows(pairs: PairedVectors) -> NDArray[np.intp]:
    """Rows with at least two views."""
    return np.flatnonzero(np.sum([pairs.present[m] for m in pairs.views], axis=0) > 1)


def _reciprocal_rank(scores: Tensor) -> float:
    """Mean reciprocal rank of the diagonal; ties get the mean of their places."""
    true = scores.diagonal()[:, None]
    rank = (scores > true).sum(dim=1) + ((scores == true).sum(dim=1) + 1) / 2
    return float((1 / rank).mean())
