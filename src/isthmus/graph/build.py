"""Graphs over the items of all views: nodes, edges, degrees, normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from isthmus.aligners.neighbours import edge_weights, nearest
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors

Sparse = Any
"""A ``scipy.sparse.csr_matrix``, which has no types."""
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


def in_canonical_order(pairs: PairedVectors) -> PairedVectors:
    """The same records in an order that depends on their vectors alone.

    Training visits rows in an order drawn from a seed, so that shuffled records would give
    other weights. Rows are sorted by their coordinate along a fixed random direction, which
    neither a shift nor a change of unit of a view alters. Records without items are left out:
    they have no place in a graph, and would change how the others are dealt into folds.
    """
    some = np.logical_or.reduce(list(pairs.present.values()))
    if not some.all():
        pairs = pairs.take(some)
    keys = []
    for m in pairs.views:
        x = pairs.vectors[m]
        direction = np.random.default_rng(0).normal(size=x.shape[1])
        keys.append(np.where(pairs.present[m], x @ direction, np.inf))
    return pairs.take(np.lexsort(tuple(reversed(keys))))


@dataclass(frozen=True, eq=False)
class Nodes:
    """One node for every item that a record has, view by view.

    Attributes:
        names: The views.
        start: First node of each view.
        rows: By view, the record of each of its nodes.
        records: How many records there are.
        groups: ``(nodes,)`` labels of the groups of the records, −1 for none; None where no
            record has one.
    """

    names: tuple[str, ...]
    start: Mapping[str, int]
    rows: Mapping[str, Rows]
    records: int
    groups: Rows | None = None

    @classmethod
    def of(cls, pairs: PairedVectors) -> Nodes:
        """The nodes of these records."""
        start, total = {}, 0
        rows = {m: pairs.rows(m) for m in pairs.views}
        for m in pairs.views:
            start[m] = total
            total += len(rows[m])
        groups = None
        if pairs.groups is not None and len(pairs):
            known = sorted({group for group in pairs.groups if group is not None})
            number: dict[Any, int] = {group: i for i, group in enumerate(known)}
            label = np.array([number.get(group, -1) for group in pairs.groups], dtype=np.intp)
            groups = np.concatenate([label[rows[m]] for m in pairs.views])
        return cls(pairs.views, start, rows, len(pairs), groups)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def span(self, m: str) -> slice:
        """The nodes of a view."""
        return slice(self.start[m], self.start[m] + len(self.rows[m]))

    @property
    def record(self) -> Rows:
        """Record of each node, ``(nodes,)``."""
        return np.concatenate([self.rows[m] for m in self.names])

    def of_records(self, m: str) -> Rows:
        """Node of each record, ``(records,)``; −1 where it lacks the view."""
        node = np.full(self.records, -1, dtype=np.intp)
        node[self.rows[m]] = np.arange(len(self.rows[m])) + self.start[m]
        return node

    def pairs(self) -> tuple[Rows, Rows]:
        """Nodes of one record that belong together, each pair once."""
        node = {m: self.of_records(m) for m in self.names}
        ends = []
        for a, b in combinations(self.names, 2):
            both = (node[a] >= 0) & (node[b] >= 0)
            ends.append((node[a][both], node[b][both]))
        return np.concatenate([a for a, _ in ends]), np.concatenate([b for _, b in ends])


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Of the items of one view: where they lie, and which are nearest to each.

    Attributes:
        centre: ``(d,)``, the mean, subtracted before cosines are taken; where vectors have a
            mean far from zero all cosines would be near 1 otherwise.
        bank: ``(n, d)`` unit vectors.
        index: ``(n, K)``, nearest first.
        cosine: ``(n, K)``.
    """

    centre: F32
    bank: F32
    index: Rows
    cosine: F32

    @classmethod
    def of(cls, x: F32, k: int, *, centred: bool = True) -> Neighbours:
        """Of native vectors ``(n, d)``; not centred, the centre is zero."""
        mean = x.mean(axis=0, dtype=np.float64) if centred else np.zeros(x.shape[1])
        centre = mean.astype(np.float32)
        bank = l2_normalize(x - centre)
        return cls(centre, bank, *nearest(bank, bank, k, skip_self=True))

    def edges(self, keep: Mask, k: int, gamma: float) -> tuple[Sparse, float]:
        """Directed edges to the ``k`` nearest that are kept, of weight ``max(0, s)^γ``.

        Args:
            keep: ``(n,)``, which items send messages.
            k: Edges of each item; less where fewer of its neighbours are kept.
            gamma: γ.

        Returns:
            ``(n, n)``, row ``i`` the edges that reach ``i``; and what all weights were
            multiplied by so that those of a kept item sum to 1 on average.
        """
        n = len(self.index)
        here = keep[self.index]
        here &= np.cumsum(here, axis=1) <= k
        weights = np.where(here, edge_weights(self.cosine, gamma), 0)
        mean = float(weights[keep].sum() / max(keep.sum(), 1))
        unit = 1.0 / mean if mean > 0 else 1.0
        rows, places = np.nonzero(weights)
        values = weights[rows, places] * np.float32(unit)
        matrix = sparse.csr_matrix((values, (rows, self.index[rows, places])), shape=(n, n))
        return matrix, unit


class Graph(NamedTuple):
    """A graph of items that are known, and edges by which others would join it.

    Attributes:
        known: ``(N, N)`` symmetric, edges among the known.
        joining: ``(N, N)``, row ``i`` the edges that reach ``i``, which is not known.
        units: By view, what weights of homomodal edges were multiplied by.
    """

    known: Sparse
    joining: Sparse
    units: dict[str, float]


