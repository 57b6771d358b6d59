"""The one training loop: AdamW, early stopping on held-out rows, checkpoints that survive kills."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Literal, cast

from isthmus.core.artifact import Tensors
from isthmus.core.contracts import Progress
from isthmus.core.document import Json, from_document, to_object
from isthmus.core.errors import InputError, IntegrityError
from isthmus.core.extras import require
from isthmus.core.reading import reading
from isthmus.training.adamw import SLOTS, AdamW
from isthmus.training.checkpoint import Checkpoint
from isthmus.training.schedule import Log, Schedule
from isthmus.training.threads import single_threaded
from isthmus.training.trainee import Trainee

if TYPE_CHECKING:
    from torch import Tensor


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


_Stopped = Literal["", "epochs", "patience", "diverged"]


@dataclass(frozen=True)
class _Saved:
    """What of a training is saved as JSON; see :class:`Log` for the last four."""

    epoch: int
    step: int
    sums: Mapping[str, float]
    scores: tuple[tuple[int, float | None], ...]
    losses: tuple[Mapping[str, float], ...]
    best_epoch: int
    stopped: _Stopped


class _Run:
    """A training in progress: all that a checkpoint holds, and the loop."""

    def __init__(
        self, trainee: Trainee, rows: int, schedule: Schedule, checkpoint: Checkpoint | None
    ) -> None:
        torch = _torch()
        if rows < 1:
            raise InputError("there are no rows to train on; give at least one")
        self.trainee, self.rows = trainee, rows
        self.schedule, self.checkpoint = schedule, checkpoint
        self.phases = list(trainee.phases())
        self.optimisers = [
            AdamW(
                list(phase.parameters.values()),
                learning_rate=schedule.learning_rate * phase.rate,
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
        stopped = cast("_Stopped", "" if self.log.stopped == "time" else self.log.stopped)
        saved = _Saved(
            self.epoch,
            self.step,
            self.sums,
            tuple((epoch, _jsonable(score)) for epoch, score in self.log.scores),
            tuple(self.log.losses),
            self.log.best_epoch,
            stopped,
        )
        arrays = {name: tensor.detach().numpy() for name, tensor in self._tensors().items()}
        self.checkpoint.write(self._identity(), to_object(saved), arrays)
        self.saved_at = time.monotonic()

    def _identity(self) -> dict[str, object]:
        plan = {f"schedule.{name}": value for name, value in asdict(self.schedule).items()}
        return {**plan, "rows": self.rows}

    def _tensors(self) -> dict[str, Tensor]:
        found = {"generator": self.generator.get_state(), "order": self.order}
        found |= {f"now.{name}": tensor for name, tensor in self.parameters.items()}
        found |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        found |= {f"state.{name}": tensor for name, tensor in self.trainee.state().items()}
        for number, optimiser in enumerate(self.optimisers):
            for index, slots in optimiser.state.items():
                found |= {f"adam.{number}.{index}.{key}": slots[key] for key in slots}
        return found

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.checkpoint is None:
            return
        found = self.checkpoint.read(self._identity())
        if found is None:
            return
        document, arrays = found
        with reading(self.checkpoint.folder):
            saved = from_document(_Saved, cast("Json", document), "checkpoint")
            try:
                self._take(saved, arrays)
            except (LookupError, RuntimeError, TypeError, ValueError) as error:
                raise IntegrityError(
                    f"its tensors are not those of this training ({error}); delete it to begin anew"
                ) from error

    def _take(self, saved: _Saved, arrays: Tensors) -> None:
        torch = _torch()
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        if saved.sums.keys() != self.sums.keys():
            raise ValueError("it has other phases")
        self.epoch, self.step, self.sums = saved.epoch, saved.step, dict(saved.sums)
        self.log = Log(
            [(epoch, math.nan if s is None else s) for epoch, s in saved.scores],
            [dict(losses) for losses in saved.losses],
            saved.best_epoch,
            saved.stopped,
        )
        self.generator.set_state(tensors["generator"])
        self.order = tensors["order"]
        if len(self.order) and not torch.equal(self.order.sort()[0], torch.arange(self.rows)):
            raise ValueError("its order is not one of the rows")
        self.best = _under("best.", tensors)
        now = _under("now.", tensors)
        for name, tensor in self.parameters.items():
            for given in (now[name], self.best[name]):
                if (given.shape, given.dtype) != (tensor.shape, tensor.dtype):
                    raise ValueError(f"{name} is {tuple(given.shape)}")
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(now[name])
        self.trainee.load_state(_under("state.", tensors))
        for number, (phase, optimiser) in enumerate(zip(self.phases, self.optimisers, strict=True)):
            own = list(phase.parameters.values())
            slots = _slots(_under(f"adam.{number}.", tensors), own)
            optimiser.load(slots)


def _slots(tensors: Mapping[str, Tensor], own: list[Tensor]) -> dict[int, dict[str, Tensor]]:
    """The state of an optimiser, by number of its parameter."""
    slots: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, slot = key.partition(".")
        # The step is one number, which becomes an array (1,) when it is saved.
        fits = tensor.numel() == 1 if slot == "step" else tensor.shape == own[int(index)].shape
        if slot not in SLOTS or not fits:
            raise ValueError(f"the optimiser has no {key}")
        slots.setdefault(int(index), {})[slot] = tensor
    if any(found.keys() != set(SLOTS) for found in slots.values()):
        raise ValueError("the optimiser lacks a part")
    return slots


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _jsonable(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _torch() -> ModuleType:
    return require("torch", extra="learned", purpose="a learned aligner")
