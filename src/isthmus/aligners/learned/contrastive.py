"""Contrastive heads: the closed form, and what gradients add to it on held-out pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isthmus.aligners.base import Aligner, Pairs
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.kernel import HiddenLayer, KernelCCA, hidden, in_canonical_order
from isthmus.aligners.traits import PLAIN_CCA, Abilities, Condition, Related, Search
from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import Head, Progress
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.extras import require
from isthmus.core.linalg import F64, Array
from isthmus.core.paired import PairedVectors
from isthmus.moments.moments import Moments
from isthmus.training import Checkpoint, Log, Loss, Phase, Schedule, Trainee, parse_loss, train

if TYPE_CHECKING:
    from torch import Generator, Tensor

Kind = Literal["linear", "mlp"]

_WORTH_TRAINING = Condition(
    "trained heads are tried from 1,000 records on; with fewer they were never clearly better "
    "than the closed form that they start from",
    records=1000,
)
"""With 540 pairs, training added less than .005 MRR to what it started from (docs/choosing.md)."""
_MIN_HELD = 10
"""With fewer held-out pairs no difference can be told; nothing is trained then."""
_KNOB_STEP = 0.01
"""By what the logarithm of the scale, and the bias, move a step, whatever the learning rate."""
_SIGLIP_BIAS = -10.0


@dataclass(frozen=True)
class Training:
    """What became of the training.

    Attributes:
        kept: ``"closed form"`` (or ``"start"`` without a warm start) or ``"trained"``.
        reason: Why.
        choice: Of the training on part of the pairs, judged on the rest; None if there were
            too few.
        final: Of the training on all pairs for as many epochs as the choice found best.
    """

    kept: str
    reason: str
    choice: Log | None = None
    final: Log | None = None


class Contrastive(Aligner):
    """Heads trained so that partners find each other among other rows.

    Training starts from the closed form, :class:`CCA` for ``head="linear"`` and
    :class:`KernelCCA` for ``head="mlp"``, in whitened coordinates: the weight is ``W₀ + D`` with
    ``D = 0`` at first, so before the first step the output is that of the closed form. For
    the MLP the hidden units stay at the rows they were placed around and the layer
    after them is trained. A share of the pairs is held out; the number of epochs after which
    their partners are found best, by mean reciprocal rank, is then trained anew on all pairs.
    If that number is zero the closed form is what is left, and ``log_`` says so. With
    hundreds of pairs that is the usual outcome.

    Losses are symmetric over the two views of a pair and added over all pairs of
    views that share rows; a missing item is left out. Latent mix-up after Zhang et al.
    2018, with one λ for both views of a row.

    Args:
        head: ``"linear"`` or ``"mlp"``.
        loss: Sum of named losses, such as ``"info_nce + 0.5*kl"`` or ``"siglip"``.
        ridge: λ of the warm start and of the whitening.
        power: Exponent of the canonical correlations in the warm start.
        warm_start: Start from the closed form; otherwise from random weights.
        pull: Weight of ``‖D‖²`` in the loss, which draws towards the start.
        mixup: Both parameters of the Beta distribution of λ; 0 mixes nothing.
        dropout: Share of whitened coordinates set to zero in training.
        temperature: At the start; it is learned.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, on ``D``.
        epochs: At most so many.
        batch_size: Rows a step.
        patience: Epochs without gain on held-out pairs after which training stops.
        held_out: Share of the pairs that choose the number of epochs.
        seed: Of everything that is random.
        checkpoint: A folder from which interrupted training goes on; None keeps none.

    Attributes:
        log_: What became of the training, after ``fit``.
        progress: Told how far training is; set it before ``fit``.
    """

    name = "contrastive"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=60,
        cost=5.0,
        trained=True,
        conditions=(_WORTH_TRAINING,),
        starts=(
            Related(CCA.name, {"head": "linear"}, taken=("ridge", "power")),
            Related(KernelCCA.name, {"head": "mlp"}, taken=("ridge", "power")),
        ),
        rivals=(PLAIN_CCA,),
        leads=True,
    )
    log_: Training
    progress: Progress | None = None

    def __init__(
        self,
        head: Kind = "mlp",
        loss: str = "info_nce",
        ridge: float = 1.0,
        power: float = 0.5,
        warm_start: bool = True,
        pull: float = 0.1,
        mixup: float = 0.0,
        dropout: float = 0.0,
        temperature: float = 0.05,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.0,
        epochs: int = 40,
        batch_size: int = 256,
        patience: int = 5,
        held_out: float = 0.15,
        seed: int = 0,
        checkpoint: str | Path | None = None,
    ) -> None:
        if head not in get_args(Kind):
            raise InputError(f"head must be one of {', '.join(get_args(Kind))}, got {head!r}")
        CCA(ridge=ridge, power=power)  # refuses what it cannot use
        _check_ranges(pull=pull, mixup=mixup)
        _check_ranges(dropout=dropout, held_out=held_out, below=1.0)
        if not (math.isfinite(temperature) and temperature > 0):
            raise InputError(f"temperature must be positive, got {temperature}")
        self.head: Kind = head
        parse_loss(loss)  # refuses what it does not know
        self.loss = loss
        self.ridge, self.power, self.warm_start = ridge, power, warm_start
        self.pull, self.mixup, self.dropout = pull, mixup, dropout
        self.temperature = temperature
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.epochs, self.batch_size, self.patience = epochs, batch_size, patience
        self.held_out, self.seed, self.checkpoint = held_out, seed, checkpoint
        self._schedule()

    def fit(self, pairs: Pairs) -> Self:
        """Choose the number of epochs on held-out pairs, then train on all of them."""
        pairs = in_canonical_order(self.admit(pairs))
        with threadpool_limits(1):
            start = _Start(pairs, self)
            learn, held = self._split(pairs)
            if len(held) < _MIN_HELD:
                reason = f"{len(held)} pairs to hold out, need {_MIN_HELD} to tell a difference"
                return self._finish(start, None, Training(start.name, reason))
            try:
                part = _Start(pairs.take(learn), self)
            except (DataError, NoSignalError) as error:
                return self._finish(start, None, Training(start.name, f"without them: {error}"))
            choice = self._train(part, "choice", self._schedule(), pairs.take(held))
            if choice.best_epoch == 0:
                reason = "no epoch found more held-out partners than the start"
                return self._finish(start, None, Training(start.name, reason, choice))
            schedule = replace(self._schedule(), epochs=choice.best_epoch, patience=None)
            trainee = _Contrast(start, self)
            final = train(
                trainee,
                len(trainee.rows),
                schedule,
                checkpoint=self._checkpoint("final", pairs),
                progress=self.progress,
            )
        if final.stopped == "diverged":
            return self._finish(start, None, Training(start.name, "diverged", choice, final))
        reason = f"epoch {choice.best_epoch} found held-out partners best"
        return self._finish(start, trainee, Training("trained", reason, choice, final))

    def _train(self, start: _Start, name: str, schedule: Schedule, held: PairedVectors) -> Log:
        trainee = _Contrast(start, self, held)
        return train(
            trainee,
            len(trainee.rows),
            schedule,
            checkpoint=self._checkpoint(name, start.native),
            progress=self.progress,
        )

    def _finish(self, start: _Start, trainee: _Contrast | None, log: Training) -> Self:
        self.heads_ = start.heads(trainee.changes() if trainee is not None else None)
        self.log_ = log
        return self

    def _schedule(self) -> Schedule:
        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=self.patience,
            seed=self.seed,
        )

    def _split(self, pairs: PairedVectors) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows to learn from and rows held out; of the latter, only such as are paired."""
        paired = _paired_rows(pairs)
        count = round(self.held_out * len(paired))
        held = np.sort(np.random.default_rng(self.seed).permutation(paired)[:count])
        return np.setdiff1d(np.arange(len(pairs)), held), held

    def _checkpoint(self, part: str, pairs: PairedVectors) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        params = {**self.get_params(), "checkpoint": None}
        arrays: dict[str, Array] = {f"x.{m}": x for m, x in pairs.vectors.items()}
        arrays |= {f"present.{m}": mask for m, mask in pairs.present.items()}
        return Checkpoint(Path(self.checkpoint) / part, fingerprint(params, arrays))


