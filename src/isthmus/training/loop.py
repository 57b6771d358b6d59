"""The one training loop: AdamW, early stopping on held-out rows, checkpoints that survive kills."""
# This is own code because trainers such as Lightning write checkpoints with pickle.

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

__all__ = ["Checkpoint", "Log", "Phase", "Schedule", "Trainee", "single_threaded", "train"]


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


def train(
    trainee: Trainee,
    rows: int,
    schedule: Schedule,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    time_limit: float | None = None,
) -> Log:
    """Train, and leave the best weights in the tensors of the trainee's phases.

    On one machine the same trainee, rows and schedule give the same bits, whether or not
    training was interrupted and resumed: it runs on one thread, draws from a generator of its
    own and leaves the global one alone.

    Args:
        trainee: What to train.
        rows: How many rows there are to learn from.
        schedule: How.
        checkpoint: Where to go on from and to write to; a training that was finished there is
            not repeated.
        progress: Told ``("train", epochs done, epochs)``.
        time_limit: Seconds after which training stops with what it has; results then depend
            on the machine. A checkpoint is left from which the next call goes on.

    Returns:
        What happened.

    Raises:
        FingerprintError: If the checkpoint is of other data, another model or schedule.
        ArtifactError: If the checkpoint cannot be read or written.
        MissingExtraError: If torch is not installed.
    """
    with single_threaded():
        run = _Run(trainee, rows, schedule, checkpoint)
        run.resume()
        run.go(progress, math.inf if time_limit is None else time.monotonic() + time_limit)
        run.leave_best()
    return run.log


