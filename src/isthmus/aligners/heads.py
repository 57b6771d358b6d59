"""Heads: the small maps that aligners leave behind; applying one needs only numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isthmus.aligners.affine import AffineHead, UnitHead
from isthmus.aligners.affine import LinearHead as LinearHead
from isthmus.aligners.graphhead import GraphHead
from isthmus.aligners.state import Arrays, Document, State, numbers, require
from isthmus.aligners.state import unit_rows as unit_rows
from isthmus.core.artifact import Tensors
from isthmus.core.contracts import Head
from isthmus.core.errors import ArtifactError
from isthmus.core.linalg import F32, Array, Floats, l2_normalize
from isthmus.core.validate import check_vectors, fitting, split_names


class AnchorHead:
    """Similarity to anchors as coordinates: ``x ↦ l2(top-k(max(0, l2(x − mean) Aᵀ))^power)``.

    Norelli et al., "ASIF: Coupled Data Turns Unimodal Models to Multimodal Without
    Training", 2023; here on centred vectors. The coordinates are the explanation.

    Args:
        mean: ``(d,)``.
        anchors: ``(n, d)`` unit vectors.
        k: How many coordinates of each row are kept.
        power: Exponent of the similarities.
    """

    kind = "anchors"

    def __init__(self, mean: Array, anchors: Array, *, k: int, power: float) -> None:
        self.mean = np.asarray(mean, dtype=np.float32)
        self.anchors = np.ascontiguousarray(anchors, dtype=np.float32)
        self.k = min(int(k), len(self.anchors))
        self.power = float(power)

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return int(self.anchors.shape[1])

    @property
    def output_dim(self) -> int:
        """Dimension of the space: the number of anchors."""
        return int(self.anchors.shape[0])

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, anchors)``."""
        rows = check_vectors(x, name="vectors", dim=self.input_dim)
        return self.coordinates(self.similarities(rows))

    def similarities(self, x: F32) -> F32:
        """To each anchor, none below zero: ``(n, anchors)``, whatever ``k`` and power are."""
        similarities: F32 = np.maximum(l2_normalize(x - self.mean) @ self.anchors.T, 0.0)
        return similarities

    def coordinates(self, scores: F32) -> F32:
        """What is kept of similarities ``(n, anchors)``, as unit vectors."""
        if self.k < scores.shape[1]:
            smallest = np.partition(scores, -self.k, axis=1)[:, [-self.k]]
            scores = np.where(scores >= smallest, scores, 0.0)
        # Dividing by the row's largest first keeps high powers from underflowing to zero.
        largest = np.maximum(scores.max(axis=1, keepdims=True), 1e-12)
        return unit_rows((scores / largest) ** self.power)

    def state(self) -> State:
        """Parameters: ``k`` and ``power`` as JSON; ``mean`` and ``anchors`` as arrays."""
        document = {"k": self.k, "power": self.power}
        return document, {"mean": self.mean, "anchors": self.anchors}

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> AnchorHead:
        """The head that :meth:`state` described."""
        own = numbers(_AnchorNumbers, document)
        require(own.k >= 1 and own.power > 0, "k must be at least 1, and power positive")
        return cls(**fitting(tensors, mean="d", anchors="nd"), k=own.k, power=own.power)