class _Start:
    """Whitened coordinates of every view, and the weights that training starts from."""

    def __init__(self, pairs: PairedVectors, of: Contrastive) -> None:
        self.native = pairs
        self.name = "closed form" if of.warm_start else "start"
        self.layers: dict[str, HiddenLayer] = {}
        if of.head == "mlp":
            kernel = KernelCCA(ridge=of.ridge, power=of.power)
            self.layers = kernel.layers(pairs)
            pairs = hidden(pairs, self.layers)
        moments = Moments.of(pairs)
        cca = CCA(ridge=of.ridge, power=of.power).fit_moments(moments)
        self.present = pairs.present
        self.means: dict[str, F64] = {}
        self.whiteners: dict[str, F64] = {}
        self.weights: dict[str, F64] = {}
        rng = np.random.default_rng(of.seed)
        for m in pairs.views:
            _, values, vectors = moments.spectrum(m)
            roots = np.sqrt(values + of.ridge * values.sum() / moments.dims[m])
            head = cca.heads_[m]
            assert isinstance(head, LinearHead)
            self.means[m] = moments.mean(m)
            self.whiteners[m] = vectors / roots
            weight = (vectors * roots).T @ head.weight.astype(np.float64)
            # Rows are normalised in the end, so only the rate of learning sees this scale.
            self.weights[m] = weight / np.linalg.norm(weight, axis=0).max()
            if not of.warm_start:
                shape = self.weights[m].shape
                self.weights[m] = rng.normal(size=shape) / math.sqrt(shape[0])

    def whitened(self, pairs: PairedVectors) -> dict[str, F64]:
        """Coordinates ``(n, r)`` of native vectors; rows of absent items mean nothing."""
        found = hidden(pairs, self.layers) if self.layers else pairs
        return {m: (x - self.means[m]) @ self.whiteners[m] for m, x in found.vectors.items()}

    def heads(self, changes: Mapping[str, F64] | None) -> dict[str, Head]:
        """The heads, with what training added to the weights."""
        heads: dict[str, Head] = {}
        for m, start in self.weights.items():
            weight = self.whiteners[m] @ (start if changes is None else start + changes[m])
            if self.layers:
                heads[m] = self.layers[m].head(self.means[m], weight)
            else:
                heads[m] = LinearHead(self.means[m], weight)
        return heads