def build(
    nodes: Nodes,
    neighbours: Mapping[str, Neighbours],
    *,
    k: int,
    gamma: float,
    keep: Mask | None = None,
    near: Sparse | None = None,
    group_weight: float = 0.0,
) -> Graph:
    """Join the items.

    Homomodal edges are k-NN by cosine of centred native vectors, made symmetric by the larger
    of two weights, and sum to 1 on average; known pairs have weight 1. Items of one group may
    be joined too, see :func:`group_edges`.

    Args:
        nodes: Of the records.
        neighbours: By view.
        k: Homomodal edges of an item, before they are made symmetric.
        gamma: Exponent of their cosines.
        keep: ``(N,)``, nodes that are known; the others only join. None means all.
        near: ``(N, N)`` symmetric, further cross-modal edges.
        group_weight: What the edges to items of its group sum to, for each known item.
    """
    size = len(nodes)
    keep = np.ones(size, dtype=bool) if keep is None else keep
    directed, units = [], {}
    for m in nodes.names:
        matrix, units[m] = neighbours[m].edges(keep[nodes.span(m)], k, gamma)
        directed.append(matrix)
    homomodal = sparse.block_diag(directed, format="csr")
    left, right = nodes.pairs()
    ones = np.ones(2 * len(left), dtype=np.float32)
    ends = np.concatenate([left, right]), np.concatenate([right, left])
    cross = sparse.csr_matrix((ones, ends), shape=(size, size))
    if near is not None:
        cross = cross.maximum(near)
    chosen = sparse.diags(keep.astype(np.float32), format="csr")
    inner = chosen @ homomodal @ chosen
    known = inner.maximum(inner.T) + chosen @ cross @ chosen
    if group_weight and nodes.groups is not None:
        known = known + group_edges(nodes.groups, keep, k=k, weight=group_weight)
    joining = sparse.diags((~keep).astype(np.float32), format="csr") @ homomodal
    return Graph(_clean(known), _clean(joining), units)


def group_edges(groups: Rows, keep: Mask, *, k: int, weight: float) -> Sparse:
    """Join every known item to about ``k`` others of its group, whatever their view.

    The items of a group stand on a ring in an order drawn once, and each is joined to those
    next to it, so that large groups do not need all their pairs.

    Args:
        groups: ``(N,)`` labels; −1 for none.
        keep: ``(N,)``, items that are known.
        k: Others that an item is joined to; fewer in smaller groups.
        weight: What the edges of an item sum to.

    Returns:
        ``(N, N)`` symmetric.

    Examples:
        >>> found = group_edges(np.array([0, 0, 1, -1]), np.ones(4, bool), k=10, weight=2.0)
        >>> found.toarray()[0]
        array([0., 2., 0., 0.], dtype=float32)
    """
    drawn = np.random.default_rng(0).permutation(len(groups))
    order = drawn[(keep & (groups >= 0))[drawn]]
    order = order[np.argsort(groups[order], kind="stable")]
    _, first, size = np.unique(groups[order], return_index=True, return_counts=True)
    start, count = np.repeat(first, size), np.repeat(size, size)
    place = np.arange(len(order)) - start
    found = sparse.csr_matrix((len(groups), len(groups)), dtype=np.float32)
    for step in range(1, max(1, k // 2) + 1):
        far = count > 2 * step  # a step of half the ring or more would meet another
        near = far | (count == 2 * step)
        ends = order[near], order[start[near] + (place[near] + step) % count[near]]
        each = np.where(far[near], 1.0, 0.5).astype(np.float32)  # half the ring: both name it
        found = found + sparse.csr_matrix((each, ends), shape=found.shape)
    found = found + found.T
    total = degrees(found)
    scale = sparse.diags(np.where(total > 0, weight / np.where(total > 0, total, 1), 0))
    return _clean(scale @ found)


def cross_edges(nodes: Nodes, unit: F32, *, k: int, gamma: float) -> Sparse:
    """Cross-modal k-NN edges in a space, made symmetric, ``(N, N)``.

    Weights are ``max(0, s)^γ``, at most those of known pairs.

    Args:
        nodes: Of the records.
        unit: ``(N, c)`` unit vectors of the space.
        k: Neighbours in each other view.
        gamma: γ.
    """
    size = len(nodes)
    found = sparse.csr_matrix((size, size), dtype=np.float32)
    for a in nodes.names:
        for b in nodes.names:
            if a == b:
                continue
            index, cosine = nearest(unit[nodes.span(a)], unit[nodes.span(b)], k)
            rows = np.repeat(np.arange(len(index)) + nodes.start[a], index.shape[1])
            columns = index.ravel() + nodes.start[b]
            weights = edge_weights(cosine, gamma).ravel()
            found = found.maximum(sparse.csr_matrix((weights, (rows, columns)), shape=(size, size)))
    return _clean(found.maximum(found.T))


def degrees(matrix: Sparse) -> F32:
    """Sums of the weights that reach each node, ``(N,)``."""
    total: F32 = np.asarray(matrix.sum(axis=1), dtype=np.float32).ravel()
    return total


def normalised(matrix: Sparse, degree: F32, own: F32 | None = None) -> Sparse:
    """``D^-½ A D^-½``; nodes without edges keep none.

    Args:
        matrix: ``A``, ``(N, N)``, row ``i`` the edges that reach ``i``.
        degree: ``(N,)`` of the nodes that send.
        own: ``(N,)`` of the nodes that are reached; None means ``degree``.
    """
    own = degree if own is None else own
    left, right = (1 / np.sqrt(np.where(d > 0, d, 1)) for d in (own, degree))
    return (sparse.diags(left) @ matrix @ sparse.diags(right)).tocsr()


def _clean(matrix: Sparse) -> Sparse:
    matrix = matrix.tocsr().astype(np.float32)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
