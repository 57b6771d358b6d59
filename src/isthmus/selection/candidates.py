"""What the selection may choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import isthmus.graph  # noqa: F401  registers the aligners of that layer
from isthmus.aligners import CCA, Aligner, Anchors, Ensemble, KernelCCA, make
from isthmus.core.errors import InputError
from isthmus.selection.folds import Weights
from isthmus.space.readout import Readout

LEARNED = ("contrastive", "cm-gnn")
"""Aligners that are trained step by step."""

_WORTH_TRAINING = 1000
"""Records below which trained heads never beat the closed form they start from by .005 MRR."""
_SOURCE_WEIGHTS = (0.15, 0.5, 1.5, 5.0)
_SOURCE_RIDGES = (1.0, 1 / 3)
_MANY_CENTRES = 2500
_CSLS_STRENGTHS = (0.5, 0.0)
_ENSEMBLE_WEIGHTS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Candidate:
    """An aligner with its hyper-parameters, not yet fitted.

    Attributes:
        aligner: Short id, or ``"ensemble"``.
        params: Hyper-parameters of the aligner.
        members: Of an ensemble, instead of ``params``.
        weights: Of an ensemble.
        sources: Other sources whose moments are added, with their weight.
        csls_strength: How strongly the instance read-out corrects for hubness.
    """

    aligner: str
    params: dict[str, Any] = field(default_factory=dict)
    members: tuple[Candidate, ...] = ()
    weights: tuple[float, ...] = ()
    sources: Weights = ()
    csls_strength: float = 1.0

    def build(self) -> Aligner:
        """A new, unfitted aligner."""
        if self.members:
            return Ensemble([member.build() for member in self.members], self.weights)
        return make(self.aligner, **self.params)

    @property
    def label(self) -> str:
        """For tables: ``"cca ridge=3 power=2"``."""
        return (
            self.fitted
            if self.csls_strength == 1
            else f"{self.fitted}, CSLS strength {self.csls_strength:g}"
        )

    @property
    def fitted(self) -> str:
        """The label of what is fitted, however it is read out."""
        if self.members:
            parts = zip(self.weights, self.members, strict=True)
            return " + ".join(f"{weight:g}·({member.label})" for weight, member in parts)
        inner = [f"{k}={_short(v)}" for k, v in self.params.items() if v not in (None, False)]
        return " ".join([self.aligner, *inner, *(f"+{w:g}·{name}" for name, w in self.sources)])

    def alone(self) -> Candidate:
        """The same without other sources."""
        members = tuple(member.alone() for member in self.members)
        return replace(self, members=members, sources=())

    @property
    def cost_of(self) -> str:
        """What its cost is about the same as: its aligner, or those of its members."""
        return "+".join(sorted({m.cost_of for m in self.members})) or self.aligner

    def to_json(self) -> dict[str, Any]:
        """Everything needed to build it again."""
        found: dict[str, Any] = {"aligner": self.aligner}
        if self.members:
            found["weights"] = list(self.weights)
            found["members"] = [member.to_json() for member in self.members]
        else:
            found["params"] = self.params
        if self.sources:
            found["sources"] = dict(self.sources)
        return found if self.csls_strength == 1 else {**found, "csls_strength": self.csls_strength}


def candidates(
    aligner: str = "auto", *, readout: Readout = "instance", **params: Any
) -> list[Candidate]:
    """The candidates that a choice of the user's stands for.

    Args:
        aligner: ``"auto"``, or the short id of one aligner, whose hyper-parameters are then
            chosen unless they are given.
        readout: What a space is wanted for; graphs smooth, which serves ``"semantic"`` alone.
        params: Hyper-parameters that are fixed.
    """
    if aligner == "auto":
        if params:
            raise InputError(f"hyper-parameters {sorted(params)} need a named aligner")
        names = (*_AUTO, *(_GRAPHS if readout == "semantic" else ()))
        return [candidate for name in names for candidate in candidates(name)]
    chosen: dict[str, Candidate] = {}
    for point in _GRIDS.get(aligner, [{}]):
        candidate = Candidate(aligner, {**point, **params})
        chosen.setdefault(candidate.label, candidate)
    for candidate in chosen.values():
        candidate.build()  # a wrong name or value is told before any work
    return list(chosen.values())


Best = Mapping[str, Candidate]
"""The best candidate of each kind of aligner so far; the best kind comes first."""


def ensembles(best: Best) -> list[Candidate]:
    """The best kinds beside one another, at a few weights.

    Anchors know single pairs, kernels neighbourhoods and the linear form directions, so
    their mistakes differ.
    """
    leaders = [best[name] for name in best if name in _PARTNERS][:2]
    others = [best[name] for name in (Anchors.name, CCA.name) if name in best]
    return [
        Candidate("ensemble", members=(leader, other), weights=(1.0, weight))
        for leader in leaders
        for other in others
        if other != leader
        for weight in _ENSEMBLE_WEIGHTS
    ]


def learned(best: Best, records: int) -> list[Candidate]:
    """A head trained step by step from where the best closed form, or graph, stands.

    Args:
        best: Of each kind, best first.
        records: That there are to learn from.
    """
    starts = {CCA.name: "linear", KernelCCA.name: "mlp"}
    for name, candidate in best.items():
        if name in _GRAPHS:
            return [Candidate("cm-gnn", candidate.params)]
        if name in starts and records >= _WORTH_TRAINING:
            start = {key: candidate.params[key] for key in ("ridge", "power")}
            return [Candidate("contrastive", {"head": starts[name], **start})]
    return []


def unentered(readout: Readout, records: int) -> dict[str, str]:
    """Kinds of aligner that the automatic choice leaves out from the start, and why."""
    found = {}
    if records < _WORTH_TRAINING:
        found["contrastive"] = (
            f"trained heads enter from {_WORTH_TRAINING:,} records on; below, they were never "
            "measured to beat the closed form they start from"
        )
    if readout == "instance":
        found["propagation, cm-gnn"] = (
            "graphs smooth, which helps to find kinds (the semantic read-out) and not single "
            "partners"
        )
    found["unpaired, adversarial"] = "for records that are not paired; name them to use them"
    return found


def with_more_centres(best: Best, records: int) -> list[Candidate]:
    """The best kernels, spanned by more rows than the many candidates before could afford."""
    kernel = best.get(KernelCCA.name)
    if kernel is None or records <= KernelCCA().max_centres:
        return []
    return [replace(kernel, params={**kernel.params, "max_centres": _MANY_CENTRES})]


def with_csls_strength(best: Candidate) -> list[Candidate]:
    """The same, read out with less correction for hubness, and with none.

    Correcting helps where new items lie among the training items, and does harm where they
    are of other kinds: their neighbourhoods there say little.
    """
    return [replace(best, csls_strength=csls_strength) for csls_strength in _CSLS_STRENGTHS]


def with_sources(best: Best, sources: Sequence[str]) -> list[Candidate]:
    """The best closed form, and what it is part of, with each other source at a few weights.

    More rows bear a smaller penalty, so a third of it is tried too.
    """
    leader = next(iter(best.values()), None)
    if leader is None or CCA.name not in best:
        return []
    found = []
    for name in sources:
        for weight, factor in product(_SOURCE_WEIGHTS, _SOURCE_RIDGES):
            alone = best[CCA.name]
            params = {**alone.params, "ridge": factor * alone.params.get("ridge", 1.0)}
            added = replace(alone, params=params, sources=((name, weight),))
            found.append(added)
            if CCA.name in {member.aligner for member in leader.members}:
                members = tuple(added if m.aligner == CCA.name else m for m in leader.members)
                found.append(replace(leader, members=members))
    return found


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_AUTO = ("cca", "kernel-cca", "anchors", "ridge", "procrustes")
_GRAPHS = ("propagation",)
_PARTNERS = (CCA.name, KernelCCA.name, "contrastive")
_GRIDS: dict[str, list[dict[str, Any]]] = {
    # Those that most often win come first: with little time the others are left out.
    "cca": [
        {"ridge": ridge, "power": power, "scale": scale}
        for scale in (False, True)
        for ridge in (3.0, 1.0, 10.0, 5.0, 0.3)
        for power in (1.0, 2.0, 0.5)
    ],
    "ridge": [{"ridge": ridge} for ridge in (0.1, 1.0, 10.0)],
    "procrustes": [{"components": components} for components in (50, 100, 200)],
    "kernel-cca": [
        {"ridge": ridge, "power": power, "sharpness": sharpness}
        for sharpness in (3.0, 2.0)
        for ridge, power in ((1.0, 0.5), (1.0, 1.0), (0.3, 0.5), (0.3, 1.0), (3.0, 0.5))
    ],
    "propagation": [
        {"restart": restart, "group_weight": weight}
        for restart, weight in ((0.1, 4.0), (0.2, 0.0), (0.2, 4.0), (0.5, 0.0))
    ],
    "cm-gnn": [
        {"restart": restart, "group_weight": weight} for restart, weight in ((0.1, 4.0), (0.2, 0.0))
    ],
    "anchors": [{"k": k, "power": power} for k in (0.2, 0.5) for power in (4.0, 8.0)],
}
