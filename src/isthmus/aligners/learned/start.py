"""Where contrastive training starts: the closed form, in whitened coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.heads import LinearHead
from isthmus.aligners.kernel import HiddenLayer, KernelCCA, hidden
from isthmus.core.contracts import Head
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.moments import of_rows

Kind = Literal["linear", "mlp"]


@dataclass(frozen=True)
class StartPlan:
    """What training starts from; the names are those of the aligner.

    Attributes:
        head: The closed form of :class:`CCA`, or of :class:`KernelCCA`.
        ridge: λ of the closed form and of the whitening.
        power: Exponent of the canonical correlations.
        warm_start: Start from the closed form; otherwise from random weights.
        seed: Of the random weights.
    """

    head: Kind
    ridge: float
    power: float
    warm_start: bool
    seed: int


class Start:
    """Whitened coordinates of every view, and the weights that training starts from.

    Args:
        pairs: The records.
        plan: What it starts from.
    """

    def __init__(self, pairs: PairedVectors, plan: StartPlan) -> None:
        self.native = pairs
        self.name = "closed form" if plan.warm_start else "start"
        self.layers: dict[str, HiddenLayer] = {}
        if plan.head == "mlp":
            kernel = KernelCCA(ridge=plan.ridge, power=plan.power)
            self.layers = kernel.layers(pairs)
            pairs = hidden(pairs, self.layers)
        self._seen = pairs
        moments = of_rows(pairs)
        cca = CCA(ridge=plan.ridge, power=plan.power).fit_moments(moments)
        self.present = pairs.present
        self.means: dict[str, F64] = {}
        self.whiteners: dict[str, F64] = {}
        self.weights: dict[str, F64] = {}
        rng = np.random.default_rng(plan.seed)
        for m in pairs.views:
            _, values, vectors = moments.spectrum(m)
            roots = np.sqrt(values + plan.ridge * values.sum() / moments.dims[m])
            head = cca.heads_[m]
            assert isinstance(head, LinearHead)
            self.means[m] = moments.mean(m)
            self.whiteners[m] = vectors / roots
            weight = (vectors * roots).T @ head.weight.astype(np.float64)
            # Rows are normalised in the end, so only the rate of learning sees this scale.
            self.weights[m] = weight / np.linalg.norm(weight, axis=0).max()
            if not plan.warm_start:
                shape = self.weights[m].shape
                self.weights[m] = rng.normal(size=shape) / math.sqrt(shape[0])

    def whitened(self, pairs: PairedVectors) -> dict[str, F64]:
        """Coordinates ``(n, r)`` of native vectors; rows of absent items mean nothing."""
        if pairs is self.native:
            found = self._seen
        else:
            found = hidden(pairs, self.layers) if self.layers else pairs
        return {m: (x - self.means[m]) @ self.whiteners[m] for m, x in found.vectors.items()}

    def heads(self, changes: Mapping[str, F64] | None) -> dict[str, Head]:
        """The heads, with what training added to the weights."""
        heads: dict[str, Head] = {}
        for m, start in self.weights.items():
            weight = self.whiteners[m] @ (start if changes is None else start + changes[m])
            if self.layers:
                heads[m] = self.layers[m].head(self.means[m], weight)
            else:
                heads[m] = LinearHead(self.means[m], weight)
        return heads
