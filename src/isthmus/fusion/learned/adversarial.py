"""Adversarial fusion: features that no judge can trace to the view they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.aligners.traits import Search
from isthmus.core.linalg import F64
from isthmus.fusion.closed.learners import Learner
from isthmus.fusion.learned.readings import Readings
from isthmus.fusion.learned.trained import STARTS, WORTH_TRAINING, Split, Weights, near_identity
from isthmus.fusion.learned.trainee import Bout, FusionTrainee
from isthmus.training import Phase

if TYPE_CHECKING:
    from torch import Generator, Tensor

FEATURES = 16
"""Features of a view beside what its predictor says."""
_UNITS = 32
"""Hidden units of the judge."""
_SLOPE = 0.2
"""Of the leaky rectifier of the judge."""


class Adversarial(Split):
    """``s = C · mean_v E_v h_v``, where a judge cannot tell ``v`` from ``E_v h_v``.

    The judge, a small network, learns to name the view; the ``E_v`` learn the target, and to make
    the judge answer with equal odds, and their columns are kept orthogonal. ``E_v`` starts by
    handing on what the view's predictor says and ``C`` by adding it up: late fusion.

    Args:
        confusion: Weight of the judge's uncertainty.
        orthogonal: Weight of ``‖EᵀE − diag‖²`` over the drawn columns.
        params: See :class:`isthmus.fusion.learned.trained.Trained`.

    References:
        Ganin et al., "Domain-adversarial training of neural networks", 2016; Mai, Hu & Xing,
        "Modality to modality translation: an adversarial representation learning and graph fusion
        network for multimodal fusion", AAAI 2020; Bousmalis et al., "Domain separation networks",
        2016 (orthogonality).
    """

    name = "adversarial"
    search = Search(
        place=230,
        grid=({}, {"confusion": 1.0}, {"learning_rate": 1e-2}),
        cost=4.0,
        trained=True,
        conditions=(WORTH_TRAINING,),
        starts=STARTS,
    )

    def __init__(
        self,
        dropout: float = 0.25,
        components: int = 32,
        *,
        confusion: float = 0.1,
        orthogonal: float = 0.1,
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
        self.confusion, self.orthogonal = float(confusion), float(orthogonal)

    def start_weights(self, sizes: Sequence[int], width: int) -> dict[str, F64]:
        """What predictors say is handed on; the other features are orthogonal, and not yet used."""
        rng = np.random.default_rng(self.seed)
        weights: dict[str, F64] = {"out": near_identity(width + FEATURES, width)}
        for place, size in enumerate(sizes):
            drawn = np.zeros((size, FEATURES))
            count = min(size - width, FEATURES)
            drawn[width:, :count] = np.linalg.qr(rng.normal(size=(size - width, count)))[0]
            weights[f"in.{place}"] = np.hstack([near_identity(size, width), drawn])
        return weights

    def features(self, weights: Weights, readings: Readings) -> list[Any]:
        """``E_v h_v`` of each view, ``(n, width + 16)``."""
        return [h @ weights[f"in.{place}"] for place, h in enumerate(readings.hidden)]

    def join_views(self, xp: Any, weights: Weights, readings: Readings) -> list[Any]:
        """The features of each view, read off by what all views share."""
        gain = readings.gain
        return [
            gain[:, [place]] * (z @ weights["out"])
            for place, z in enumerate(self.features(weights, readings))
        ]

    def trainee(self, bout: Bout) -> FusionTrainee:
        """The features, and the judge whom they are to mislead."""
        return _Adversaries(self, bout)


class _Adversaries(FusionTrainee):
    """Features against a judge, in turns."""

    def __init__(self, fusion: Adversarial, bout: Bout) -> None:
        super().__init__(fusion, bout)
        torch, views = self.torch, len(self.readings.hidden)
        self.owner = fusion
        drawn = torch.Generator().manual_seed(fusion.seed)
        columns = self.begin["out"].shape[0]

        def weight(rows: int, count: int) -> Tensor:
            normal = torch.randn(rows, count, generator=drawn) / rows**0.5
            return normal.requires_grad_()

        self.judging = {
            "in": weight(columns, _UNITS),
            "bias": torch.zeros(_UNITS, requires_grad=True),
            "out": weight(_UNITS, views),
        }

    def phases(self) -> Sequence[Phase]:
        """The judge learns first, then the features, one step each a batch."""
        return [Phase("judge", self.judging, self._judge_loss), *super().phases()]

    def _named(self, readings: Readings, weights: Weights) -> tuple[Tensor, Tensor]:
        """Log odds of views by the judge for every feature vector, and the true view."""
        torch = self.torch
        features = self.owner.features(weights, readings)
        found, views = [], []
        for place, z in enumerate(features):
            here = torch.nonzero(readings.there[:, place]).ravel()
            found.append(z[here])
            views.append(torch.full((len(here),), place))
        inner = torch.cat(found) @ self.judging["in"] + self.judging["bias"]
        inner = torch.nn.functional.leaky_relu(inner, _SLOPE)
        return inner @ self.judging["out"], torch.cat(views)

    def _judge_loss(self, batch: Tensor, generator: Generator) -> Tensor:
        weights = {name: value.detach() for name, value in self.moved().items()}
        odds, views = self._named(self.readings.take(self.learn[batch]), weights)
        found: Tensor = self.torch.nn.functional.cross_entropy(odds, views)
        return found

    def batch_loss(self, batch: Tensor, generator: Generator) -> Tensor:
        """Loss of the target, of the judge's certainty, and of what is not orthogonal."""
        weights = self.moved()
        odds, _ = self._named(self.readings.take(self.learn[batch]), weights)
        certainty = -odds.log_softmax(dim=1).mean()
        loss = super().batch_loss(batch, generator)
        return loss + self.owner.confusion * certainty + self.owner.orthogonal * self._skew(weights)

    def _skew(self, weights: Weights) -> Tensor:
        width = self.readings.width
        total = self.torch.zeros(())
        for place in range(len(self.readings.hidden)):
            drawn = weights[f"in.{place}"][:, width:]
            products = drawn.T @ drawn
            total = total + (products - self.torch.diag(self.torch.diag(products))).square().sum()
        return total / (FEATURES * len(self.readings.hidden))
