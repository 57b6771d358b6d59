"""The cross-modal graph network: propagation, and a correction that is learned."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Self

import numpy as np

from isthmus.aligners.base import Aligner, Pairs, check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.traits import PLAIN_CCA, Abilities, Related, Search
from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.paired import PairedVectors
from isthmus.graph.build import (
    Neighbours,
    Nodes,
    Rows,
    Sparse,
    build,
    cross_edges,
    degrees,
    in_canonical_order,
    normalised,
)
from isthmus.graph.conv import Network
from isthmus.graph.episodes import Episodes, deal
from isthmus.graph.propagate import (
    GRAPHS_SMOOTH,
    Propagation,
    check_count,
    check_group_weight,
    check_restart,
    closed_form,
    leave_head,
    travel,
)
from isthmus.graph.sampler import Sampler, Subgraph
from isthmus.metrics import mean_reciprocal_rank, ranks
from isthmus.moments.moments import Moments
from isthmus.training import (
    Checkpoint,
    Log,
    Loss,
    Phase,
    Schedule,
    Trainee,
    parse_loss,
    single_threaded,
    train,
)

if TYPE_CHECKING:
    from torch import Generator, Tensor

_SPARE = 2
"""Neighbours are looked up for so many times ``k``, since those of a fold are left out."""
_BLOCK = 2048
_OF_PROPAGATION = (
    *("ridge", "power", "components", "k", "gamma"),
    *("restart", "hops", "group_weight"),
)
"""Hyper-parameters that :class:`Propagation` has too, in its order."""


class CMGNN(Aligner):
    """Cross-modal graph network: ``l2(propagation + graph convolutions)``.

    Items of all views are nodes; edges join the nearest of one view, known pairs,
    and the nearest of two views in the space as it is learned. The convolutions start
    at zero, so training starts at :class:`isthmus.graph.propagate.Propagation`, which with
    ``restart=1`` is the closed form. They are trained on items that join as new ones, see
    :mod:`isthmus.graph.episodes`; records of one fold are not trained on and say when to
    stop. The heads hold all records.

    Args:
        loss: Of paired unit vectors, such as ``"info_nce"``, ``"cosine"``, ``"euclidean"``,
            ``"kl"`` or ``"info_nce + 0.5*kl"``.
        scale: One over the temperature of ``info_nce`` and ``kl``.
        ridge: Of the closed form.
        power: Of the closed form.
        components: At most so many dimensions of the space.
        k: Nearest items of the same view.
        gamma: Exponent of cosines in the weights of edges.
        restart: What propagation keeps of the closed form in each hop; in the last one, where
            an item takes its place, each view starts with it and learns its own.
        hops: Of propagation.
        group_weight: What the edges to items of the same group sum to, where records have
            groups; 0 for none.
        layers: Of graph convolution.
        width: Of the layers.
        dropout: In training.
        cross_k: Nearest items of each other view, in the space; 0 for none.
        refresh_every: Epochs after which those are looked up again.
        epochs: At most so many.
        batch_size: Records a step.
        fanout: Edges of a node that a step looks at in each layer.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        patience: Checks, one every 5 epochs, without gain before it stops; None trains all
            epochs.
        folds: Into how many the records are dealt; one of them is held out.
        seed: Of everything that is drawn.
        checkpoint: A folder from which training that was interrupted goes on.

    Attributes:
        log_: What happened in training.
    """

    name = "cm-gnn"
    abilities = Abilities(missing_rows=True, many_views=True)
    search = Search(
        place=80,
        grid=tuple(
            {"restart": restart, "group_weight": weight}
            for restart, weight in ((0.1, 4.0), (0.2, 0.0))
        ),
        cost=5.0,
        trained=True,
        conditions=(GRAPHS_SMOOTH,),
        starts=(Related(Propagation.name),),
        rivals=(PLAIN_CCA, Related(Propagation.name, taken=_OF_PROPAGATION)),
    )
    log_: Log

    def __init__(
        self,
        loss: str = "info_nce",
        scale: float = 10.0,
        ridge: float = 3.0,
        power: float = 0.5,
        components: int = 128,
        k: int = 10,
        gamma: float = 3.0,
        restart: float = 0.2,
        hops: int = 2,
        group_weight: float = 0.0,
        layers: int = 1,
        width: int = 128,
        dropout: float = 0.5,
        cross_k: int = 0,
        refresh_every: int = 20,
        epochs: int = 60,
        batch_size: int = 512,
        fanout: int = 10,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        patience: int | None = 4,
        folds: int = 5,
        seed: int = 0,
        checkpoint: str | Path | None = None,
    ) -> None:
        parse_loss(loss)
        self.loss, self.scale = loss, check_positive(scale, "scale")
        self.ridge, self.power, self.components = check_positive(ridge, "ridge"), power, components
        self.k, self.gamma = check_count(k, "k"), check_positive(gamma, "gamma")
        self.restart, self.hops = check_restart(restart), check_count(hops, "hops")
        self.group_weight = check_group_weight(group_weight)
        self.layers, self.width = check_count(layers, "layers"), check_count(width, "width")
        if not 0 <= dropout < 1:
            raise InputError(f"dropout must be in [0, 1), got {dropout}")
        if cross_k < 0:
            raise InputError(f"cross_k must not be negative, got {cross_k}")
        if folds < 2:
            raise InputError(f"folds must be at least 2, got {folds}")
        self.dropout, self.cross_k, self.folds = dropout, cross_k, folds
        self.refresh_every = check_count(refresh_every, "refresh_every")
        self.epochs, self.batch_size, self.fanout = (
            epochs,
            batch_size,
            check_count(fanout, "fanout"),
        )
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.patience, self.seed, self.checkpoint = patience, seed, checkpoint
        self._schedule(patience)

    def _schedule(self, patience: int | None) -> Schedule:
        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=patience,
            check_every=5,
            seed=self.seed,
        )

    def fit(self, pairs: Pairs) -> Self:
        """Draw up the graph and train.

        Raises:
            DataError: If the pairs do not suffice, or all of them hang together.
            MissingExtraError: If torch or torch_geometric is not installed.
        """
        pairs = in_canonical_order(self.admit(pairs))
        moments = Moments.of(pairs)
        closed = CCA(self.ridge, self.power, self.components).fit_moments(moments)
        nodes = Nodes.of(pairs)
        neighbours = {
            m: Neighbours.of(pairs.vectors[m][nodes.rows[m]], _SPARE * self.k) for m in nodes.names
        }
        fold = deal(pairs, self.folds, self.seed)
        episodes = Episodes(
            pairs,
            nodes,
            neighbours,
            closed,
            moments,
            fold,
            k=self.k,
            gamma=self.gamma,
            restart=self.restart,
            hops=self.hops,
            group_weight=self.group_weight,
        )
        network = Network(
            nodes.names,
            episodes.start.shape[1],
            width=self.width,
            layers=self.layers,
            dropout=self.dropout,
            seed=self.seed,
            restart=self.restart,
        )
        trainee = _Trainee(self, pairs, episodes, network, fold)
        point = None
        if self.checkpoint is not None:
            point = Checkpoint(Path(self.checkpoint), self._fingerprint(pairs))
        with single_threaded():
            self.log_ = train(
                trainee,
                len(trainee.train_rows),
                self._schedule(self.patience if len(trainee.held_rows) > 1 else None),
                checkpoint=point,
            )
            self._leave(pairs, closed, trainee)
        return self

    def _leave(self, pairs: PairedVectors, closed: CCA, trainee: _Trainee) -> None:
        """Heads of the graph of all records."""
        nodes, neighbours = trainee.episodes.nodes, trainee.episodes.neighbours
        graph = build(
            nodes,
            neighbours,
            k=self.k,
            gamma=self.gamma,
            near=trainee.near,
            group_weight=self.group_weight,
        )
        start = closed_form(closed, pairs, nodes)
        states = travel(graph.known, start, restart=self.restart, hops=self.hops - 1)
        looped: F32 = degrees(graph.known) + np.float32(1)
        sampler = Sampler(normalised(graph.known, looped), np.float32(1) / looped, self.layers)
        hidden = [np.empty((len(nodes), self.width), np.float32) for _ in range(self.layers)]
        for rows in _blocks(len(nodes)):
            found = trainee.hidden(sampler.sample(rows), start)
            for layer, state in zip(hidden, found, strict=False):  # the last is not needed
                layer[rows] = state[: len(rows)].detach().numpy()
        corrections = trainee.network.corrections(
            {m: [layer[nodes.span(m)] for layer in hidden] for m in nodes.names}
        )
        kept = dict(zip(nodes.names, trainee.network.restarts().tolist(), strict=True))
        self.heads_ = {
            m: leave_head(
                closed,
                m,
                nodes,
                neighbours[m],
                graph,
                states,
                (self.k, self.gamma, kept[m]),
                corrections[m],
            )
            for m in nodes.names
        }

    def _fingerprint(self, pairs: PairedVectors) -> str:
        own = {name: value for name, value in self.get_params().items() if name != "checkpoint"}
        masks = {f"{m}|present": mask for m, mask in pairs.present.items()}
        return fingerprint(own, {**pairs.vectors, **masks})


class _Trainee(Trainee):
    """The network, and the items on which it is trained as if they were new."""

    def __init__(
        self,
        plan: CMGNN,
        pairs: PairedVectors,
        episodes: Episodes,
        network: Network,
        fold: Rows,
    ) -> None:
        self.plan, self.episodes, self.network = plan, episodes, network
        self.loss: Loss = parse_loss(plan.loss)
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
        if not self.plan.cross_k or epoch % self.plan.refresh_every:
            return
        torch = _torch()
        nodes = np.arange(len(self.episodes.nodes))
        with torch.no_grad():
            unit = np.concatenate([self.units(nodes[rows]).numpy() for rows in _blocks(len(nodes))])
        self._refresh(
            cross_edges(self.episodes.nodes, unit, k=self.plan.cross_k, gamma=self.plan.gamma)
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
            total = total + len(x) * self.loss(x, y, scale=self.plan.scale)
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
        fanout = None if rng is None else self.plan.fanout
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
        return Sampler(self.episodes.matrix, self.episodes.loops, self.plan.layers)


def _blocks(count: int) -> list[Rows]:
    return [np.arange(s, min(s + _BLOCK, count)) for s in range(0, count, _BLOCK)]


def _torch() -> ModuleType:
    return require("torch", extra="graph", purpose="a network on a graph (cm-gnn)")
