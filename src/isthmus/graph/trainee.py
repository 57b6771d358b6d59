"""What the graph network is trained on: the items of a batch, as if they were new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.extras import require
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.graph.build import Rows, Sparse, cross_edges
from isthmus.graph.conv import Network
from isthmus.graph.episodes import Episodes
from isthmus.graph.sampler import Sampler, Subgraph
from isthmus.metrics import mean_reciprocal_rank, ranks
from isthmus.training import Loss, Phase, Trainee, parse_loss

if TYPE_CHECKING:
    from torch import Generator, Tensor

_BLOCK = 2048
"""Nodes whose states are computed at once, which bounds memory."""


@dataclass(frozen=True)
class Steps:
    """What a step of training looks at; the names are those of :class:`CMGNN`.

    Attributes:
        loss: Of paired unit vectors.
        scale: One over the temperature.
        gamma: Exponent of cosines in the weights of edges.
        layers: Of graph convolution.
        cross_k: Nearest items of each other view that are joined; 0 for none.
        refresh_every: Epochs after which those are looked up again.
        fanout: Edges of a node that a step looks at in each layer.
    """

    loss: str
    scale: float
    gamma: float
    layers: int
    cross_k: int
    refresh_every: int
    fanout: int


class GraphTrainee(Trainee):
    """The network, and the items on which it is trained as if they were new.

    Args:
        steps: What a step looks at.
        pairs: The records.
        episodes: Their graph, without each fold.
        network: What is trained.
        fold: ``(records,)``; the records of fold 0 are held out.
    """

    def __init__(
        self,
        steps: Steps,
        pairs: PairedVectors,
        episodes: Episodes,
        network: Network,
        fold: Rows,
    ) -> None:
        self.steps, self.episodes, self.network = steps, episodes, network
        self.loss: Loss = parse_loss(steps.loss)
        nodes = episodes.nodes
        self.node_of = {m: nodes.of_records(m) for m in nodes.names}
        several = np.sum([pairs.present[m] for m in nodes.names], axis=0) > 1
        self.train_rows = np.flatnonzero(several & (fold > 0))
        self.held_rows = np.flatnonzero(several & (fold == 0))
        self.view_index = np.repeat(
            np.arange(len(nodes.names)), [len(nodes.rows[m]) for m in nodes.names]
        )
        self.near: Sparse | None = None
        self._sampler = self._new_sampler()

    def phases(self) -> list[Phase]:
        """One: all weights, on the loss of the pairs of a batch."""
        return [Phase("graph", self.network.parameters(), self.batch_loss)]

    def start_epoch(self, epoch: int) -> None:
        """Every few epochs, look up the nearest of other views anew."""
        if not self.steps.cross_k or epoch % self.steps.refresh_every:
            return
        torch = _torch()
        nodes = np.arange(len(self.episodes.nodes))
        with torch.no_grad():
            unit = np.concatenate([self.units(nodes[rows]).numpy() for rows in blocks(len(nodes))])
        self._refresh(
            cross_edges(self.episodes.nodes, unit, k=self.steps.cross_k, gamma=self.steps.gamma)
        )

    def state(self) -> dict[str, Tensor]:
        """The cross-modal edges that were found."""
        if self.near is None:
            return {}
        torch = _torch()
        found = self.near.tocoo()
        parts = {"row": found.row, "column": found.col, "weight": found.data}
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in parts.items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`state` gave."""
        if not tensors:
            return
        from scipy.sparse import csr_matrix

        size = len(self.episodes.nodes)
        ends = tensors["row"].numpy(), tensors["column"].numpy()
        self._refresh(csr_matrix((tensors["weight"].numpy(), ends), shape=(size, size)))

    def batch_loss(self, batch: Tensor, generator: Generator) -> Tensor:
        """Loss of the pairs of a batch, the mean over pairs of views by their number."""
        torch = _torch()
        rows = self.train_rows[batch.numpy()]
        seed = int(torch.randint(2**31, (1,), generator=generator))
        total, count = torch.zeros(()), 0
        for x, y in self._paired(rows, generator, np.random.default_rng(seed)):
            total = total + len(x) * self.loss(x, y, scale=self.steps.scale)
            count += len(x)
        return total / max(count, 1)

    def validate(self) -> float:
        """Mean reciprocal rank of the partner among held-out records, both directions."""
        found = []
        for x, y in self._paired(self.held_rows):
            scores = (x @ y.T).numpy()
            truth = np.arange(len(scores))
            found += [mean_reciprocal_rank(ranks(s, truth)) for s in (scores, scores.T)]
        return float(np.mean(found)) if found else float("nan")

    def units(
        self,
        nodes: Rows,
        generator: Generator | None = None,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        """Unit vectors of nodes as new items, ``(b, c)``."""
        torch = _torch()
        fanout = None if rng is None else self.steps.fanout
        graph = self._sampler.sample(self.episodes.places(nodes), fanout, rng)
        last = self.hidden(graph, self.episodes.start, generator)[-1][: graph.seeds]
        view = torch.from_numpy(self.view_index[nodes])
        kept = self.network.restarts()[view][:, None]
        own = torch.from_numpy(self.episodes.own[nodes])
        base = (1 - kept) * torch.from_numpy(self.episodes.reached[nodes]) + kept * own
        correction = torch.zeros_like(base)
        for number in range(len(self.episodes.nodes.names)):
            rows = torch.nonzero(view == number).ravel()
            correction = correction.index_copy(0, rows, self.network.emit(last[rows], number))
        return torch.nn.functional.normalize(base + correction, dim=1)

    def hidden(
        self, graph: Subgraph, start: F32, generator: Generator | None = None
    ) -> list[Tensor]:
        """States of the nodes of a subgraph."""
        torch = _torch()
        return self.network.hidden(
            torch.from_numpy(l2_normalize(start[graph.nodes])),
            torch.from_numpy(self.view_index[graph.nodes % len(self.view_index)]),
            torch.from_numpy(np.stack([graph.source, graph.target])),
            torch.from_numpy(graph.weight),
            generator,
        )

    def _paired(
        self,
        rows: Rows,
        generator: Generator | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """Unit vectors of partners, for each pair of views that two rows have."""
        torch = _torch()
        own = np.concatenate([node[rows] for node in self.node_of.values()])
        asked = np.unique(own[own >= 0])
        unit = self.units(asked, generator, rng)
        found = []
        for a, b in combinations(self.node_of, 2):
            left, right = self.node_of[a][rows], self.node_of[b][rows]
            both = (left >= 0) & (right >= 0)
            if both.sum() > 1:
                places = [torch.from_numpy(np.searchsorted(asked, e[both])) for e in (left, right)]
                found.append((unit[places[0]], unit[places[1]]))
        return found

    def _refresh(self, near: Sparse) -> None:
        self.near = near
        self.episodes.assemble(near)
        self._sampler = self._new_sampler()

    def _new_sampler(self) -> Sampler:
        return Sampler(self.episodes.matrix, self.episodes.loops, self.steps.layers)


def blocks(count: int) -> list[Rows]:
    """So many nodes, some at a time."""
    return [np.arange(s, min(s + _BLOCK, count)) for s in range(0, count, _BLOCK)]


def _torch() -> ModuleType:
    return require("torch", extra="graph", purpose="a network on a graph (cm-gnn)")
