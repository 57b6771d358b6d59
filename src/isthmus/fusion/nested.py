"""A fusion inside another one: saved with it, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.core.linalg import Array
from isthmus.fusion import make
from isthmus.fusion.base import Fusion, State


def pack(fusion: Fusion, prefix: str) -> State:
    """A fitted fusion as JSON and as arrays, whose names start with a prefix."""
    document, tensors = fusion.state()
    packed = {"fusion": fusion.name, "params": fusion.get_params(), "state": document}
    return packed, {f"{prefix}{name}": value for name, value in tensors.items()}


def unpack(
    document: Mapping[str, Any], tensors: Mapping[str, Array], prefix: str, owner: Fusion
) -> Fusion:
    """The fusion that :func:`pack` described; it has learned the views and target of its owner."""
    fusion = make(document["fusion"], **document["params"])
    fusion.views_, fusion.target_ = dict(owner.views_), owner.target_
    own = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
    fusion.restore(document["state"], own)
    return fusion
