"""Classes in a tree of folders: a probability at every level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64
from isthmus.prompts.support import log_softmax

SEPARATOR = "/"


@dataclass(frozen=True, eq=False)
class Level:
    """The nodes of a tree at one depth.

    Attributes:
        names: Of the nodes, ``L`` of them, such as ``animals`` or ``animals/birds``.
        member: ``(K,)``, the node that each class lies in; a class that ends above is one itself.
    """

    names: tuple[str, ...]
    member: NDArray[np.intp]

    def probabilities(self, leaves: F64) -> F64:
        """``(n, L)`` from the probabilities of classes ``(n, K)``: sums, which is exact."""
        out: F64 = leaves @ np.eye(len(self.names))[self.member]
        return out


def levels(names: Sequence[str]) -> list[Level]:
    """Every level of a tree of classes, the top first; one level where no name has a parent.

    Examples:
        >>> [level.names for level in levels(["animals/birds", "animals/fish", "clothes"])]
        [('animals', 'clothes'), ('animals/birds', 'animals/fish', 'clothes')]
    """
    parts = [name.split(SEPARATOR) for name in names]
    out = []
    for depth in range(1, max(map(len, parts), default=0) + 1):
        own = [SEPARATOR.join(each[:depth]) for each in parts]
        nodes = tuple(dict.fromkeys(own))
        place = {node: number for number, node in enumerate(nodes)}
        out.append(Level(nodes, np.array([place[each] for each in own], dtype=np.intp)))
    return out


_NOTHING = 1e-300


def node_weight(counts: F64) -> float:
    """How much what is learned of nodes counts against the sums of their classes.

    What a node has over one of its classes are the examples of the others. With ``n`` examples a
    class, it counts ``1 / (1 + n)``; without examples nothing, as its words are only less precise.
    On nine nodes above 18 folders of Open Clip Art, the sums alone are as good as any blend with 1
    or 2 examples a class, and better than an equal one without or with 4.

    Args:
        counts: ``(K,)`` examples of each class.

    Examples:
        >>> node_weight(np.array([1.0, 1.0])), node_weight(np.array([0.0, 0.0]))
        (0.5, 0.0)
    """
    each = float(np.median(counts)) if len(counts) else 0.0
    return 1 / (1 + each) if each else 0.0


def blended(leaves: F64, above: Sequence[tuple[Level, F64]], weight: float) -> F64:
    """Probabilities of classes, corrected by what is said of the nodes above them.

    A node has all examples of its classes, so what is learned of it says more than the sum of its
    classes where these have few. The two are averaged as log-probabilities (Genest & Zidek,
    "Combining probability distributions", 1986), from the top down; within a node, classes keep
    their shares.

    Args:
        leaves: ``(n, K)`` of the classes.
        above: Levels, the top first, and probabilities ``(n, L)`` that were learned of their nodes.
        weight: Of these, 0 … 1, as :func:`node_weight` says.

    Examples:
        >>> top = levels(["animals/birds", "animals/fish", "clothes"])[0]
        >>> said = blended(np.array([[0.3, 0.2, 0.5]]), [(top, np.array([[0.8, 0.2]]))], 0.5)
        >>> said.round(3)
        array([[0.4  , 0.267, 0.333]])
    """
    for level, said in above:
        sums = np.maximum(level.probabilities(leaves), _NOTHING)
        mixed = sums ** (1 - weight) * said**weight
        mixed /= mixed.sum(axis=1, keepdims=True)
        leaves = leaves * (mixed / sums)[:, level.member]
    return leaves


def log_blended(leaves: F64, above: Sequence[tuple[Level, F64]], weight: float) -> F64:
    """:func:`blended` from log-probabilities to log-probabilities."""
    higher = [(level, np.exp(said)) for level, said in above]
    return log_softmax(np.log(np.maximum(blended(np.exp(leaves), higher, weight), _NOTHING)))
