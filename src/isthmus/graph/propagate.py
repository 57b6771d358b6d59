"""Propagation on a graph without training: the rival that a network has to beat."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np
from scipy import sparse

from isthmus.aligners.base import Aligner, Projection, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.graphhead import Correction, GraphHead, Joint
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.traits import PLAIN_CCA, Abilities, Condition, Search
from isthmus.core.errors import DataError, InputError
from isthmus.core.linalg import F32, F64, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors, Pairs
from isthmus.core.validate import check_vectors
from isthmus.graph.build import (
    Graph,
    Neighbours,
    Nodes,
    Sparse,
    build,
    degrees,
    in_canonical_order,
    normalised,
)
from isthmus.moments import Moments, of_rows

GRAPHS_SMOOTH = Condition(
    "graphs average over similar items; this helps to find things of the same kind (the semantic "
    "read-out), but not single partners",
    readout="semantic",
)
"""On Tux Paint, +.036 mAP by category and no clear change of R@1 (docs/ablation.md)."""


class OnGraph(Aligner):
    """An aligner that joins items in a graph, from a closed form of its rows' moments."""

    def fit(self, pairs: Pairs) -> Self:
        """Draw up the graph of these pairs, and learn from it.

        Raises:
            DataError: If the pairs do not suffice.
            MissingExtraError: If a package that it trains with is not installed.
        """
        return self._fit(self.admit(pairs), Memo())

    def projection(self, pairs: PairedVectors, memo: Memo) -> Projection:
        """As ``fit``; spectra are made once for all that are tried on these rows."""
        return self._fit(self.admit(pairs), memo)._transform_shared

    @abstractmethod
    def _fit(self, pairs: PairedVectors, memo: Memo) -> Self:
        """The same of rows that this aligner can handle, and what was computed of them."""


class Propagation(OnGraph):
    """Let every item take over a part of its neighbours' place.

    ``H ← (1 − restart) · D^-½AD^-½ H + restart · H₀`` (personalised propagation, Gasteiger
    et al. 2019), where ``H₀`` is regularised CCA and ``A`` joins each item to its ``k``
    nearest of the same view and to its partners. Nothing is trained. A new item joins by
    its own nearest, see :class:`isthmus.aligners.graphhead.GraphHead`.

    Args:
        ridge: Of the closed form, as in :class:`isthmus.aligners.CCA`.
        power: Of the closed form.
        components: At most so many dimensions of the space.
        k: Nearest items of the same view.
        gamma: Exponent of their cosines.
        restart: What is kept of the closed form in each hop, in (0, 1].
        hops: How far messages travel.
        group_weight: What the edges to items of the same group sum to, where records have
            groups; 0 for none. A new item's group is not known, and not asked.
    """

    name = "propagation"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=70,
        grid=tuple(
            {"restart": restart, "group_weight": weight}
            for restart, weight in ((0.1, 4.0), (0.2, 0.0), (0.2, 4.0), (0.5, 0.0))
        ),
        conditions=(GRAPHS_SMOOTH,),
        rivals=(PLAIN_CCA,),
    )

    def __init__(
        self,
        ridge: float = 3.0,
        power: float = 0.5,
        components: int = 128,
        *,
        k: int = 10,
        gamma: float = 3.0,
        restart: float = 0.2,
        hops: int = 2,
        group_weight: float = 0.0,
    ) -> None:
        self.ridge = check_positive(ridge, "ridge")
        self.power = power
        self.components = components
        self.k = check_count(k, "k")
        self.gamma = check_positive(gamma, "gamma")
        self.restart = check_restart(restart)
        self.hops = check_count(hops, "hops")
        self.group_weight = check_group_weight(group_weight)

    def _fit(self, pairs: PairedVectors, memo: Memo) -> Self:
        pairs, moments = ordered_moments(pairs, memo)
        closed = CCA(self.ridge, self.power, self.components).fit_moments(moments)
        nodes = Nodes.of(pairs)
        known = {m: Neighbours.of(pairs.vectors[m][nodes.rows[m]], self.k) for m in nodes.names}
        graph = build(nodes, known, k=self.k, gamma=self.gamma, group_weight=self.group_weight)
        start = closed_form(closed, pairs, nodes)
        states = travel(graph.known, start, restart=self.restart, hops=self.hops - 1)
        self.heads_ = {
            m: leave_head(
                m,
                closed,
                nodes,
                known[m],
                graph,
                states,
                k=self.k,
                gamma=self.gamma,
                restart=self.restart,
            )
            for m in nodes.names
        }
        return self


def ordered_moments(pairs: PairedVectors, memo: Memo) -> tuple[PairedVectors, Moments]:
    """Records in canonical order, and their moments.

    Args:
        pairs: The records.
        memo: What was computed of them.
    """

    def compute() -> tuple[PairedVectors, Moments]:
        ordered = in_canonical_order(pairs)
        return ordered, of_rows(ordered)

    return memo.get("moments in canonical order", compute)


