"""Neighbourhoods of a few nodes, drawn from a large graph in bounded memory.

This is own code because the sampler of PyTorch Geometric needs pyg-lib or torch-sparse, which
are compiled for each version of torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.graph.build import Rows, Sparse


class Subgraph(NamedTuple):
    """What a network needs to know to give the states of some nodes.

    Attributes:
        nodes: ``(s,)``, those that are asked for first, then what they are reached from.
        source: ``(e,)`` place in ``nodes`` that an edge leaves.
        target: ``(e,)`` place in ``nodes`` that it reaches.
        weight: ``(e,)``.
        seeds: How many nodes are asked for.
    """

    nodes: Rows
    source: Rows
    target: Rows
    weight: F32
    seeds: int


class Sampler:
    """Draws for each node at most ``fanout`` of the edges that reach it, hop by hop.

    Weights of a node whose edges are thinned out are scaled up by as much, so that sums over
    neighbours keep their expectation (Hamilton et al., "GraphSAGE", 2017). Loops are never
    left out.

    Args:
        matrix: ``(N, N)`` without loops, row ``i`` the edges that reach ``i``.
        loops: ``(N,)`` weight of the loop of each node.
        hops: Layers of the network.
    """

    def __init__(self, matrix: Sparse, loops: F32, hops: int) -> None:
        self.pointer: Rows = matrix.indptr.astype(np.intp)
        self.source: NDArray[np.int32] = matrix.indices
        self.weight: F32 = matrix.data
        self.loops = loops
        self.hops = hops

    def sample(
        self, seeds: Rows, fanout: int | None = None, rng: np.random.Generator | None = None
    ) -> Subgraph:
        """The neighbourhood of some nodes.

        Args:
            seeds: ``(b,)`` different nodes.
            fanout: Edges of each node and hop; None takes all.
            rng: Draws them; needed with ``fanout``.
        """
        nodes = frontier = seeds
        ends, weights = [], []
        for _ in range(self.hops):
            source, target, weight = self._edges(frontier, fanout, rng)
            ends.append((np.concatenate([source, frontier]), np.concatenate([target, frontier])))
            weights.append(np.concatenate([weight, self.loops[frontier]]))
            frontier = np.setdiff1d(source, nodes)
            nodes = np.concatenate([nodes, frontier])
        order = np.argsort(nodes)
        place = [
            order[np.searchsorted(nodes, np.concatenate([end[i] for end in ends]), sorter=order)]
            for i in (0, 1)
        ]
        return Subgraph(nodes, place[0], place[1], np.concatenate(weights), len(seeds))

    def _edges(
        self, targets: Rows, fanout: int | None, rng: np.random.Generator | None
    ) -> tuple[Rows, Rows, F32]:
        """Edges that reach these nodes."""
        first = self.pointer[targets]
        count = self.pointer[targets + 1] - first
        target = np.repeat(np.arange(len(targets)), count)
        begin = np.cumsum(count) - count
        edge = np.arange(len(target)) - begin[target] + first[target]
        weight = self.weight[edge]
        if fanout is not None and rng is not None and (count > fanout).any():
            order = np.lexsort((rng.random(len(edge)), target))
            kept = np.sort(order[np.arange(len(edge)) - begin[target] < fanout])
            scale = (np.maximum(count, fanout) / fanout).astype(np.float32)
            edge, target, weight = edge[kept], target[kept], weight[kept] * scale[target[kept]]
        return self.source[edge].astype(np.intp), targets[target], weight
