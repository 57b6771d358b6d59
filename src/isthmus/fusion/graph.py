"""Propagation over the joint graph of nearest records, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Search
from isthmus.core.document import from_document
from isthmus.core.errors import InputError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, need, split_names
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.closed.learners import Learner
from isthmus.fusion.inner import Labels
from isthmus.fusion.learned.readings import Reader, Readings, read
from isthmus.fusion.loss import mean_loss, scale_of
from isthmus.fusion.neighbourhood import Bank, Near, bank_tensors, banks_from
from isthmus.fusion.target import Kind, Target
from isthmus.graph.propagate import check_count

_RESTARTS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""What a record may keep of late fusion, the most first: with equal loss the graph is not used."""
_LEAST = 1e-6
"""Of a probability, before its logarithm is taken."""


@dataclass(frozen=True)
class _Document:
    reader: object
    restart: float
    factor: float


class GraphSmooth(Fusion):
    """Late fusion, and what is known of the nearest records in every view.

    A new record joins the joint graph by its ``k`` nearest training records in each view that it
    has. Its probabilities are ``restart · late + (1 − restart) · mean_v Σ_j w_vj y_j``, where
    ``y_j`` is the target of a neighbour, itself smoothed over the same graph by all hops but the
    last. How much is kept is chosen by the loss of training records, each as a new one: without
    its fold in late fusion and in the graph. If no graph lowers it, all is kept.

    Args:
        k: Neighbours in each view.
        gamma: Exponent of their cosines.
        hops: How far targets travel.
        restart: What a record keeps of late fusion, in (0, 1]; None lets held-out records choose.
        learner: Of late fusion.
        scale: Of late fusion.
        folds: Into how many the records are dealt.
        seed: Of the deal.

    Attributes:
        restart_: What is kept.

    References:
        Zhou et al., "Learning with local and global consistency", 2004; Huang et al., "Combining
        label propagation and simple models out-performs graph neural networks", ICLR 2021.
    """

    name = "graph-smooth"
    search = Search(place=100, grid=({}, {"k": 10}, {"k": 20}, {"hops": 2}), cost=0.5)
    restart_: float

    def __init__(
        self,
        k: int = 5,
        gamma: float = 3.0,
        *,
        hops: int = 1,
        restart: float | None = None,
        learner: Learner | None = None,
        scale: bool | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        if restart is not None and not 0 < restart <= 1:
            raise InputError(f"restart must be in (0, 1], got {restart}")
        self.k, self.gamma = check_count(k, "k"), check_positive(gamma, "gamma")
        self.hops, self.restart = check_count(hops, "hops"), restart
        self.learner = learner
        self.scale, self.folds, self.seed = scale, folds, seed

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        late = {"learner": self.learner, "scale": self.scale}
        found = read(rows, target, memo, late=late, components=1, folds=self.folds, seed=self.seed)
        self._reader = found.reader
        self._banks = {view: Bank.of(rows, view) for view in rows.views}
        near = [
            bank.look_among(rows, view, self.k, self.gamma, found.labels)
            for view, bank in self._banks.items()
        ]
        says = probable(late_scores(found.readings), target.kind)
        asked = _RESTARTS if self.restart is None else (self.restart,)
        best = np.inf
        for restart in asked:
            probabilities = self._as_new(says, near, target.matrix, restart, found.labels)
            mixed = scored(probabilities, target.kind)
            factor = scale_of(mixed, target)
            loss = mean_loss(factor * mixed, target)
            if loss < best:
                best, self.restart_, self._factor = loss, restart, factor
        self._states = smoothed(near, target.matrix, self.restart_, self.hops - 1)

    def _as_new(
        self, says: F64, near: Sequence[Near], known: F64, restart: float, labels: Labels
    ) -> F64:
        """Probabilities of training records, each told by records that have not heard of it."""
        mixed = np.empty_like(says)
        for fold in range(int(labels.max()) + 1):
            own = labels == fold
            others = [one.among(~own) for one in near]
            states = smoothed(others, known, restart, self.hops - 1)
            mixed[own] = self._mixed(says[own], [one.take(own) for one in near], states, restart)
        return mixed

    def _mixed(self, late: F64, near: Sequence[Near], states: F64, restart: float) -> F64:
        """Probabilities of late fusion and of neighbours; those without a neighbour keep all."""
        reached = np.stack([one.weight.sum(axis=1) for one in near])
        views = reached.sum(axis=0)[:, None]
        mean = sum(one.mean(states) for one in near) / np.where(views > 0, views, 1)
        share = np.where(views > 0, 1 - restart, 0.0)
        mixed: F64 = (1 - share) * late + share * mean
        return mixed

    def _scores(self, rows: PairedVectors) -> F64:
        late = probable(late_scores(self._reader.read(rows)), self.target_.kind)
        near = [bank.look(rows, view, self.k, self.gamma) for view, bank in self._banks.items()]
        mixed = self._mixed(late, near, self._states, self.restart_)
        return self._factor * scored(mixed, self.target_.kind)

    def state(self) -> State:
        """Late fusion, the training records, and what is known of them."""
        document, tensors = self._reader.state()
        tensors |= {"states": self._states, **bank_tensors(self._banks)}
        return {"reader": document, "restart": self.restart_, "factor": self._factor}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        read = from_document(_Document, dict(document), self.name)
        groups = split_names(tensors)
        arrays = exact(groups.pop("states", {}), {"w": self.target_.width}, **{"": "mw"})
        self._states = arrays[""]
        banks = groups.pop("bank", {})
        self._reader = Reader.from_state(read.reader, groups, self)
        self._banks = banks_from(banks, self.views_, len(self._states))
        need(0 <= read.restart <= 1, f"restart must be 0 to 1, got {read.restart:g}")
        self.restart_, self._factor = read.restart, read.factor


def late_scores(readings: Readings) -> F64:
    """Scores of late fusion, ``(n, width)``."""
    scores: F64 = readings.rest + readings.late
    return scores


def smoothed(near: Sequence[Near], known: F64, restart: float, hops: int) -> F64:
    """``Y ← (1 − restart) · mean_v W_v Y + restart · Y₀``, some times.

    Args:
        near: Of the training records, each among others, by view.
        known: ``Y₀``, ``(n, w)``.
        restart: In 0…1.
        hops: How often.
    """
    views = np.sum([one.weight.sum(axis=1) for one in near], axis=0)[:, None]
    share = np.where(views > 0, 1 - restart, 0.0)
    state = known
    for _ in range(hops):
        mean = sum(one.mean(state) for one in near) / np.where(views > 0, views, 1)
        state = (1 - share) * known + share * mean
    return state


def probable(scores: F64, kind: Kind) -> F64:
    """Probabilities of classes, labels or boundaries; other scores as they are."""
    if kind == "classes":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    if kind in ("labels", "grades"):
        return np.asarray((1 + np.tanh(scores / 2)) / 2)
    return scores


def scored(probabilities: F64, kind: Kind) -> F64:
    """The scores that :func:`probable` would make these probabilities of."""
    if kind == "classes":
        return np.asarray(np.log(np.maximum(probabilities, _LEAST)))
    if kind in ("labels", "grades"):
        p = np.clip(probabilities, _LEAST, 1 - _LEAST)
        return np.asarray(np.log(p / (1 - p)))
    return probabilities
