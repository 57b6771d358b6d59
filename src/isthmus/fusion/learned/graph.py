"""Graph convolution over the views of a record and its nearest records in each view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from isthmus.aligners.base import check_positive
from isthmus.aligners.traits import Related, Search
from isthmus.core.linalg import F64, Array
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import exact, split_names
from isthmus.fusion.base import State
from isthmus.fusion.closed.learners import Learner
from isthmus.fusion.learned.readings import Read, Readings
from isthmus.fusion.learned.trained import STARTS, WORTH_TRAINING, Trained, Weights
from isthmus.fusion.neighbourhood import Bank, Near, bank_tensors, banks_from
from isthmus.fusion.target import Target
from isthmus.graph.propagate import check_count

UNITS = 32
"""Columns of the layer."""


@dataclass(frozen=True, eq=False)
class Joined(Readings):
    """Readings of records, and of those that they are joined to.

    Attributes:
        index: By place of the view ``(n, k)``, training records.
        weight: By place ``(n, k)``, of their edges.
        bank: By place ``(m, width + c)``, readings of all training records.
        known: ``(m, width)``, what is known of them.
    """

    index: Sequence[Any] = ()
    weight: Sequence[Any] = ()
    bank: Sequence[Any] = ()
    known: Any = None

    def take(self, rows: Any) -> Self:
        """Those of some records; the bank stays whole."""
        index, weight = [i[rows] for i in self.index], [w[rows] for w in self.weight]
        return replace(super().take(rows), index=index, weight=weight)

    def tensors(self, torch: Any) -> Self:
        """The same for torch."""
        return replace(
            super().tensors(torch),
            index=[torch.tensor(one) for one in self.index],
            weight=[torch.tensor(one, dtype=torch.float32) for one in self.weight],
            bank=[torch.tensor(one, dtype=torch.float32) for one in self.bank],
            known=torch.tensor(self.known, dtype=torch.float32),
        )


class Graph(Trained):
    """Late fusion, and a layer of graph convolution: ``s = late + O · mean_v relu(ĝ_v W + b)``.

    Each view of a record is a node ``g_v = h_v P_v``. It is joined to the record's other views,
    and to the ``k`` nearest training records in its view, whose nodes also know their target:
    ``g_j = h_j P_v + y_j Q``. ``ĝ`` is the mean over a node, with a loop of weight 1, and its
    neighbours, whose weights sum to 1 (``D̂⁻¹Â``). Training records are joined to those of other
    folds, so that they are trained as new ones; a new record joins, and changes no other. ``O``
    starts at zero, so that training starts at late fusion. Shares are Shapley's values.

    Args:
        k: Neighbours in each view.
        gamma: Exponent of their cosines.
        params: See :class:`isthmus.fusion.learned.trained.Trained`.

    References:
        Kipf and Welling, "Semi-supervised classification with graph convolutional networks",
        ICLR 2017; Shi et al., "Masked label prediction", IJCAI 2021 (targets as features).
    """

    name = "graph"
    search = Search(
        place=240,
        grid=({}, {"k": 5}, {"learning_rate": 1e-2}),
        cost=4.0,
        trained=True,
        conditions=(WORTH_TRAINING,),
        starts=STARTS,
        rivals=(Related("graph-smooth", taken=("k", "gamma")),),
    )

    def __init__(
        self,
        k: int = 10,
        gamma: float = 3.0,
        *,
        dropout: float = 0.25,
        components: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
        epochs: int = 60,
        patience: int = 10,
        learner: Learner | None = None,
        scale: bool | None = None,
        folds: int = 5,
        augment: str = "",
        seed: int = 0,
    ) -> None:
        super().__init__(
            dropout,
            components,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            epochs=epochs,
            patience=patience,
            learner=learner,
            scale=scale,
            folds=folds,
            augment=augment,
            seed=seed,
        )
        self.k, self.gamma = check_count(k, "k"), check_positive(gamma, "gamma")

    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """Projections and the layer are drawn; nothing is made of them yet."""
        rng = np.random.default_rng(self.seed)
        weights: dict[str, F64] = {
            "known": rng.normal(size=(width, UNITS)),
            "layer": rng.normal(size=(UNITS, UNITS)) * np.sqrt(2 / UNITS),
            "bias": np.zeros(UNITS),
            "out": np.zeros((UNITS, width)),
        }
        for place, size in enumerate(sizes):
            weights[f"project.{place}"] = rng.normal(size=(size, UNITS)) / np.sqrt(size)
        return weights

    def join(self, xp: Any, weights: Weights, readings: Readings) -> Any:
        """Late fusion and what the layer adds."""
        assert isinstance(readings, Joined)
        nodes = [h @ weights[f"project.{p}"] for p, h in enumerate(readings.hidden)]
        count = readings.count
        told = readings.known @ weights["known"]
        # A view that is missing has a node of zero, so the sum is over those that are there.
        own, added = sum(nodes), 0.0
        for place, near in enumerate(readings.weight):
            bank = readings.bank[place] @ weights[f"project.{place}"] + told
            reached = (near[:, :, None] * bank[readings.index[place]]).sum(axis=1)
            mixed = (own + reached) / (count + near.sum(axis=1)[:, None])
            layer = mixed @ weights["layer"] + weights["bias"]
            added = added + readings.there[:, [place]] * (layer + xp.abs(layer)) / 2
        return readings.late + added / count @ weights["out"]

    def readings_to_learn(self, found: Read, rows: PairedVectors, target: Target) -> Readings:
        """Training records, joined to those of other folds."""
        self._banks = {view: Bank.of(rows, view) for view in rows.views}
        self._bank, known = found.readings.hidden, target.matrix
        self._targets = (known - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-9)
        near = [
            bank.look_among(rows, view, self.k, self.gamma, found.labels)
            for view, bank in self._banks.items()
        ]
        return self._joined(found.readings, near)

    def readings_of(self, rows: PairedVectors) -> Readings:
        """New records, joined to training records."""
        near = [bank.look(rows, view, self.k, self.gamma) for view, bank in self._banks.items()]
        return self._joined(super().readings_of(rows), near)

    def _joined(self, readings: Readings, near: Sequence[Near]) -> Joined:
        own = {field.name: getattr(readings, field.name) for field in fields(Readings)}
        index, weight = [one.index for one in near], [one.weight for one in near]
        return Joined(**own, index=index, weight=weight, bank=self._bank, known=self._targets)

    def state(self) -> State:
        """What every trained fusion has, and the training records."""
        document, tensors = super().state()
        tensors |= {"known": self._targets, **bank_tensors(self._banks)}
        return document, {**tensors, **{f"bank.{p}": h for p, h in enumerate(self._bank)}}

    def restore(self, document: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take back what :meth:`state` gave."""
        own = {name: x for name, x in tensors.items() if name.split(".")[0] in ("known", "bank")}
        super().restore(document, {name: x for name, x in tensors.items() if name not in own})
        width, places = self.target_.width, range(len(self.views_))
        readings = {name: own.pop(name, np.zeros(0)) for name in (f"bank.{p}" for p in places)}
        known = {"known": own.pop("known", np.zeros(0))}
        self._targets = exact(known, {"w": width}, known="mw")["known"]
        m = len(self._targets)
        self._banks = banks_from(split_names(own).get("bank", {}), self.views_, m)
        self._bank = [
            exact({"bank": x}, {"m": m, "h": width + maps.shape[1]}, bank="mh")["bank"]
            for x, maps in zip(readings.values(), self._reader.maps, strict=True)
        ]
