"""Ensembles: fusions added up that together do best on records they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.document import from_document
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import need, split_names
from isthmus.fusion import FUSIONS, make
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.inner import cuts, out_of_fold
from isthmus.fusion.loss import mean_loss, scale_of
from isthmus.fusion.nested import Packed, pack, restored
from isthmus.fusion.shapley import Shares
from isthmus.fusion.target import Target


@dataclass(frozen=True)
class _Member(Packed):
    weight: float
    factor: float


@dataclass(frozen=True)
class _Document:
    members: tuple[_Member, ...]
    losses: Mapping[str, float]


class Ensemble(Fusion):
    """Greedy selection with replacement among fusions, by their scores of records held out.

    Each fusion is fitted without each fold; its scores of the records left out are scaled to the
    least loss. Starting from the one of least loss, the fusion is added, again and again, whose
    addition lowers the loss of the mean most, until none does. What was added ``c`` times out of
    ``r`` counts ``c/r``. Scores are logits, so their mean is that of log-probabilities.

    Args:
        members: Ids of the fusions; empty takes every one that is not trained.
        rounds: At most so many additions.
        folds: Into how many the records are dealt.
        seed: Of the deal.

    Attributes:
        weights_: How much each fusion counts, by id.
        losses_: Held-out loss of each member alone, by id.

    References:
        Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
    """

    name = "ensemble"
    holds_others = True
    # Not by steps, but every other fusion is fitted once a fold: its fit takes long and is kept.
    search = Search(place=250, cost=3.0, trained=True)
    weights_: dict[str, float]
    losses_: dict[str, float]

    def __init__(
        self, members: Sequence[str] = (), rounds: int = 20, *, folds: int = 5, seed: int = 0
    ) -> None:
        if rounds < 1 or folds < 2:
            raise InputError(f"rounds must be at least 1 and folds 2, got {rounds} and {folds}")
        self.members, self.rounds = tuple(members), rounds
        self.folds, self.seed = folds, seed

    def _fit(self, rows: PairedVectors, target: Target, memo: Memo) -> None:
        among = cuts(rows, target, memo, self.folds, self.seed)
        names = self.members or closed_members(target)
        held: dict[str, F64] = {}
        factors: dict[str, float] = {}
        for name in names:
            try:
                scores = out_of_fold(partial(make, name), rows, among)
            except DataError:  # it cannot learn from so little; others may
                continue
            factors[name] = scale_of(scores, target)
            held[name] = factors[name] * scores
        if not held:
            raise DataError(f"none of {', '.join(names)} could learn from these records")
        self.losses_ = {name: mean_loss(scores, target) for name, scores in held.items()}
        self.weights_ = greedy(held, target, self.rounds)
        self._factors = {name: factors[name] for name in self.weights_}
        self._fitted = {name: make(name).fit(rows, target, memo=memo) for name in self.weights_}

    def _scores(self, rows: PairedVectors) -> F64:
        total: F64 = np.zeros((len(rows), self.target_.width))
        for name, weight in self._counted():
            total = total + weight * self._fitted[name].scores(rows)
        return total

    def _counted(self) -> list[tuple[str, float]]:
        return [(name, w * self._factors[name]) for name, w in self.weights_.items()]

    def _shares(self, rows: PairedVectors) -> Shares:
        views = {v: np.zeros((len(rows), self.target_.width)) for v in rows.views}
        rest = np.zeros((len(rows), self.target_.width))
        for name, weight in self._counted():
            shares = self._fitted[name].shares(rows)
            rest += weight * shares.rest
            for view in views:
                views[view] += weight * shares.views[view]
        return Shares(views, rest)

    def state(self) -> State:
        """Every member that counts."""
        documents: list[dict[str, Any]] = []
        tensors: dict[str, Array] = {}
        for place, (name, fusion) in enumerate(self._fitted.items()):
            document, own = pack(fusion, f"{place}.")
            counted = {"weight": self.weights_[name], "factor": self._factors[name]}
            documents.append({**document, **counted})
            tensors |= own
        return {"members": documents, "losses": self.losses_}, tensors

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        read = from_document(_Document, dict(document), self.name)
        groups = split_names(tensors)
        self.losses_ = dict(read.losses)
        self.weights_, self._factors, self._fitted = {}, {}, {}
        for place, member in enumerate(read.members):
            name = member.fusion
            need(name not in self._fitted, f"the member {name!r:.60} is there twice")
            need(not FUSIONS.get(name).holds_others, f"{name} is no member of an ensemble")
            packed, own = Packed(name, member.params, member.state), groups.pop(str(place), {})
            self._fitted[name] = restored(packed, own, self.views_, self.target_)
            self.weights_[name], self._factors[name] = member.weight, member.factor
        need(not groups, "there are arrays of no member")


def closed_members(target: Target) -> tuple[str, ...]:
    """Ids of fusions that are not trained, hold no others, and learn this kind of target."""
    kinds = {name: FUSIONS.get(name) for name in FUSIONS.names()}
    return tuple(
        name
        for name, kind in kinds.items()
        if not kind.search.trained and not kind.holds_others and target.kind in kind.kinds
    )


def greedy(held: Mapping[str, F64], target: Target, rounds: int) -> dict[str, float]:
    """Weights that sum to 1 of those that were chosen; see :class:`Ensemble`.

    Args:
        held: By name, scores ``(n, width)`` of records that were held out.
        target: Of the same records.
        rounds: At most so many additions.
    """
    counts = dict.fromkeys(held, 0)
    total: F64 = np.zeros_like(next(iter(held.values())))
    best = np.inf
    for size in range(1, rounds + 1):
        losses = {n: mean_loss((total + s) / size, target) for n, s in held.items()}
        name = min(losses, key=lambda n: losses[n])
        if losses[name] >= best:
            break
        best, total = losses[name], total + held[name]
        counts[name] += 1
    added = sum(counts.values())
    return {name: count / added for name, count in counts.items() if count}
