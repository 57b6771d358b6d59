"""The cross-modal graph network: propagation, and a correction that is learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.traits import PLAIN_CCA, Abilities, Related, Search
from isthmus.core.artifact import fingerprint
from isthmus.core.errors import InputError
from isthmus.core.linalg import F32, Array
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.graph.build import (
    Neighbours,
    Nodes,
    build,
    degrees,
    normalised,
)
from isthmus.graph.conv import Network
from isthmus.graph.episodes import Episodes, deal
from isthmus.graph.propagate import (
    GRAPHS_SMOOTH,
    OnGraph,
    Propagation,
    check_count,
    check_group_weight,
    check_restart,
    closed_form,
    leave_head,
    ordered_moments,
    travel,
)
from isthmus.graph.sampler import Sampler
from isthmus.graph.trainee import GraphTrainee, Steps, blocks
from isthmus.training import (
    Checkpoint,
    Log,
    Schedule,
    parse_loss,
    single_threaded,
    train,
)

if TYPE_CHECKING:
    pass

_SPARE = 2
"""Neighbours are looked up for so many times ``k``, since those of a fold are left out."""
_OF_PROPAGATION = (
    *("ridge", "power", "components", "k", "gamma"),
    *("restart", "hops", "group_weight"),
)
"""Hyper-parameters that :class:`Propagation` has too, in its order."""


class CMGNN(OnGraph):
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
        *,
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
        patience: int | None = 2,
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

    def _fit(self, pairs: PairedVectors, memo: Memo) -> Self:
        pairs, moments = ordered_moments(pairs, memo)
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
        steps = Steps(
            loss=self.loss,
            scale=self.scale,
            gamma=self.gamma,
            layers=self.layers,
            cross_k=self.cross_k,
            refresh_every=self.refresh_every,
            fanout=self.fanout,
        )
        trainee = GraphTrainee(steps, pairs, episodes, network, fold)
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

    def _leave(self, pairs: PairedVectors, closed: CCA, trainee: GraphTrainee) -> None:
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
        for rows in blocks(len(nodes)):
            found = trainee.hidden(sampler.sample(rows), start)
            for layer, state in zip(hidden, found, strict=False):  # the last is not needed
                layer[rows] = state[: len(rows)].detach().numpy()
        corrections = trainee.network.corrections(
            {m: [layer[nodes.span(m)] for layer in hidden] for m in nodes.names}
        )
        kept = dict(zip(nodes.names, trainee.network.restarts().tolist(), strict=True))
        self.heads_ = {
            m: leave_head(
                m,
                closed,
                nodes,
                neighbours[m],
                graph,
                states,
                k=self.k,
                gamma=self.gamma,
                restart=kept[m],
                correction=corrections[m],
            )
            for m in nodes.names
        }

    def _fingerprint(self, pairs: PairedVectors) -> str:
        own = {name: value for name, value in self.get_params().items() if name != "checkpoint"}
        arrays: dict[str, Array] = {f"x.{m}": x for m, x in pairs.vectors.items()}
        arrays |= {f"present.{m}": mask for m, mask in pairs.present.items()}
        return fingerprint(own, arrays)
