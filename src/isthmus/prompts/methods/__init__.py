"""Few-shot methods behind one protocol; the choice knows none of them by name."""

from __future__ import annotations

from isthmus.core.errors import InputError
from isthmus.core.wording import did_you_mean
from isthmus.prompts.methods.base import FewShot, Fold, LeavesOut, Params
from isthmus.prompts.methods.gaussian import GDA
from isthmus.prompts.methods.kernel import ProKeR, TipAdapter
from isthmus.prompts.methods.linear import CLAP, LinearProbe, LinearProbePlus
from isthmus.prompts.methods.plain import SSText, TextAndMean, ZeroShot
from isthmus.prompts.methods.spread import LabelPropagation

__all__ = ["METHODS", "FewShot", "Fold", "LeavesOut", "Params", "method"]

METHODS: tuple[FewShot, ...] = (
    ZeroShot(),
    TextAndMean(),
    SSText(),
    ProKeR(),
    GDA(),
    CLAP(),
    LinearProbePlus(),
    LinearProbe(),
    TipAdapter(),
    LabelPropagation(),
)
"""In the order in which they are preferred where nothing tells them apart."""


def method(name: str) -> FewShot:
    """A method by its short id.

    Raises:
        InputError: If there is none.

    Examples:
        >>> method("proker").least_shots
        1
    """
    known = {each.name: each for each in METHODS}
    if name not in known:
        hint = did_you_mean(name, known)
        raise InputError(f"there is no few-shot method {name!r}.{hint} Known: {', '.join(known)}")
    return known[name]
