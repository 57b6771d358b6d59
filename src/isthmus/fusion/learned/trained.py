"""What all trained fusions share: where they start, how long they train, how they are applied."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Condition, Related
from isthmus.core.document import from_document
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need, split_names
from isthmus.fusion.augment import augmented, check_augment
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.closed.learners import Learner
from isthmus.fusion.inner import Labels
from isthmus.fusion.learned.readings import Read, Reader, Readings, read
from isthmus.fusion.learned.trainee import Bout, FusionTrainee
from isthmus.fusion.shapley import Shares
from isthmus.fusion.target import Target
from isthmus.training import Log, Schedule, train

WORTH_TRAINING = Condition(
    "a trained fusion needs 100 records to hold some out inside the fit", records=100
)
STARTS = (Related("late", taken=("learner", "scale")),)
"""Trained from late fusion, with its hyper-parameters."""
_ENOUGH_HELD = 500
"""Held-out records by which epochs are compared: a log loss then has a standard error of about
.03. More folds are trained until there are as many."""
_BATCH = 256

Weights = Mapping[str, Any]
"""Arrays of numpy or tensors of torch by name."""


@dataclass(frozen=True)
class _Document:
    reader: object
    epochs: int


class Trained(Fusion):
    """A fusion that starts at the mean of what the views' own predictors say, and is trained.

    It reads each view by :class:`isthmus.fusion.learned.readings.Reader`: what the view's
    predictor says, for training records one fitted without their fold, and the view's whitened
    components. For as many epochs as lower the loss of held-out records most it learns to join
    these readings; if training never lowers it, it stays late fusion. Views are left out at random
    in training (modality dropout; Neverova et al., "ModDrop", 2016), so that it can do without.
    It is applied with numpy alone.

    Args:
        dropout: Share of the views left out in training; one always stays.
        components: At most so many of each view.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, towards the start.
        epochs: At most so many.
        patience: Epochs without gain after which the search for their number stops.
        learner: Of late fusion, which it starts from.
        scale: Of late fusion.
        folds: Into how many the records are dealt.
        augment: What is added to the records, see :func:`isthmus.fusion.augment.augmented`.
        seed: Of everything that is drawn.

    Attributes:
        epochs_: For how many it was trained; 0 where the closed form was kept.
        logs_: Of the trainings that were held out from, to find that number.
    """

    epochs_: int
    logs_: list[Log]

    def __init__(
        self,
        dropout: float = 0.25,
        components: int = 32,
        *,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
        epochs: int = 60,
        patience: int = 10,
        learner: Learner | None = None,
        scale: bool | None = None,
        folds: int = 5,
        augment: str = "",
        seed: int = 0,
    ) -> None:
        if not 0 <= dropout < 1:
            raise InputError(f"dropout must be in [0, 1), got {dropout}")
        if components < 1 or folds < 2:
            raise InputError(
                f"components must be at least 1 and folds 2, got {components} and {folds}"
            )
        self.dropout, self.components = dropout, components
        self.learning_rate = check_positive(learning_rate, "learning_rate")
        self.weight_decay, self.epochs, self.patience = weight_decay, epochs, patience
        self.learner = learner
        self.scale, self.folds, self.seed = scale, folds, seed
        self.augment = check_augment(augment)
        self._schedule(epochs, patience)

    @abstractmethod
    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """Where training starts, with which it is the mean of what the views say.

        Args:
            sizes: Columns of the readings of each view.
            width: Columns of the scores.
        """

    def join_views(self, xp: Any, weights: Weights, readings: Readings) -> list[Any]:
        """What each view adds to the scores, ``(n, width)`` each; zeros where it is missing."""
        raise NotImplementedError

    def join(self, xp: Any, weights: Weights, readings: Readings) -> Any:
        """What all views add to the scores, ``(n, width)``.

        Args:
            xp: The module ``numpy`` or ``torch``; readings and weights are of its kind.
            weights: By name.
            readings: Of ``n`` records.
        """
        return xp.stack(self.join_views(xp, weights, readings), axis=0).sum(axis=0)

    def trainee(self, bout: Bout) -> FusionTrainee:
        """What is trained; adversaries bring one of their own."""
        return FusionTrainee(self, bout)

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        if self.augment:
            rows, target = augmented(rows, target, self.augment, seed=self.seed)
            memo = Memo()
        found = read(
            rows,
            target,
            memo,
            late={"learner": self.learner, "scale": self.scale},
            components=self.components,
            folds=self.folds,
            seed=self.seed,
        )
        self._reader = found.reader
        readings = self.readings_to_learn(found, rows, target)
        sizes = [hidden.shape[1] for hidden in readings.hidden]
        start = self.start_weights(sizes, target.width)
        whole = Bout(readings, target, start, np.arange(len(target)))
        self.logs_ = self._tried(whole, found.labels)
        self.epochs_ = best_epoch(self.logs_)
        self._weights = start
        if self.epochs_:
            trainee = self.trainee(whole)
            train(trainee, len(target), self._schedule(self.epochs_, None))
            self._weights = trainee.weights()

    def readings_to_learn(self, found: Read, rows: PairedVectors, target: Target) -> Readings:
        """What is learned from: readings of the training records as if they were new."""
        return found.readings

    def readings_of(self, rows: PairedVectors) -> Readings:
        """What is read of new records."""
        return self._reader.read(rows)

    def _tried(self, whole: Bout, labels: Labels) -> list[Log]:
        """Trainings on all folds but one, each judged on that one."""
        logs, held = [], 0
        for fold in range(int(labels.max()) + 1):
            if held >= _ENOUGH_HELD:
                break
            learn, judge = np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)
            trainee = self.trainee(replace(whole, learn=learn, judge=judge))
            logs.append(train(trainee, len(learn), self._schedule(self.epochs, self.patience)))
            held += len(judge)
        return logs

    def _schedule(self, epochs: int, patience: int | None) -> Schedule:
        return Schedule(
            epochs=epochs,
            batch_size=_BATCH,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=patience,
            seed=self.seed,
        )

    def _scores(self, rows: PairedVectors) -> F64:
        readings = self.readings_of(rows)
        joined: F64 = self.join(np, self._weights, readings)
        scores: F64 = readings.rest + joined
        return scores

    def state(self) -> State:
        """The reader, the weights, and the number of epochs."""
        document, tensors = self._reader.state()
        tensors |= {f"weight.{name}": value for name, value in self._weights.items()}
        return {"reader": document, "epochs": self.epochs_}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        read = from_document(_Document, dict(document), self.name)
        groups = split_names(tensors)
        weights = groups.pop("weight", {})
        self._reader = Reader.from_state(read.reader, groups, self)
        self.epochs_, self.logs_ = read.epochs, []
        width = self.target_.width
        start = self.start_weights([width + m.shape[1] for m in self._reader.maps], width)
        need(set(weights) == set(start), f"need the weights {', '.join(start)}")
        self._weights = {}
        for name, value in start.items():
            need(weights[name].shape == value.shape, f"{name}: need the shape {value.shape}")
            axes = "abcd"[: value.ndim].upper()
            self._weights |= exact({name: weights[name]}, **{name: axes})


class Split(Trained):
    """A trained fusion whose scores are a sum over views, given the readings of the record."""

    def _shares(self, rows: PairedVectors) -> Shares:
        readings = self.readings_of(rows)
        parts = self.join_views(np, self._weights, readings)
        return Shares(dict(zip(rows.views, parts, strict=True)), readings.rest)


def best_epoch(logs: Sequence[Log]) -> int:
    """After how many epochs the mean score of several trainings is best; 0 is the start.

    A training that was stopped counts with its last score from then on.
    """
    length = max((len(log.scores) for log in logs), default=1)
    curves = np.full((len(logs), length), -np.inf)
    for curve, log in zip(curves, logs, strict=True):
        scores = np.array([score for _, score in log.scores])
        curve[: len(scores)] = scores
        curve[len(scores) :] = scores[-1]
    return int(np.nan_to_num(curves.mean(axis=0), nan=-np.inf).argmax())


def near_identity(size: int, width: int) -> F64:
    """``(size, width)``: hands on what a view says, and nothing of where it lies."""
    return np.eye(size, width)
