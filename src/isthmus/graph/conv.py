"""The network: projections by view, then layers of graph convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from isthmus.aligners.graphhead import Correction
from isthmus.core.extras import require
from isthmus.core.linalg import F32

if TYPE_CHECKING:
    from torch import Generator, Tensor


def convolved(state: Tensor, edges: Tensor, weight: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """One layer of graph convolution, ``Ĝ H Wᵀ + b``.

    It is ``torch_geometric.nn.GCNConv`` without its own normalisation: a sample of a graph comes
    normalised, since degrees are those of the whole graph. To import that package takes longer
    than to train on some hundred records.

    Args:
        state: ``H``, ``(s, v)``.
        edges: ``(2, e)``, from and to.
        weight: ``(e,)``, the entries of ``Ĝ``, loops among them.
        kernel: ``W``, ``(w, v)``.
        bias: ``b``, ``(w,)``.

    Returns:
        ``(s, w)``.

    References:
        Kipf and Welling, "Semi-supervised classification with graph convolutional networks",
        ICLR 2017.
    """
    sent = _torch().nn.functional.linear(state, kernel)
    messages = weight[:, None] * sent.index_select(0, edges[0])
    return sent.new_zeros(sent.shape).index_add(0, edges[1], messages) + bias


_PACE = 100.0
"""How much faster the restarts learn than the weights: they are one number a view.
Chosen, not tuned."""


class Network:
    """``g⁰ = h⁰ P_m``, ``gˡ⁺¹ = relu(GCNˡ(gˡ))``, and ``gᴸ O_m``, which starts at zero.

    It also learns how much of its own place an item keeps, a restart for each view: near
    neighbours in one encoder mean more than in another.

    Args:
        views: Each gets projections ``P_m`` and ``O_m`` of its own.
        columns: Of the closed form, ``c``.
        width: Of the layers.
        layers: How many.
        dropout: Share of entries left out before each layer and after the last, in training.
        seed: Of the first weights.
        restart: That all views start with, in (0, 1]; at 1 it stays.
    """

    def __init__(
        self,
        views: Sequence[str],
        columns: int,
        *,
        width: int,
        layers: int,
        dropout: float,
        seed: int,
        restart: float,
    ) -> None:
        torch = _torch()
        drawn = torch.Generator().manual_seed(seed)
        self.dropout = dropout
        self.views = list(views)

        def normal(rows: int, gain: float) -> Tensor:
            return torch.randn((rows, width), generator=drawn) * np.sqrt(gain / rows)

        self.project = [normal(columns, 1.0).requires_grad_() for _ in views]
        self.out = [torch.zeros(width, columns, requires_grad=True) for _ in views]
        self.fixed = restart == 1
        odds = 0.0 if self.fixed else float(np.log(restart / (1 - restart)))
        self.odds = torch.full((len(views),), odds / _PACE, requires_grad=True)
        self.kernels = [normal(width, 2.0).T.contiguous().requires_grad_() for _ in range(layers)]
        self.biases = [torch.zeros(width, requires_grad=True) for _ in range(layers)]

    def parameters(self) -> dict[str, Tensor]:
        """Leaf tensors by name."""
        found: dict[str, Tensor] = {} if self.fixed else {"restart": self.odds}
        for name, project, out in zip(self.views, self.project, self.out, strict=True):
            found |= {f"project.{name}": project, f"out.{name}": out}
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            found |= {f"weight.{number}": kernel, f"bias.{number}": bias}
        return found

    def restarts(self) -> Tensor:
        """What an item keeps of its own place, ``(views,)``."""
        if self.fixed:
            return _torch().ones(len(self.views))
        return (self.odds * _PACE).sigmoid()

    def hidden(
        self,
        start: Tensor,
        view: Tensor,
        edges: Tensor,
        weight: Tensor,
        generator: Generator | None = None,
    ) -> list[Tensor]:
        """What goes into each layer, and what comes out of the last.

        Args:
            start: ``(s, c)``, the closed form of each node.
            view: ``(s,)``, place of its view.
            edges: ``(2, e)``, from and to.
            weight: ``(e,)``, normalised, loops among them.
            generator: Draws what is left out in training; None leaves nothing out.

        Returns:
            ``layers + 1`` tensors ``(s, w)``.
        """
        torch = _torch()
        state = torch.zeros(len(start), self.project[0].shape[1])
        for number, project in enumerate(self.project):
            own = torch.nonzero(view == number).ravel()
            state = state.index_copy(0, own, self._thin(start[own], generator) @ project)
        states = [state]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            state = convolved(state, edges, weight, kernel, bias).relu()
            state = self._thin(state, generator)
            states.append(state)
        return states

    def emit(self, hidden: Tensor, number: int) -> Tensor:
        """Last states of nodes of one view to corrections ``(b, c)``."""
        return hidden @ self.out[number]

    def corrections(self, states: Mapping[str, Sequence[F32]]) -> dict[str, Correction]:
        """What heads need, by view.

        Args:
            states: By view, what each layer sees of its training items.
        """

        def array(tensor: Tensor) -> F32:
            return np.ascontiguousarray(tensor.detach().numpy())

        weights = [array(kernel.T) for kernel in self.kernels]
        biases = [array(bias) for bias in self.biases]
        return {
            m: Correction(array(project), weights, biases, array(out), list(states[m]))
            for m, project, out in zip(self.views, self.project, self.out, strict=True)
        }

    def _thin(self, state: Tensor, generator: Generator | None) -> Tensor:
        if generator is None or self.dropout == 0:
            return state
        kept = _torch().rand(state.shape, generator=generator) >= self.dropout
        return state * kept / (1 - self.dropout)


def _torch() -> ModuleType:
    return require("torch", extra="graph", purpose="a network on a graph (cm-gnn)")