class _Contrast(Trainee):
    """The changes of the weights, and the loss that they are to lower."""

    def __init__(self, start: _Start, of: Contrastive, held: PairedVectors | None = None) -> None:
        torch = self.torch = require("torch", extra="learned", purpose="the contrastive aligner")
        self.of = of
        self.loss: Loss = parse_loss(of.loss)
        self.names = tuple(start.weights)
        self.weights = {m: torch.tensor(w, dtype=torch.float32) for m, w in start.weights.items()}
        self.x = self._tensors(start.whitened(start.native))
        self.present = {m: torch.tensor(mask) for m, mask in start.present.items()}
        self.rows = torch.tensor(_paired_rows(start.native))
        self.d = {m: torch.zeros_like(w, requires_grad=True) for m, w in self.weights.items()}
        self.knobs = torch.zeros(2, requires_grad=True)
        self.held = {} if held is None else self._tensors(start.whitened(held))
        self.held_present = {} if held is None else dict(held.present)

    def _tensors(self, arrays: Mapping[str, F64]) -> dict[str, Tensor]:
        torch = self.torch
        return {m: torch.tensor(x, dtype=torch.float32) for m, x in arrays.items()}

    def phases(self) -> Sequence[Phase]:
        return [Phase("contrast", {**self.d, "knobs": self.knobs}, self._loss)]

    def changes(self) -> dict[str, F64]:
        """What was added to the weights, ``(r, k)`` by view."""
        return {m: d.detach().numpy().astype(np.float64) for m, d in self.d.items()}

    def _unit(self, m: str, x: Tensor) -> Tensor:
        product = x @ (self.weights[m] + self.d[m])
        return self.torch.nn.functional.normalize(product, dim=1)

    def _loss(self, batch: Tensor, generator: Generator) -> Tensor:
        rows = self.rows[batch]
        gain = _KNOB_STEP / self.of.learning_rate  # a step of Adam is the learning rate
        scale = self.torch.exp(gain * self.knobs[0]) / self.of.temperature
        bias = _SIGLIP_BIAS + gain * self.knobs[1]
        total = self.of.pull * sum(d.square().sum() for d in self.d.values())
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
        if self.of.mixup:
            # torch draws no Beta variates from a generator of one's own; its number seeds one.
            seed = int(torch.randint(2**62, (1,), generator=generator))
            share = np.random.default_rng(seed).beta(self.of.mixup, self.of.mixup, size=(n, 1))
            part = torch.tensor(share, dtype=torch.float32)
            other = torch.randperm(n, generator=generator)
            sides = [part * x + (1 - part) * x[other] for x in sides]
        if self.of.dropout:
            keep = 1 - self.of.dropout
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


def _reciprocal_rank(scores: Tensor) -> float:
    """Mean reciprocal rank of the diagonal; ties get the mean of their places."""
    true = scores.diagonal()[:, None]
    rank = (scores > true).sum(dim=1) + ((scores == true).sum(dim=1) + 1) / 2
    return float((1 / rank).mean())


def _paired_rows(pairs: PairedVectors) -> NDArray[np.intp]:
    """Rows with at least two views."""
    return np.flatnonzero(np.sum([pairs.present[m] for m in pairs.views], axis=0) > 1)


def _check_ranges(*, below: float = math.inf, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and 0 <= value < below):
            limit = "" if below == math.inf else f" and be below {below:g}"
            raise InputError(f"{name} must not be negative{limit}, got {value}")
