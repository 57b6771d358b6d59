"""Aligners: from native vectors of several views to unit vectors of one space."""

from __future__ import annotations

from typing import Any

from isthmus.aligners.base import Aligner, MomentsAligner, check_names
from isthmus.aligners.checks import check_aligner
from isthmus.aligners.closed.anchors import Anchors
from isthmus.aligners.closed.cca import CCA
from isthmus.aligners.closed.procrustes import Procrustes
from isthmus.aligners.closed.ridge import Ridge
from isthmus.aligners.ensemble import Ensemble
from isthmus.aligners.heads import AnchorHead, ConcatHead, LinearHead, MLPHead, head_from_state
from isthmus.aligners.kernel import KernelCCA
from isthmus.aligners.learned.adversarial import Adversarial
from isthmus.aligners.learned.contrastive import Contrastive
from isthmus.aligners.traits import Abilities, Condition, Growth, Related, Search, Setting
from isthmus.aligners.unpaired.unpaired import Unpaired
from isthmus.core.registry import Registry
from isthmus.moments.moments import Moments

__all__ = [
    "ALIGNERS",
    "CCA",
    "Abilities",
    "Adversarial",
    "Aligner",
    "AnchorHead",
    "Anchors",
    "ConcatHead",
    "Condition",
    "Contrastive",
    "Ensemble",
    "Growth",
    "KernelCCA",
    "LinearHead",
    "MLPHead",
    "Moments",
    "MomentsAligner",
    "Procrustes",
    "Related",
    "Ridge",
    "Search",
    "Setting",
    "Unpaired",
    "check_aligner",
    "head_from_state",
    "make",
]

ALIGNERS: Registry[type[Aligner]] = Registry("aligner", Aligner)
for _aligner in (Adversarial, Anchors, CCA, Contrastive, KernelCCA, Procrustes, Ridge, Unpaired):
    ALIGNERS.add(_aligner.name, f"{_aligner.__module__}:{_aligner.__name__}")


def make(name: str, **params: Any) -> Aligner:
    """An aligner by its short id or ``package.module:Class``, with hyper-parameters.

    Raises:
        InputError: If the aligner or one of its hyper-parameters is unknown.
    """
    kind = ALIGNERS.get(name)
    check_names(name, kind, params)
    return kind(**params)
