"""The head of a graph: a new item joins by its nearest training items; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.aligners.neighbours import edge_weights, nearest
from isthmus.aligners.state import Arrays, Document, Mapped, State, numbers, require, with_direction
from isthmus.core.linalg import F32, Array, l2_normalize
from isthmus.core.validate import check_vectors, fitting

_BLOCK = 2048
"""Items mapped at once, which bounds memory."""
_MOST_LAYERS = 64


class Joint(NamedTuple):
    """How an item joins a graph.

    Attributes:
        centre: ``(d,)``, subtracted from native vectors before cosines are taken.
        bank: ``(n, d)``, unit centred native vectors of the training items.
        degree: ``(n,)``, sums of the weights of their edges.
        k: Neighbours.
        gamma: Exponent of the cosines.
        unit: What weights are multiplied by.
    """

    centre: F32
    bank: F32
    degree: F32
    k: int
    gamma: float
    unit: float


class Correction(NamedTuple):
    """Graph convolutions whose result is added to what propagation gives.

    Attributes:
        project: ``(c, w)``, from the closed form to the network.
        weights: ``(w, w)`` of each layer.
        biases: ``(w,)`` of each layer.
        out: ``(w, c)``, back.
        states: What each layer sees of the bank: ``(n, w)`` each.
    """

    project: F32
    weights: Sequence[F32]
    biases: Sequence[F32]
    out: F32
    states: Sequence[F32]


@dataclass(frozen=True)
class _Numbers:
    k: int
    gamma: float
    unit: float
    restart: float
    layers: int

    def check(self) -> None:
        """Refuse numbers that no graph has."""
        require(self.k >= 1, "k must be at least 1")
        require(self.gamma >= 0 and self.unit > 0, "gamma and unit must not be negative")
        require(0 <= self.restart <= 1, "restart must be 0 to 1")
        require(0 <= self.layers <= _MOST_LAYERS, f"at most {_MOST_LAYERS} layers")


class GraphHead(Mapped):
    """Joins an item to the training items of its view and reads off its place.

    With ``h⁰ = l2((x − mean) W)``, the closed form, and edges to the ``k`` nearest training
    items ``j``, ``w_j = unit · max(0, s_j)^γ`` and ``d = Σ w_j``, propagation gives

        z = (1 − restart) Σ_j w_j / √(d d_j) · a_j + restart · h⁰

    where ``a_j`` is the state of ``j`` after all hops but the last, and a ``d`` of zero counts
    as 1. Layers of graph
    convolution (Kipf & Welling 2017), whose degrees count a loop of weight 1, give

        g⁰ = h⁰ P,   gˡ⁺¹ = relu((Σ_j w_j / √((d+1)(d_j+1)) · gˡ_j + gˡ / (d+1)) Wˡ + bˡ)

    and the item is mapped to ``l2(z + gᴸ O)``. The item gets messages and sends none, so
    training items stay what they are.

    Args:
        mean: ``(d,)``.
        weight: ``(d, c)``.
        joint: How the item joins.
        state: ``(n, c)``, the ``a_j``.
        restart: In 0…1; 1 is the closed form alone.
        correction: The convolutions, if any.
    """

    kind = "graph"

    def __init__(
        self,
        mean: Array,
        weight: Array,
        joint: Joint,
        state: Array,
        *,
        restart: float,
        correction: Correction | None = None,
    ) -> None:
        super().__init__(mean, weight)
        self.joint = joint
        self.bank_state = np.ascontiguousarray(state, dtype=np.float32)
        self.restart = float(restart)
        self.correction = correction

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, c)``."""
        rows = check_vectors(x, name="vectors", dim=self.input_dim)
        out = np.empty((len(rows), self.output_dim), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            out[start : start + _BLOCK] = self._block(rows[start : start + _BLOCK])
        return out

    def _block(self, x: F32) -> F32:
        joint = self.joint
        start = with_direction(l2_normalize((x - self.mean) @ self.weight))
        index, cosine = nearest(l2_normalize(x - joint.centre), joint.bank, joint.k)
        weights = edge_weights(cosine, joint.gamma) * np.float32(joint.unit)
        own, theirs = weights.sum(axis=1, keepdims=True), joint.degree[index]
        spread = weights / np.sqrt(np.where(own > 0, own, 1) * np.where(theirs > 0, theirs, 1))
        found = (1 - self.restart) * _gather(spread, self.bank_state, index) + self.restart * start
        if self.correction is not None:
            looped = weights / np.sqrt((own + 1) * (theirs + 1))
            found += self._convolve(start, index, looped, 1 / (own + 1))
        return with_direction(l2_normalize(found.astype(np.float32, copy=False)))

    def _convolve(self, start: F32, index: NDArray[np.intp], looped: F32, loop: F32) -> F32:
        net = self.correction
        assert net is not None
        hidden = start @ net.project
        for weight, bias, state in zip(net.weights, net.biases, net.states, strict=True):
            mixed = _gather(looped, state, index) + loop * hidden
            hidden = np.maximum(mixed @ weight + bias, 0).astype(np.float32, copy=False)
        out: F32 = (hidden @ net.out).astype(np.float32, copy=False)
        return out

    def state(self) -> State:
        """Numbers as JSON; bank, states and weights as arrays."""
        joint, net = self.joint, self.correction
        document = {
            "k": int(joint.k),
            "gamma": float(joint.gamma),
            "unit": float(joint.unit),
            "restart": self.restart,
            "layers": 0 if net is None else len(net.weights),
        }
        tensors: dict[str, Array] = {
            "mean": self.mean,
            "weight": self.weight,
            "centre": joint.centre,
            "bank": joint.bank,
            "degree": joint.degree,
            "state": self.bank_state,
        }
        if net is not None:
            tensors |= {"project": net.project, "out": net.out}
            for layer, parts in enumerate(zip(net.weights, net.biases, net.states, strict=True)):
                names = ("weights", "biases", "states")
                tensors |= {f"{n}.{layer}": part for n, part in zip(names, parts, strict=True)}
        return document, tensors

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> GraphHead:
        """The head that :meth:`state` described."""
        own = numbers(_Numbers, document)
        own.check()
        layers = range(own.layers)
        shapes = {"mean": "d", "weight": "dc", "centre": "d", "bank": "nd", "degree": "n"}
        shapes |= {"state": "nc"} | ({"project": "cw", "out": "wc"} if layers else {})
        for layer in layers:
            shapes |= {f"weights.{layer}": "ww", f"biases.{layer}": "w", f"states.{layer}": "nw"}
        found = fitting(tensors, **shapes)
        require(bool((found["degree"] >= 0).all()), "degrees must not be negative")
        joint = Joint(found["centre"], found["bank"], found["degree"], own.k, own.gamma, own.unit)
        net = None
        if layers:
            weights, biases, states = (
                [found[f"{name}.{layer}"] for layer in layers]
                for name in ("weights", "biases", "states")
            )
            net = Correction(found["project"], weights, biases, found["out"], states)
        return cls(
            found["mean"],
            found["weight"],
            joint,
            found["state"],
            restart=own.restart,
            correction=net,
        )


def _gather(weights: F32, state: F32, index: NDArray[np.intp]) -> F32:
    """``Σ_j weights[i, j] · state[index[i, j]]``, ``(q, c)``."""
    mixed: F32 = np.matmul(weights[:, None, :], state[index])[:, 0]
    return mixed
