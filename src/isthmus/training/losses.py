"""Losses between paired vectors of two views, and weighted sums of them by name.

Every loss takes two matrices of which row ``i`` belongs to row ``i`` and gives a scalar tensor
that can be differentiated. torch is imported only when a loss is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from isthmus.core.errors import InputError
from isthmus.core.extras import require
from isthmus.core.wording import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of partners, ``mean ‖xᵢ − yᵢ‖²``.

    Args:
        x: ``(n, k)``.
        y: ``(n, k)``.
    """
    return (x - y).square().sum(dim=1).mean()


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Mean of ``1 − cos(xᵢ, yᵢ)``; rows need not be of unit length.

    Args:
        x: ``(n, k)``.
        y: ``(n, k)``.
    """
    return (1 - _torch().nn.functional.cosine_similarity(x, y, dim=1)).mean()


def kl(x: Tensor, y: Tensor, *, temperature: float | Tensor = 0.1) -> Tensor:
    """How differently two views see the same neighbourhoods.

    ``Pᵢ = softmaxⱼ(xᵢ·xⱼ / τ)`` and ``Qᵢ`` likewise of ``y``, over all rows ``j`` with ``i``
    itself among them. The loss is the mean over rows of ``½ KL(Pᵢ‖Qᵢ) + ½ KL(Qᵢ‖Pᵢ)``
    (Jeffreys divergence, halved). A softmax has full support, so it is always finite; between
    one-hot distributions the divergence would be infinite. Similarities do not see a rotation
    of one view, so this loss alone aligns nothing: add it to another.

    Args:
        x: ``(n, k)`` unit vectors.
        y: ``(n, k)`` unit vectors.
        temperature: τ.
    """
    p = _torch().log_softmax(x @ x.T / temperature, dim=1)
    q = _torch().log_softmax(y @ y.T / temperature, dim=1)
    return ((p.exp() - q.exp()) * (p - q)).sum(dim=1).mean() / 2


def info_nce(x: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
    """Cross-entropy of finding the partner among all rows, mean of both directions.

    ``−½ mean log softmaxⱼ(s xᵢ·yⱼ)ᵢ − ½ mean log softmaxⱼ(s yᵢ·xⱼ)ᵢ``. Equal scores give
    ``log n``. Oord et al., "Representation learning with contrastive predictive coding", 2018;
    symmetric as in Radford et al. (CLIP), 2021.

    Args:
        x: ``(n, k)`` unit vectors.
        y: ``(n, k)`` unit vectors.
        scale: ``s``, one over the temperature.
    """
    scores = scale * (x @ y.T)
    forward = scores.log_softmax(dim=1).diagonal().mean()
    backward = scores.log_softmax(dim=0).diagonal().mean()
    return -(forward + backward) / 2


def siglip(x: Tensor, y: Tensor, scale: float | Tensor, bias: float | Tensor) -> Tensor:
    """Every pair of rows judged by itself: partners or not.

    ``−(1/n) Σᵢⱼ log σ(zᵢⱼ (s xᵢ·yⱼ + b))`` with ``z = 1`` for partners and ``−1`` for all
    others. Zhai et al., "Sigmoid loss for language image pre-training", 2023.

    Args:
        x: ``(n, k)`` unit vectors.
        y: ``(n, k)`` unit vectors.
        scale: ``s``.
        bias: ``b``, negative where most rows are no partners.
    """
    torch = _torch()
    scores = scale * (x @ y.T) + bias
    signs = 2 * torch.eye(len(x), dtype=scores.dtype) - 1
    return -torch.nn.functional.logsigmoid(signs * scores).sum(dim=1).mean()


@dataclass(frozen=True)
class Loss:
    """A weighted sum of named losses.

    Attributes:
        terms: Weight and name of each.
    """

    terms: tuple[tuple[float, str], ...]

    def __call__(
        self, x: Tensor, y: Tensor, *, scale: float | Tensor = 20.0, bias: float | Tensor = -10.0
    ) -> Tensor:
        """The sum for paired unit vectors ``(n, k)``.

        Args:
            x: ``(n, k)`` unit vectors.
            y: ``(n, k)`` unit vectors.
            scale: Of ``info_nce`` and ``siglip``; ``kl`` takes one over it as its temperature,
                as a constant, since a temperature that may grow makes that loss vanish.
            bias: Of ``siglip``.
        """
        return sum(weight * _LOSSES[name](x, y, scale, bias) for weight, name in self.terms)

    @property
    def names(self) -> frozenset[str]:
        """The names that occur in it."""
        return frozenset(name for _, name in self.terms)

    def __str__(self) -> str:
        return " + ".join(name if w == 1 else f"{w:g}*{name}" for w, name in self.terms)


def parse_loss(text: str) -> Loss:
    """A sum of losses as users write it.

    Args:
        text: Terms joined by ``+``; a term is a name or ``weight*name``. Names are
            ``cosine``, ``euclidean``, ``info_nce``, ``kl`` and ``siglip``.

    Raises:
        InputError: If a name is unknown or a weight is not positive.

    Examples:
        >>> parse_loss("info_nce + 0.5*kl").terms
        ((1.0, 'info_nce'), (0.5, 'kl'))
    """
    if not isinstance(text, str):
        raise InputError(f"a loss is named by text such as 'info_nce + 0.5*kl', got {text!r}")
    return Loss(tuple(_term(term, text) for term in text.split("+")))


def _term(term: str, text: str) -> tuple[float, str]:
    before, star, after = (part.strip() for part in term.partition("*"))
    weight, name = (before, after) if star else ("1", before)
    if name not in _LOSSES:
        hint, known = did_you_mean(name, _LOSSES), ", ".join(sorted(_LOSSES))
        raise InputError(f"unknown loss {name!r} in {text!r}.{hint} Known: {known}")
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"the weight of {name} in {text!r} must be positive, got {weight!r}")
    return value, name


def _kl_at_scale(x: Tensor, y: Tensor, scale: float | Tensor, bias: float | Tensor) -> Tensor:
    constant = scale if isinstance(scale, float | int) else scale.detach()
    return kl(x, y, temperature=1 / constant)


_LOSSES: dict[str, Callable[[Tensor, Tensor, float | Tensor, float | Tensor], Tensor]] = {
    "cosine": lambda x, y, scale, bias: cosine(x, y),
    "euclidean": lambda x, y, scale, bias: euclidean(x, y),
    "info_nce": lambda x, y, scale, bias: info_nce(x, y, scale),
    "kl": _kl_at_scale,
    "siglip": siglip,
}


def _torch() -> ModuleType:
    return require("torch", extra="learned", purpose="a learned aligner")
