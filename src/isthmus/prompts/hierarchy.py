"""Classes in a tree of folders: a probability at every level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F64

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
