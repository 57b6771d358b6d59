"""Fusions that were saved, alone or inside another one, and are taken back."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, IsthmusError
from isthmus.core.linalg import Array
from isthmus.core.paired import PairedVectors
from isthmus.core.validate import need
from isthmus.fusion import FUSIONS, make
from isthmus.fusion.base import Fusion, State
from isthmus.fusion.target import Scale, Target

_ALL_SETS_OF = 5
"""Of more views a fusion is asked for no view, one view, and all but one."""


@dataclass(frozen=True)
class Packed:
    """What a fusion is saved as, beside its arrays."""

    fusion: str
    params: Mapping[str, object]
    state: object


def pack(fusion: Fusion, prefix: str) -> State:
    """A fitted fusion as JSON and as arrays, whose names start with a prefix."""
    document, tensors = fusion.state()
    packed = {"fusion": fusion.name, "params": fusion.get_params(), "state": document}
    return packed, {f"{prefix}{name}": value for name, value in tensors.items()}


def unpack(document: object, tensors: Mapping[str, Array], owner: Fusion) -> Fusion:
    """The fusion that :func:`pack` described; it has learned the views and target of its owner.

    Args:
        document: As parsed.
        tensors: Its own, without the prefix.
        owner: What it is a part of.

    Raises:
        ArtifactError: If something does not fit.
    """
    packed = from_document(Packed, typing.cast(Any, document), "a fusion")
    return restored(packed, tensors, owner.views_, owner.target_)


def restored(
    packed: Packed,
    tensors: Mapping[str, Array],
    views: Mapping[str, int],
    target: Target,
    scale: Scale | None = None,
) -> Fusion:
    """A fusion that was saved, checked so that it answers every record.

    Args:
        packed: Only the registered ones are made, so that an artefact runs no code of its own.
        tensors: What it learned.
        views: Their dimensions.
        target: What it learned, without rows.
        scale: Of its scores, where they are not standardised numbers.

    Raises:
        ArtifactError: If something does not fit.
    """
    scale = Scale() if scale is None else scale
    need(scale.unit > 0, f"a unit must be above 0, got {scale.unit:g}")
    need(packed.fusion in FUSIONS.names(), f"there is no fusion {packed.fusion!r:.60}")
    try:
        fusion = make(packed.fusion, **_params(packed))
        need(target.kind in fusion.kinds, f"it predicts no {target.kind}")
        fusion.views_, fusion.target_, fusion.scale_ = dict(views), target, scale
        state: Any = packed.state
        fusion.restore(state, tensors)
        _check_scores(fusion)
    except (LookupError, TypeError, ValueError, AttributeError, IsthmusError) as error:
        raise ArtifactError(f"the fusion {packed.fusion!r} cannot be read: {error}") from error
    return fusion


def _params(packed: Packed) -> dict[str, Any]:
    """Hyper-parameters of the types that they are declared with."""
    hints = typing.get_type_hints(FUSIONS.get(packed.fusion).__init__)
    given: dict[str, Any] = dict(packed.params)
    return {
        name: from_document(hints.get(name, object), value, name) for name, value in given.items()
    }


def _check_scores(fusion: Fusion) -> None:
    """Make sure that there are finite scores whatever views a record has."""
    n = len(fusion.views_)
    sizes = range(n + 1) if n <= _ALL_SETS_OF else (0, 1, n - 1, n)
    sets = [set(chosen) for size in sizes for chosen in combinations(range(n), size)]
    vectors = {v: np.ones((len(sets), d), np.float32) for v, d in fusion.views_.items()}
    there = {v: np.array([i in some for some in sets]) for i, v in enumerate(fusion.views_)}
    scores = fusion.scores(PairedVectors(vectors, there))
    shape = len(sets), fusion.target_.width
    need(scores.shape == shape, f"scores must be {shape}, got {scores.shape}")