def closed_form(closed: CCA, pairs: PairedVectors, nodes: Nodes) -> F32:
    """Unit vectors of the closed form for every node, ``(N, c)``."""
    rows = [closed.transform(pairs.vectors[m][nodes.rows[m]], m) for m in nodes.names]
    return np.concatenate(rows)


def travel(matrix: Sparse, start: F32, *, restart: float, hops: int) -> F32:
    """``H ← (1 − restart) D^-½AD^-½ H + restart H₀``, some times.

    Args:
        matrix: ``A``, ``(N, N)``.
        start: ``H₀``, ``(N, c)``.
        restart: In 0…1.
        hops: How often; 0 gives ``H₀``.

    Examples:
        >>> pair = sparse.csr_matrix([[0.0, 1.0], [1.0, 0.0]])
        >>> travel(pair, np.array([[1.0], [0.0]], np.float32), restart=0.5, hops=1).ravel()
        array([0.5, 0.5], dtype=float32)
    """
    mixing = normalised(matrix, degrees(matrix))
    state = start
    for _ in range(hops):
        state = (np.float32(1 - restart) * (mixing @ state) + np.float32(restart) * start).astype(
            np.float32, copy=False
        )
    return state


def leave_head(
    m: str,
    closed: CCA,
    nodes: Nodes,
    known: Neighbours,
    graph: Graph,
    states: F32,
    *,
    k: int,
    gamma: float,
    restart: float,
    correction: Correction | None = None,
) -> GraphHead:
    """The head of one view.

    Args:
        m: The view.
        closed: The closed form.
        nodes: Of all views.
        known: Neighbours among the items of this view.
        graph: That new items join.
        states: ``(N, c)`` of all nodes after all hops but the last.
        k: Neighbours by which a new item joins.
        gamma: Exponent of their cosines.
        restart: What a new item keeps of the closed form.
        correction: Of a network, if any.
    """
    linear = closed.heads_[m]
    assert isinstance(linear, LinearHead)
    span = nodes.span(m)
    degree = degrees(graph.known)[span]
    joint = Joint(known.centre, known.bank, degree, k, gamma, graph.units[m])
    return GraphHead(
        linear.mean, linear.weight, joint, states[span], restart=restart, correction=correction
    )


def label_propagation(
    vectors: Array,
    labels: Array,
    *,
    k: int = 5,
    gamma: float = 5.0,
    alpha: float = 0.3,
) -> F64:
    """Spread labels over a k-NN graph: solve ``(I − α D^-½WD^-½) F = Y`` by conjugate gradient.

    Args:
        vectors: ``(n, d)``, labelled and unlabelled items, and class names where they lie in
            the same space.
        labels: ``(n, c)``, one-hot or soft; rows of zeros are unknown.
        k: Neighbours by cosine; ``W`` is made symmetric by the larger of two weights.
        gamma: ``W = max(0, s)^γ``.
        alpha: How far labels spread, in [0, 1).

    Returns:
        ``F``, ``(n, c)`` float64; a row's largest entry is its label.

    Raises:
        InputError: If α, γ or k is out of range.
        DataError: If labels and vectors differ in rows.

    References:
        Zhou et al., "Learning with local and global consistency", 2004; Stojnić et al.,
        "Label propagation for zero-shot classification with vision-language models", 2024.
    """
    if not 0 <= alpha < 1:
        raise InputError(f"alpha must be in [0, 1), got {alpha}")
    check_count(k, "k")
    check_positive(gamma, "gamma")
    rows = check_vectors(vectors)
    given = np.asarray(labels, dtype=np.float64)
    if given.ndim != 2 or len(given) != len(rows):
        raise DataError(f"labels must be ({len(rows)}, classes), got shape {given.shape}")
    known = Neighbours.of(rows, k, centred=False)
    matrix, _ = known.edges(np.ones(len(rows), dtype=bool), k, gamma)
    matrix = matrix.maximum(matrix.T).astype(np.float64)
    mixing = normalised(matrix, np.asarray(matrix.sum(axis=1)).ravel())
    system = sparse.identity(len(rows), format="csr") - alpha * mixing
    return np.column_stack([_solve(system, column) for column in given.T])


def _solve(system: Sparse, column: F64) -> F64:
    from scipy.sparse.linalg import cg

    found, failed = cg(system, column, rtol=1e-8, atol=0.0)
    if failed:  # positive definite with condition (1 + α)/(1 − α), so only for α next to 1
        raise InputError("the labels did not converge; use a smaller alpha")
    solution: F64 = found
    return solution


def check_count(value: int, name: str) -> int:
    """A hyper-parameter that must be a whole number of at least 1."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def check_group_weight(value: float) -> float:
    """The weight of edges within groups; 0 for none."""
    if not (np.isfinite(value) and value >= 0):
        raise InputError(f"group_weight must be a number that is not negative, got {value}")
    return float(value)


def check_restart(value: float) -> float:
    """What is kept of the start in each hop; 0 would lose items that have no neighbour."""
    if not 0 < check_positive(value, "restart") <= 1:
        raise InputError(f"restart must be in (0, 1], got {value}")
    return value
