"""Aligners: from native vectors of several views to unit vectors of one space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.aligners.base import Aligner
from isthmus.core.estimator import check_names
from isthmus.core.lazy import lazy_names
from isthmus.core.registry import Registry

if TYPE_CHECKING:
    from isthmus.aligners.affine import AffineHead, LinearHead, UnitHead
    from isthmus.aligners.base import MomentsAligner
    from isthmus.aligners.checks import check_aligner
    from isthmus.aligners.closed.anchors import Anchors
    from isthmus.aligners.closed.cca import CCA
    from isthmus.aligners.closed.procrustes import Procrustes
    from isthmus.aligners.closed.ridge import Ridge
    from isthmus.aligners.ensemble import Ensemble
    from isthmus.aligners.heads import (
        AnchorHead,
        ChainHead,
        ConcatHead,
        MLPHead,
        head_from_state,
    )
    from isthmus.aligners.kernel import KernelCCA
    from isthmus.aligners.learned.adversarial import Adversarial
    from isthmus.aligners.learned.contrastive import Contrastive
    from isthmus.aligners.traits import Abilities, Condition, Growth, Related, Search, Setting
    from isthmus.aligners.unpaired.unpaired import Unpaired
    from isthmus.moments.moments import Moments

__all__ = [
    "ALIGNERS",
    "CCA",
    "Abilities",
    "Adversarial",
    "AffineHead",
    "Aligner",
    "AnchorHead",
    "Anchors",
    "ChainHead",
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
    "UnitHead",
    "Unpaired",
    "check_aligner",
    "head_from_state",
    "make",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Abilities": "isthmus.aligners.traits",
        "Adversarial": "isthmus.aligners.learned.adversarial",
        "AffineHead": "isthmus.aligners.affine",
        "AnchorHead": "isthmus.aligners.heads",
        "Anchors": "isthmus.aligners.closed.anchors",
        "CCA": "isthmus.aligners.closed.cca",
        "ChainHead": "isthmus.aligners.heads",
        "ConcatHead": "isthmus.aligners.heads",
        "Condition": "isthmus.aligners.traits",
        "Contrastive": "isthmus.aligners.learned.contrastive",
        "Ensemble": "isthmus.aligners.ensemble",
        "Growth": "isthmus.aligners.traits",
        "KernelCCA": "isthmus.aligners.kernel",
        "LinearHead": "isthmus.aligners.affine",
        "MLPHead": "isthmus.aligners.heads",
        "Moments": "isthmus.moments.moments",
        "MomentsAligner": "isthmus.aligners.base",
        "Procrustes": "isthmus.aligners.closed.procrustes",
        "Related": "isthmus.aligners.traits",
        "Ridge": "isthmus.aligners.closed.ridge",
        "Search": "isthmus.aligners.traits",
        "Setting": "isthmus.aligners.traits",
        "UnitHead": "isthmus.aligners.affine",
        "Unpaired": "isthmus.aligners.unpaired.unpaired",
        "check_aligner": "isthmus.aligners.checks",
        "head_from_state": "isthmus.aligners.heads",
    },
)

ALIGNERS: Registry[type[Aligner]] = Registry("aligner", Aligner)
ALIGNERS.add("adversarial", "isthmus.aligners.learned.adversarial:Adversarial")
ALIGNERS.add("anchors", "isthmus.aligners.closed.anchors:Anchors")
ALIGNERS.add("cca", "isthmus.aligners.closed.cca:CCA")
ALIGNERS.add("contrastive", "isthmus.aligners.learned.contrastive:Contrastive")
ALIGNERS.add("kernel-cca", "isthmus.aligners.kernel:KernelCCA")
ALIGNERS.add("procrustes", "isthmus.aligners.closed.procrustes:Procrustes")
ALIGNERS.add("ridge", "isthmus.aligners.closed.ridge:Ridge")
ALIGNERS.add("unpaired", "isthmus.aligners.unpaired.unpaired:Unpaired")


def make(name: str, **params: Any) -> Aligner:
    """An aligner by its short id or ``package.module:Class``, with hyper-parameters.

    Raises:
        InputError: If the aligner or one of its hyper-parameters is unknown.
    """
    kind = ALIGNERS.get(name)
    check_names(name, kind, params)
    return kind(**params)