class MLPHead:
    """One hidden layer of Gaussian units: ``x ↦ l2(h(u) W + b)``, ``u = l2(x − mean) Cᵀ``.

    ``h(u) = exp(s (u − 1)) + a·u``, of which the first part is ``exp(−s/2 ‖x̂ − c‖²)`` for
    unit vectors and the second lets the layer be linear too. Broomhead and Lowe, "Multivariable
    functional interpolation and adaptive networks", 1988.

    Args:
        mean: ``(d,)``.
        centres: ``(m, d)`` unit vectors, ``C``.
        weight: ``(m, k)``, ``W``.
        bias: ``(k,)``, ``b``.
        sharpness: ``s``.
        linear: ``a``.
    """

    kind = "mlp"

    def __init__(
        self,
        mean: Array,
        centres: Array,
        weight: Array,
        bias: Array,
        *,
        sharpness: float,
        linear: float,
    ) -> None:
        self.mean = np.asarray(mean, dtype=np.float32)
        self.centres = np.ascontiguousarray(centres, dtype=np.float32)
        self.weight = np.ascontiguousarray(weight, dtype=np.float32)
        self.bias = np.asarray(bias, dtype=np.float32)
        self.sharpness = float(sharpness)
        self.linear = float(linear)

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return int(self.centres.shape[1])

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        return int(self.weight.shape[1])

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, k)``."""
        rows = check_vectors(x, name="vectors", dim=self.input_dim)
        cosines = l2_normalize(rows - self.mean) @ self.centres.T
        units = gaussian_units(cosines, sharpness=self.sharpness, linear=self.linear)
        return unit_rows(units.astype(np.float32) @ self.weight + self.bias)

    def state(self) -> State:
        """Parameters: ``sharpness`` and ``linear`` as JSON; the rest as arrays."""
        tensors: dict[str, Array] = {
            "mean": self.mean,
            "centres": self.centres,
            "weight": self.weight,
            "bias": self.bias,
        }
        return {"sharpness": self.sharpness, "linear": self.linear}, tensors

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> MLPHead:
        """The head that :meth:`state` described."""
        own = numbers(_MLPNumbers, document)
        require(own.sharpness >= 0, "sharpness must not be negative")
        arrays = fitting(tensors, mean="d", centres="md", weight="mk", bias="k")
        return cls(**arrays, sharpness=own.sharpness, linear=own.linear)


def gaussian_units(cosines: Floats, *, sharpness: float, linear: float) -> Floats:
    """What the hidden units of :class:`MLPHead` say, ``exp(s (u − 1)) + a·u``.

    It is also the kernel of two unit vectors with cosine ``u``.

    Args:
        cosines: ``u``, any shape.
        sharpness: ``s``.
        linear: ``a``.

    Returns:
        Same shape and dtype.
    """
    out: Floats = np.exp(sharpness * (cosines - 1)) + linear * cosines
    return out


class ConcatHead:
    """Several heads side by side, so that cosines are the weighted mean of theirs.

    Args:
        parts: The heads; all of one input dimension.
        weights: One positive number a head; they are scaled to sum to 1.
    """

    kind = "concat"

    def __init__(self, parts: Sequence[Head], weights: Sequence[float]) -> None:
        self.parts = list(parts)
        total = float(sum(weights))
        self.weights = [float(weight) / total for weight in weights]

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return self.parts[0].input_dim

    @property
    def output_dim(self) -> int:
        """Dimension of the space: the sum of the parts' dimensions."""
        return sum(part.output_dim for part in self.parts)

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, Σk)``."""
        return concatenated([part(x) for part in self.parts], self.weights)

    def state(self) -> State:
        """Parameters of every part, under numbered names."""
        parts, tensors = _parts_state(self.parts)
        return {"weights": self.weights, "parts": parts}, tensors

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> ConcatHead:
        """The head that :meth:`state` described."""
        own = numbers(_ConcatNumbers, document)
        parts = _parts_from(own.parts, tensors)
        require(
            len(own.weights) == len(parts) > 0 and all(0 < w <= 1 for w in own.weights),
            "need a weight for each part, in 0 to 1",
        )
        require(len({part.input_dim for part in parts}) == 1, "its parts take different vectors")
        return cls(parts, own.weights)


def concatenated(parts: Sequence[F32], weights: Sequence[float]) -> F32:
    """Unit vectors side by side, so that cosines are the weighted mean of theirs.

    Args:
        parts: ``(n, kᵢ)`` each.
        weights: One positive number a part, of any sum.

    Returns:
        Unit vectors ``(n, Σk)``.
    """
    total = float(sum(weights))
    scaled = [
        np.float32(np.sqrt(weight / total)) * part
        for part, weight in zip(parts, weights, strict=True)
    ]
    return np.concatenate(scaled, axis=1)


@dataclass(frozen=True)
class _AnchorNumbers:
    k: int
    power: float


@dataclass(frozen=True)
class _MLPNumbers:
    sharpness: float
    linear: float


@dataclass(frozen=True)
class _Part:
    kind: str
    state: Mapping[str, object]


@dataclass(frozen=True)
class _ChainNumbers:
    parts: tuple[_Part, ...]


@dataclass(frozen=True)
class _ConcatNumbers:
    weights: tuple[float, ...]
    parts: tuple[_Part, ...]


class ChainHead:
    """One head after another: ``x ↦ last(… first(x))``.

    Args:
        parts: Two heads or more, of which each takes what the one before gives.
    """

    kind = "chain"

    def __init__(self, parts: Sequence[Head]) -> None:
        self.parts = list(parts)

    @property
    def input_dim(self) -> int:
        """Dimension of native vectors."""
        return self.parts[0].input_dim

    @property
    def output_dim(self) -> int:
        """Dimension of the space."""
        return self.parts[-1].output_dim

    @property
    def mean(self) -> Array:
        """Of native vectors, ``(d,)``; zeros where the first head has none."""
        found: Array = getattr(self.parts[0], "mean", np.zeros(self.input_dim, np.float32))
        return found

    def __call__(self, x: Array) -> F32:
        """Native ``(n, d)`` to unit vectors ``(n, k)``."""
        first, *others = self.parts
        out = first(x)
        for part in others:
            out = part(out)
        return out

    def state(self) -> State:
        """Parameters of every part, under numbered names."""
        parts, tensors = _parts_state(self.parts)
        return {"parts": parts}, tensors

    @classmethod
    def from_state(cls, document: Document, tensors: Arrays) -> ChainHead:
        """The head that :meth:`state` described."""
        parts = _parts_from(numbers(_ChainNumbers, document).parts, tensors)
        require(len(parts) > 1, "need two parts or more")
        dims = [(a.output_dim, b.input_dim) for a, b in pairwise(parts)]
        require(all(a == b for a, b in dims), "a part does not take what the one before gives")
        return cls(parts)


def _parts_state(heads: Sequence[Head]) -> tuple[list[dict[str, object]], dict[str, Array]]:
    """Kinds and documents of several heads, and their arrays under numbered names."""
    parts: list[dict[str, object]] = []
    tensors: dict[str, Array] = {}
    for index, part in enumerate(heads):
        inner, arrays = part.state()
        parts.append({"kind": part.kind, "state": inner})
        tensors.update({f"{index}.{name}": array for name, array in arrays.items()})
    return parts, tensors


def _parts_from(rows: Sequence[_Part], tensors: Arrays) -> list[Head]:
    """What :func:`_parts_state` described.

    Raises:
        ArtifactError: If an array belongs to no part.
    """
    arrays = split_names(tensors)
    parts = [
        head_from_state(part.kind, part.state, arrays.pop(str(place), {}))
        for place, part in enumerate(rows)
    ]
    require(not arrays, "it has arrays of no part")
    return parts


_Linear = LinearHead | UnitHead | AffineHead
_KINDS: dict[str, type[_Linear | AnchorHead | MLPHead | GraphHead | ConcatHead | ChainHead]] = {
    head.kind: head
    for head in (
        LinearHead,
        AnchorHead,
        MLPHead,
        ConcatHead,
        GraphHead,
        UnitHead,
        AffineHead,
        ChainHead,
    )
}


def head_from_state(kind: str, document: Document, tensors: Tensors) -> Head:
    """Rebuild a head of any kind.

    Raises:
        ArtifactError: If this release knows no such kind, or numbers or arrays do not fit.
    """
    if kind not in _KINDS:
        raise ArtifactError(
            f"unknown kind of head {kind!r:.80}; this release knows {sorted(_KINDS)}"
        )
    return _KINDS[kind].from_state(document, tensors)
