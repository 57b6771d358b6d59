"""Ways to start a new task from what was learned for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from isthmus.core.linalg import F64, l2_normalize, singular_vectors
from isthmus.prompts.methods import Params
from isthmus.prompts.support import Support, softmax
from isthmus.prompts.transfer.library import Source

_ATTENTION = 10.0
"""Inverse temperature of cosines between class texts: as the ``γ`` of label propagation here."""
_RIDGE = 1.0
"""Of mixture shares, in squared lengths of one shot's displacement."""
_AMOUNTS = (0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Started:
    """A task as it starts.

    Attributes:
        support: Words, moved, and shots.
        weights: By source, how much it says.
    """

    support: Support
    weights: dict[str, float]


class Start(Protocol):
    """A way to start.

    Attributes:
        name: Its short id.
        paper: Where it comes from.
        grid: Hyper-parameters that are tried.
    """

    name: str
    paper: str
    grid: tuple[Params, ...]

    def begin(self, support: Support, sources: Sequence[Source], params: Params) -> Started:
        """Start a task.

        Args:
            support: Words and shots of the task.
            sources: One at least, all of the space of the task.
            params: One point of the grid.
        """
        ...


class Plain:
    """Nothing is transferred: what every other start is judged against."""

    name = "none"
    paper = "no transfer"
    grid: tuple[Params, ...] = ({},)

    def begin(self, support: Support, sources: Sequence[Source], params: Params) -> Started:
        """The task as it is."""
        return Started(support, {})


class Nearest:
    """``t_k + a·Δ_j`` with ``j`` the source class whose text is nearest to that of class ``k``."""

    name = "nearest"
    paper = "Vu et al., SPoT: better frozen model adaptation through soft prompt transfer, 2022"
    grid: tuple[Params, ...] = tuple({"amount": a} for a in _AMOUNTS)

    def begin(self, support: Support, sources: Sequence[Source], params: Params) -> Started:
        """The displacement of one class for each."""
        texts = np.vstack([each.words for each in sources])
        near = (support.words @ texts.T).argmax(axis=1)
        step = np.vstack([each.displacements for each in sources])[near]
        owner = np.repeat(np.arange(len(sources)), [len(each.classes) for each in sources])[near]
        share = np.bincount(owner, minlength=len(sources)) / len(near)
        return _displaced(support, params["amount"] * step, sources, share)


class Mixture:
    """``t_k + a·Σ_j π_j Δ_j(k)``, shares ``π`` by ridge on the shots, none negative.

    ``Δ_j(k)`` is the mean displacement of the classes of source ``j``, weighted by a softmax of
    their texts' cosines to that of class ``k``. The shares are those that come nearest to how the
    shots lie off their words; the gap that all classes share says nothing and is taken out.
    """

    name = "mixture"
    paper = "Asai et al., ATTEMPT, 2022, without attention networks"
    grid: tuple[Params, ...] = tuple({"amount": a} for a in _AMOUNTS)

    def begin(self, support: Support, sources: Sequence[Source], params: Params) -> Started:
        """The displacement that all sources say together."""
        said = np.stack([attended(support.words, each) for each in sources])
        share = shares(support, said)
        step = params["amount"] * np.tensordot(share, said, axes=1)
        return _displaced(support, step, sources, share)


class RankOne:
    """``t_k + a·(P + u_k v)``: a prompt that all classes share and one direction.

    ``P`` is the mean displacement of all source classes, ``v`` the first direction in which they
    differ from it, and ``u_k`` the mean of theirs, weighted as in :class:`Mixture`.
    """

    name = "rank-one"
    paper = "Wang et al., Multitask prompt tuning, 2023"
    grid: tuple[Params, ...] = tuple({"amount": a} for a in _AMOUNTS)

    def begin(self, support: Support, sources: Sequence[Source], params: Params) -> Started:
        """Shared part and one direction."""
        steps = np.vstack([each.displacements for each in sources])
        texts = np.vstack([each.words for each in sources])
        shared = steps.mean(axis=0)
        along = singular_vectors(steps - shared)[2][:, 0]
        own = (steps - shared) @ along
        amount = softmax(_ATTENTION * (support.words @ texts.T)) @ own
        sizes = np.array([len(each.classes) for each in sources], dtype=np.float64)
        step = params["amount"] * (shared + np.outer(amount, along))
        return _displaced(support, step, sources, sizes / sizes.sum())


STARTS: tuple[Start, ...] = (Plain(), Nearest(), Mixture(), RankOne())
"""The first is what the others are judged against."""


def attended(texts: F64, source: Source) -> F64:
    """``(K, d)``: what a source says of classes with these texts ``(K, d)``."""
    weights = softmax(_ATTENTION * (texts @ source.words.T))
    step: F64 = weights @ source.displacements
    return step


def shares(support: Support, said: F64) -> F64:
    """``(J,)`` shares ``π ≥ 0`` of sources, of whose displacements the shots' are made up.

    ``min_π Σ_i ‖(x_i − t_y(i)) − Σ_j π_j Δ_j(y(i))‖² / N + λ‖π − 1/J‖²`` after the mean over shots
    is taken out of both; solved as non-negative least squares.

    Args:
        support: Words and shots; without shots the shares are equal.
        said: ``(J, K, d)``.
    """
    from scipy.optimize import nnls

    equal = np.full(len(said), 1 / len(said))
    used = support.worded[support.labels]
    if not used.any():
        return equal
    labels = support.labels[used]
    apart = support.items[used] - support.words[labels]
    parts = said[:, labels]
    apart = (apart - apart.mean(axis=0)).ravel()
    parts = (parts - parts.mean(axis=1, keepdims=True)).reshape(len(said), -1)
    weight = np.sqrt(len(labels))
    ridge = np.sqrt(_RIDGE) * np.eye(len(said))
    left = np.vstack([parts.T / weight, ridge])
    found = nnls(left, np.concatenate([apart / weight, ridge @ equal]))[0]
    return np.asarray(found, dtype=np.float64)


def _displaced(support: Support, step: F64, sources: Sequence[Source], share: F64) -> Started:
    moved = np.where(support.worded[:, None], l2_normalize(support.words + step), 0.0)
    return Started(replace(support, words=moved), _by_name(sources, share))


def _by_name(sources: Sequence[Source], share: F64) -> dict[str, float]:
    return {each.name: float(part) for each, part in zip(sources, share, strict=True)}