_threads_lock = Lock()
_threads: list[int] = []


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let torch use one thread, so that sums are always taken in the same order.

    torch counts per thread of Python, and a new one starts with the number that was set last;
    so whoever enters while others are inside leaves the number that the first one found.
    """
    torch = _torch()
    with _threads_lock:
        _threads.append(_threads[0] if _threads else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _threads_lock:
            torch.set_num_threads(_threads.pop())


class _Run:
    """A training in progress: all that a checkpoint holds, and the loop."""

    def __init__(
        self, trainee: Trainee, rows: int, schedule: Schedule, checkpoint: Checkpoint | None
    ) -> None:
        torch = _torch()
        if rows < 1:
            raise InputError("there are no rows to learn from")
        self.trainee, self.rows, self.schedule, self.checkpoint = (
            trainee,
            rows,
            schedule,
            checkpoint,
        )
        self.phases = list(trainee.phases())
        self.optimisers = [
            torch.optim.AdamW(
                list(phase.parameters.values()),
                lr=schedule.learning_rate * phase.rate,
                weight_decay=schedule.weight_decay,
            )
            for phase in self.phases
        ]
        self.parameters = {
            f"{phase.name}.{name}": tensor
            for phase in self.phases
            for name, tensor in phase.parameters.items()
        }
        self.best = {name: tensor.detach().clone() for name, tensor in self.parameters.items()}
        self.generator = torch.Generator().manual_seed(schedule.seed)
        self.order = torch.zeros(0, dtype=torch.int64)
        self.epoch = self.step = 0
        self.sums = dict.fromkeys((phase.name for phase in self.phases), 0.0)
        self.log = Log()
        self.saved_at = time.monotonic()

    def go(self, progress: Progress | None, deadline: float) -> None:
        """Train until there is a reason to stop."""
        if self.finished():
            return
        if not self.log.scores:
            self._check()
        while not self.finished():
            if progress is not None:
                progress("train", self.epoch, self.schedule.epochs)
            self._one_epoch(deadline)
        if progress is not None:
            progress("train", self.schedule.epochs, self.schedule.epochs)
        self.save()

    def finished(self) -> bool:
        """Whether there was a reason to stop."""
        return bool(self.log.stopped)

    def _one_epoch(self, deadline: float) -> None:
        torch = _torch()
        if not len(self.order):
            self.trainee.start_epoch(self.epoch)
            self.order = torch.randperm(self.rows, generator=self.generator)
        batches = torch.tensor_split(self.order, math.ceil(self.rows / self.schedule.batch_size))
        for batch in batches[self.step :]:
            if time.monotonic() >= deadline:
                self.log.stopped = "time"
                return
            if not self._one_step(batch):
                self.log.stopped = "diverged"
                return
            self.step += 1
            self._save_now_and_then()
        self.log.losses.append({name: total / len(batches) for name, total in self.sums.items()})
        self.sums = dict.fromkeys(self.sums, 0.0)
        self.order, self.step = self.order[:0], 0
        self.epoch += 1
        self._judge()

    def _one_step(self, batch: Tensor) -> bool:
        torch = _torch()
        for phase, optimiser in zip(self.phases, self.optimisers, strict=True):
            loss = phase.loss(batch, self.generator)
            if not torch.isfinite(loss):
                return False
            own = list(phase.parameters.values())
            for tensor, slope in zip(
                own, torch.autograd.grad(loss, own, allow_unused=True), strict=True
            ):
                tensor.grad = slope
            optimiser.step()
            self.sums[phase.name] += float(loss.detach())
        return True

    def _judge(self) -> None:
        """After an epoch: check on held-out rows, and see whether it is enough."""
        plan = self.schedule
        last = self.epoch >= plan.epochs
        if last or self.epoch % plan.check_every == 0:
            self._check()
        stale = [epoch for epoch, _ in self.log.scores if epoch > self.log.best_epoch]
        if plan.patience is not None and len(stale) >= plan.patience:
            self.log.stopped = "patience"
        elif last:
            self.log.stopped = "epochs"

    def _check(self) -> None:
        torch = _torch()
        if self.schedule.patience is None:
            self.log.best_epoch = self.epoch
            return
        with torch.no_grad():
            score = float(self.trainee.validate())
        before = self.log.best_score if self.log.scores else -math.inf
        self.log.scores.append((self.epoch, score))
        if score > before or (math.isnan(before) and not math.isnan(score)):
            self.log.best_epoch = self.epoch
            self.best = {name: tensor.detach().clone() for name, tensor in self.parameters.items()}

    def leave_best(self) -> None:
        """Put the best weights back, unless none were ever compared."""
        if self.schedule.patience is None:
            return
        with _torch().no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(self.best[name])

    def _save_now_and_then(self) -> None:
        point = self.checkpoint
        if point is not None and time.monotonic() - self.saved_at >= point.seconds:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.checkpoint is None:
            return
        # Running out of time is no property of the result: the next call may go on.
        stopped = "" if self.log.stopped == "time" else self.log.stopped
        document = {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "scores": [[epoch, _jsonable(score)] for epoch, score in self.log.scores],
            "losses": self.log.losses,
            "best_epoch": self.log.best_epoch,
            "stopped": stopped,
        }
        arrays = {name: tensor.detach().numpy() for name, tensor in self._tensors().items()}
        self.checkpoint.write(self._identity(), document, arrays)
        self.saved_at = time.monotonic()

    def _identity(self) -> dict[str, Any]:
        plan = {f"schedule.{name}": value for name, value in asdict(self.schedule).items()}
        return {**plan, "rows": self.rows}

    def _tensors(self) -> dict[str, Tensor]:
        found = {"generator": self.generator.get_state(), "order": self.order}
        found |= {f"now.{name}": tensor for name, tensor in self.parameters.items()}
        found |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        found |= {f"state.{name}": tensor for name, tensor in self.trainee.state().items()}
        for number, optimiser in enumerate(self.optimisers):
            for index, slots in optimiser.state_dict()["state"].items():
                found |= {f"adam.{number}.{index}.{key}": slots[key] for key in slots}
        return found

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.checkpoint is None:
            return
        found = self.checkpoint.read(self._identity())
        if found is not None:
            self._take(*found)

    def _take(self, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        torch = _torch()
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        self.epoch, self.step, self.sums = document["epoch"], document["step"], document["sums"]
        self.log = Log(
            [(epoch, math.nan if s is None else s) for epoch, s in document["scores"]],
            document["losses"],
            document["best_epoch"],
            document["stopped"],
        )
        self.generator.set_state(tensors["generator"])
        self.order = tensors["order"]
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(tensors[f"now.{name}"])
        self.best = _under("best.", tensors)
        self.trainee.load_state(_under("state.", tensors))
        for number, optimiser in enumerate(self.optimisers):
            slots: dict[int, dict[str, Tensor]] = {}
            for key, tensor in _under(f"adam.{number}.", tensors).items():
                index, _, slot = key.partition(".")
                slots.setdefault(int(index), {})[slot] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": slots})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _jsonable(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _torch() -> Any:
    return require("torch", extra="learned", purpose="a learned aligner")
