"""Fusion: from the views of a record, some of them missing, to scores of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.core.estimator import check_names
from isthmus.core.lazy import lazy_names
from isthmus.core.registry import Registry
from isthmus.fusion.base import Fusion, LinearViews
from isthmus.fusion.shapley import Shares
from isthmus.fusion.target import KINDS, Kind, Scale, Target

if TYPE_CHECKING:
    from isthmus.fusion.checks import check_fusion

__all__ = [
    "FUSIONS",
    "KINDS",
    "Fusion",
    "Kind",
    "LinearViews",
    "Scale",
    "Shares",
    "Target",
    "check_fusion",
    "make",
]

__getattr__ = lazy_names(__name__, {"check_fusion": "isthmus.fusion.checks"})

FUSIONS: Registry[type[Fusion]] = Registry("fusion", Fusion)
FUSIONS.add("add", "isthmus.fusion.closed.common:Add")
FUSIONS.add("adversarial", "isthmus.fusion.learned.adversarial:Adversarial")
FUSIONS.add("attention", "isthmus.fusion.learned.attention:Attention")
FUSIONS.add("augmented", "isthmus.fusion.augment:Augmented")
FUSIONS.add("concat", "isthmus.fusion.closed.concat:Concat")
FUSIONS.add("ensemble", "isthmus.fusion.ensemble:Ensemble")
FUSIONS.add("gated", "isthmus.fusion.learned.gated:Gated")
FUSIONS.add("graph", "isthmus.fusion.learned.graph:Graph")
FUSIONS.add("graph-smooth", "isthmus.fusion.graph:GraphSmooth")
FUSIONS.add("late", "isthmus.fusion.closed.late:Late")
FUSIONS.add("low-rank", "isthmus.fusion.learned.lowrank:LowRank")
FUSIONS.add("multiply", "isthmus.fusion.closed.common:Multiply")
FUSIONS.add("product", "isthmus.fusion.closed.late:Product")
FUSIONS.add("stacked", "isthmus.fusion.closed.late:Stacked")
FUSIONS.add("weighted", "isthmus.fusion.closed.late:Weighted")


def make(name: str, **params: Any) -> Fusion:
    """A fusion by its short id or ``package.module:Class``, with hyper-parameters.

    Raises:
        InputError: If the fusion or one of its hyper-parameters is unknown.
    """
    kind = FUSIONS.get(name)
    check_names(name, kind, params)
    return kind(**params)
