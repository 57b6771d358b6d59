"""What the selection may choose from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from isthmus.aligners import CCA, Aligner, Ensemble, make
from isthmus.core.errors import InputError


@dataclass(frozen=True)
class Candidate:
    """An aligner with its hyper-parameters, not yet fitted.

    Attributes:
        aligner: Short id, or ``"ensemble"``.
        params: Hyper-parameters of the aligner.
        members: Of an ensemble, instead of ``params``.
        weights: Of an ensemble.
    """

    aligner: str
    params: dict[str, Any] = field(default_factory=dict)
    members: tuple[Candidate, ...] = ()
    weights: tuple[float, ...] = ()

    def build(self) -> Aligner:
        """A new, unfitted aligner."""
        if self.members:
            return Ensemble([member.build() for member in self.members], self.weights)
        return make(self.aligner, **self.params)

    @property
    def label(self) -> str:
        """For tables: ``"cca ridge=3 power=2"``."""
        if self.members:
            parts = zip(self.weights, self.members, strict=True)
            return " + ".join(f"{weight:g}·({member.label})" for weight, member in parts)
        inner = [f"{k}={_short(v)}" for k, v in self.params.items() if v not in (None, False)]
        return " ".join([self.aligner, *inner])

    def to_json(self) -> dict[str, Any]:
        """Everything needed to build it again."""
        if self.members:
            return {
                "aligner": self.aligner,
                "weights": list(self.weights),
                "members": [member.to_json() for member in self.members],
            }
        return {"aligner": self.aligner, "params": self.params}


def candidates(aligner: str = "auto", **params: Any) -> list[Candidate]:
    """The candidates that a choice of the user's stands for.

    Args:
        aligner: ``"auto"``, or the short id of one aligner, whose hyper-parameters are then
            chosen unless they are given.
        params: Hyper-parameters that are fixed.
    """
    if aligner == "auto":
        if params:
            raise InputError(f"hyper-parameters {sorted(params)} need a named aligner")
        return [candidate for name in _GRIDS for candidate in candidates(name)]
    chosen: dict[str, Candidate] = {}
    for point in _GRIDS.get(aligner, [{}]):
        candidate = Candidate(aligner, {**point, **params})
        chosen.setdefault(candidate.label, candidate)
    for candidate in chosen.values():
        candidate.build()  # a wrong name or value is told before any work
    return list(chosen.values())


def ensembles(best: dict[str, Candidate]) -> list[Candidate]:
    """Ensembles of the best candidate of each family, at a few weights."""
    if "anchors" not in best or CCA.name not in best:
        return []
    members = (best[CCA.name], best["anchors"])
    return [
        Candidate("ensemble", members=members, weights=(1.0, weight)) for weight in (0.25, 0.5, 1.0)
    ]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_GRIDS: dict[str, list[dict[str, Any]]] = {
    "cca": [
        {"ridge": ridge, "power": power, "scale": scale}
        for scale in (False, True)
        for ridge in (0.3, 1.0, 3.0, 10.0)
        for power in (0.5, 1.0, 2.0)
    ],
    "ridge": [{"ridge": ridge} for ridge in (0.1, 1.0, 10.0)],
    "procrustes": [{"components": components} for components in (50, 100, 200)],
    "anchors": [{"k": k, "power": power} for k in (0.2, 0.5) for power in (4.0, 8.0)],
}
