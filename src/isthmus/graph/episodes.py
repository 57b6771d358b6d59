"""Training items as if they were new: each joins a graph that has never seen it.

A network that is trained on items which are nodes of their own graph learns the wrong thing.
Their partner is their neighbour, their neighbours have heard from them, and the closed form
fits them better than it will ever fit a new item. Here records are dealt into folds. For each
fold there is a copy of everything made without it: the closed form, the edges, the messages.
The items of that fold join the copy as a new item joins the finished graph.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from isthmus.aligners.closed.cca import CCA
from isthmus.core.artifact import content_hash
from isthmus.core.errors import DataError
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.core.rows import families
from isthmus.graph.build import Neighbours, Nodes, Rows, Sparse, build, degrees, normalised
from isthmus.graph.propagate import closed_form, travel
from isthmus.moments import Moments, of_rest


def deal(pairs: PairedVectors, folds: int, seed: int) -> Rows:
    """Fold of each record; records that share a vector, such as a caption, share a fold.

    Args:
        pairs: ``n`` records.
        folds: How many; fewer where fewer can be made.
        seed: Of the order in which they are dealt.

    Raises:
        DataError: If all records hang together.
    """
    keys = [
        [
            (m, content_hash(pairs.vectors[m][row].tobytes()))
            for m in pairs.views
            if pairs.present[m][row]
        ]
        for row in range(len(pairs))
    ]
    _, family = np.unique(families(keys), return_inverse=True)
    count = int(family.max()) + 1
    if count < 2:
        raise DataError(
            "all records share an item, so no record can play the role of a new one; use "
            "propagation, which needs no training"
        )
    return (np.random.default_rng(seed).permutation(count) % min(folds, count))[family]


class Episodes:
    """Copies of the graph, one without each fold, side by side as one large graph.

    Node ``i`` of copy ``f`` is node ``f · N + i`` of it. In copy ``f`` the items of fold ``f``
    get messages and send none.

    Args:
        pairs: The records.
        nodes: Their nodes.
        neighbours: By view, with more neighbours than ``k``, since some are left out.
        closed: Fitted on all records.
        moments: Of all records, by :func:`isthmus.moments.of_rows`.
        fold: ``(records,)``.
        k: Homomodal edges.
        gamma: Exponent of their cosines.
        restart: Of propagation.
        hops: Of propagation.
        group_weight: What the edges to items of the same group sum to.

    Attributes:
        start: ``(F · N, c)``, the closed form made without each fold, turned into the basis
            of the one made of all.
        own: ``(N, c)``, the closed form of each node as a new item.
        reached: ``(N, c)``, the sum of what reaches it from its neighbours; propagation
            gives it ``(1 − restart) · reached + restart · own``.
        matrix: ``(F · N, F · N)`` normalised edges without loops.
        loops: ``(F · N,)``, normalised loops.
    """

    start: F32
    own: F32
    reached: F32
    matrix: Sparse
    loops: F32

    def __init__(
        self,
        pairs: PairedVectors,
        nodes: Nodes,
        neighbours: Mapping[str, Neighbours],
        closed: CCA,
        moments: Moments,
        fold: Rows,
        *,
        k: int,
        gamma: float,
        restart: float,
        hops: int,
        group_weight: float = 0.0,
    ) -> None:
        self.nodes, self.neighbours, self.fold = nodes, neighbours, fold[nodes.record]
        self.count = int(fold.max()) + 1
        self.k, self.gamma, self.restart, self.hops = k, gamma, restart, hops
        self.group_weight = group_weight
        whole = closed_form(closed, pairs, nodes)
        copies = []
        for f in range(self.count):
            made = CCA(closed.ridge, closed.power, closed.components).fit_moments(
                of_rest(moments, pairs, fold == f)
            )
            copies.append(_turned(closed_form(made, pairs, nodes), whole, self.fold != f))
        self.start = np.concatenate(copies)
        self.own = self.start[self.places(np.arange(len(nodes)))]
        self.assemble()

    def assemble(self, near: Sparse | None = None) -> None:
        """Draw up the edges of every copy.

        Args:
            near: ``(N, N)`` symmetric, cross-modal edges besides those of known pairs.
        """
        size = len(self.nodes)
        self.reached = np.empty((size, self.start.shape[1]), dtype=np.float32)
        matrices, loops = [], []
        for f in range(self.count):
            held = self.fold == f
            graph = build(
                self.nodes,
                self.neighbours,
                k=self.k,
                gamma=self.gamma,
                keep=~held,
                near=near,
                group_weight=self.group_weight,
            )
            known, own = degrees(graph.known), degrees(graph.joining)
            start = self.start[f * size : (f + 1) * size]
            states = travel(graph.known, start, restart=self.restart, hops=self.hops - 1)
            self.reached[held] = normalised(graph.joining, known, own)[held] @ states
            # A node is either known or joins, so the two sums are its degree together.
            looped = known + own + 1
            matrices.append(normalised(graph.known + graph.joining, looped))
            loops.append(1 / looped)
        self.matrix = sparse.block_diag(matrices, format="csr")
        self.loops = np.concatenate(loops).astype(np.float32)

    def places(self, nodes: Rows) -> Rows:
        """Where nodes stand as new items."""
        return self.fold[nodes] * len(self.nodes) + nodes


def _turned(copy: F32, whole: F32, keep: Rows) -> F32:
    """A copy of the closed form in the basis of the whole: orthogonal Procrustes on what is kept.

    Closed forms of other rows have other signs, and directions of like correlation mix.
    """
    u, _, vt = np.linalg.svd(copy[keep].T @ whole[keep], full_matrices=False)
    turned: F32 = l2_normalize((copy @ (u @ vt)).astype(np.float32))
    return turned
