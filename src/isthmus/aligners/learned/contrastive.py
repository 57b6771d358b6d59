"""Contrastive heads: the closed form, and what gradients add to it on held-out pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isthmus.aligners.base import Aligner
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.kernel import KernelCCA, in_canonical_order
from isthmus.aligners.learned.contrast import Contrast, Terms, paired_rows
from isthmus.aligners.learned.start import Kind, Start, StartPlan
from isthmus.aligners.traits import PLAIN_CCA, Abilities, Condition, Related, Search
from isthmus.core.artifact import fingerprint
from isthmus.core.contracts import Progress
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.linalg import Array
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.training import Checkpoint, Log, Schedule, parse_loss, train

_WORTH_TRAINING = Condition(
    "trained heads are tried from 4,000 records on; with fewer they were never clearly better "
    "than the closed form that they start from",
    records=4000,
)
"""With 540 pairs, training added less than .005 MRR to what it started from (docs/choosing.md).
With 1,000 pairs of Open Clip Art, one fold of each of four deals gave ensembles of closed forms
.339 MRR and trained heads .335; with 3,000 pairs, one fold gave a kernel CCA of 2,500 centres .306
and trained heads .285, which took 20 s of a core, five times as long as other candidates."""
_MIN_HELD = 10
"""With fewer held-out pairs no difference can be told; nothing is trained then."""


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
        *,
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
        plan = StartPlan(self.head, self.ridge, self.power, self.warm_start, self.seed)
        with threadpool_limits(1):
            start = Start(pairs, plan)
            learn, held = self._split(pairs)
            if len(held) < _MIN_HELD:
                reason = f"{len(held)} pairs to hold out, need {_MIN_HELD} to tell a difference"
                return self._finish(start, None, Training(start.name, reason))
            try:
                part = Start(pairs.take(learn), plan)
            except (DataError, NoSignalError) as error:
                return self._finish(start, None, Training(start.name, f"without them: {error}"))
            choice = self._train(part, "choice", self._schedule(), pairs.take(held))
            if choice.best_epoch == 0:
                reason = "no epoch found more held-out partners than the start"
                return self._finish(start, None, Training(start.name, reason, choice))
            schedule = replace(self._schedule(), epochs=choice.best_epoch, patience=None)
            trainee = Contrast(start, self._terms())
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

    def _train(self, start: Start, name: str, schedule: Schedule, held: PairedVectors) -> Log:
        trainee = Contrast(start, self._terms(), held)
        return train(
            trainee,
            len(trainee.rows),
            schedule,
            checkpoint=self._checkpoint(name, start.native),
            progress=self.progress,
        )

    def _finish(self, start: Start, trainee: Contrast | None, log: Training) -> Self:
        self.heads_ = start.heads(trainee.changes() if trainee is not None else None)
        self.log_ = log
        return self

    def _terms(self) -> Terms:
        return Terms(
            loss=self.loss,
            pull=self.pull,
            mixup=self.mixup,
            dropout=self.dropout,
            temperature=self.temperature,
            learning_rate=self.learning_rate,
        )

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
        paired = paired_rows(pairs)
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


def _check_ranges(*, below: float = math.inf, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and 0 <= value < below):
            limit = "" if below == math.inf else f" and be below {below:g}"
            raise InputError(f"{name} must not be negative{limit}, got {value}")
