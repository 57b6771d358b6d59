"""What the selection may choose from: it asks the registered aligners and knows none by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import isthmus.graph  # noqa: F401  registers the aligners of that layer
from isthmus.aligners import ALIGNERS, Aligner, Ensemble, Search, Setting, make
from isthmus.aligners.continued import Continued, Known
from isthmus.aligners.onto import LINEAR_ONTO, ONTO, Fixed
from isthmus.aligners.traits import Params, Value
from isthmus.core.errors import InputError
from isthmus.core.wording import way
from isthmus.selection.folds import Weights
from isthmus.space.readout import Readout

_SOURCE_WEIGHTS = (0.15, 0.5, 1.5, 5.0)
"""Between too little to see and too much: .5 of Open Clip Art was best (docs/ablation.md)."""
_SOURCE_RIDGES = (1.0, 1 / 3)
"""More rows bear a smaller penalty, so a third of it is tried too."""
_CSLS_STRENGTHS = (0.5, 0.0)
"""Besides 1, which harms where new items are of other kinds (docs/choosing.md). The first stays
unless another is surely better: on other splits of five sets it is at most .004 R@10 behind the
best of the three, where 1 is up to .007 behind (clip art) and 0 up to .015 (digits)."""
_ENSEMBLE_WEIGHTS = (0.1, 0.25, 0.5)
"""Of what stands beside a leader; at 1 anchors did harm (docs/ablation.md)."""
_LEADERS = 2
"""Ensembles are built around so many of the best; more would multiply the candidates."""
STARTER, STARTER_UPDATED = "starter", "starter-updated"
"""The space that comes with the package, as it is and carried on with own pairs."""
_FROM_KNOWN: Mapping[str, Any] = {
    STARTER: Continued,
    STARTER_UPDATED: Continued,
    **{kind.name: kind for kind in ONTO},
}
"""Aligners that begin with a space that is there, which they take first."""


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
        known: The space that it takes over, carries on, or leads into, if any.
    """

    aligner: str
    params: Params = field(default_factory=dict)
    members: tuple[Candidate, ...] = ()
    weights: tuple[float, ...] = ()
    sources: Weights = ()
    csls_strength: float = 1.0
    known: Known | Fixed | None = None

    def build(self) -> Aligner:
        """A new, unfitted aligner."""
        if self.members:
            return Ensemble([member.build() for member in self.members], self.weights)
        if self.known is not None:
            made: Aligner = _FROM_KNOWN[self.aligner](self.known, **self.params)
            return made
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
    def kinds(self) -> frozenset[str]:
        """The aligners that it is made of."""
        if not self.members:
            return frozenset((self.aligner,))
        return frozenset().union(*(member.kinds for member in self.members))

    @property
    def known_before(self) -> bool:
        """Whether it knows something that it did not learn from these records."""
        return self.known is not None or any(member.known_before for member in self.members)

    @property
    def cost_of(self) -> str:
        """What its cost is about the same as: its aligner, or those of its members."""
        return "+".join(sorted(self.kinds))

    @property
    def cost(self) -> float:
        """Seconds that a fit is expected to take until one has been timed."""
        return max(search_of(kind).cost for kind in self.kinds)

    @property
    def trained(self) -> bool:
        """Whether it is trained step by step."""
        return search_of(self.aligner).trained

    def to_json(self) -> dict[str, object]:
        """Everything needed to build it again."""
        found: dict[str, object] = {"aligner": self.aligner}
        if self.members:
            found["weights"] = list(self.weights)
            found["members"] = [member.to_json() for member in self.members]
        else:
            found["params"] = dict(self.params)
        if self.sources:
            found["sources"] = dict(self.sources)
        if self.known is not None:
            found["known"] = self.known.fingerprint
        return found if self.csls_strength == 1 else {**found, "csls_strength": self.csls_strength}


def search_of(aligner: str) -> Search:
    """How an aligner wants to be searched.

    Args:
        aligner: Its id, or that of ensembles.
    """
    if aligner in _FROM_KNOWN:
        search: Search = _FROM_KNOWN[aligner].search
        return search
    return Ensemble.search if aligner == Ensemble.name else ALIGNERS.get(aligner).search


def candidates(
    aligner: str = "auto", *, readout: Readout = "instance", **params: Any
) -> list[Candidate]:
    """The candidates that a choice of the user's stands for.

    Args:
        aligner: ``"auto"``, or the short id of one aligner, whose hyper-parameters are then
            chosen unless they are given.
        readout: What a space is wanted for; some aligners serve one read-out alone.
        params: Hyper-parameters that are fixed.
    """
    if aligner == "auto":
        if params:
            raise InputError(
                f"hyper-parameters {sorted(params)} can be set only for one aligner; name it, for "
                "example " + way(python="aligner='cca'", shell="--aligner cca")
            )
        names = [
            name
            for name, search in _registered().items()
            if not search.starts and not search.refusal(Setting(readout))
        ]
        return [candidate for name in names for candidate in candidates(name)]
    chosen: dict[str, Candidate] = {}
    for point in search_of(aligner).grid:
        candidate = Candidate(aligner, {**point, **params})
        chosen.setdefault(candidate.label, candidate)
    for candidate in chosen.values():
        candidate.build()  # a wrong name or value is told before any work
    return list(chosen.values())


def continued(known: Known) -> list[Candidate]:
    """The starter space as it is, and carried on with own pairs."""
    return [
        Candidate(STARTER_UPDATED if point else STARTER, point, known=known)
        for point in Continued.search.grid
    ]


def onto(fixed: Fixed, *, linear: bool = False, csls_strength: float = 0.0) -> list[Candidate]:
    """What maps new views into a space that stays as it is; the first is the favourite.

    Args:
        fixed: What stays.
        linear: Whether the map must do for vectors that lie off those it is learned from.
        csls_strength: How strongly the space corrects for hubness.
    """
    kinds = sorted(LINEAR_ONTO if linear else ONTO, key=lambda kind: kind.search.place)
    targets = (None, *(fixed.views if len(fixed.views) > 1 else ()))
    return [
        Candidate(kind.name, {**point, "target": target}, known=fixed, csls_strength=csls_strength)
        for target in targets
        for kind in kinds
        for point in kind.search.grid
    ]


def untrained(choices: Sequence[Candidate]) -> list[Candidate]:
    """What stands for candidates of one trained aligner while they are chosen among.

    It is the form that their training starts from, with the same hyper-parameters. So training,
    which costs most, is done with those that were chosen alone.

    Returns:
        As many; none where some candidate has no such form, or two have the same.
    """
    found: list[Candidate] = []
    for choice in choices:
        search = search_of(choice.aligner)
        starts = {start.aligner for start in search.starts} if search.trained else set()
        form = next((each for each in search.rivals if each.aligner in starts), None)
        if form is None:
            return []
        found.append(Candidate(form.aligner, form.params_from(choice.params)))
    return found if len({form.label for form in found}) == len(found) else []


Best = Mapping[str, Candidate]
"""The best candidate of each kind of aligner so far; the best kind comes first."""


def ensembles(best: Best) -> list[Candidate]:
    """The best kinds beside one another, at a few weights.

    Anchors know single pairs, kernels neighbourhoods and the linear form directions, so
    their mistakes differ.
    """
    declared = {name: search_of(name) for name in best}
    leaders = [best[name] for name, search in declared.items() if search.leads][:_LEADERS]
    places = {name: s.beside for name, s in declared.items() if s.beside is not None}
    others = [best[name] for name in sorted(places, key=places.__getitem__)]
    return [
        Candidate(Ensemble.name, members=(leader, other), weights=(1.0, weight))
        for leader in leaders
        for other in others
        if other != leader
        for weight in _ENSEMBLE_WEIGHTS
    ]


def learned(best: Best, setting: Setting) -> list[Candidate]:
    """What is trained step by step from where the best aligner stands that allows it.

    Args:
        best: Of each kind, best first.
        setting: What is known of the records.
    """
    trained = {name: s for name, s in _registered().items() if not s.refusal(setting)}
    for leader, candidate in best.items():
        found = [
            Candidate(name, start.params_from(candidate.params))
            for name, search in trained.items()
            for start in search.starts
            if start.aligner == leader
        ]
        if found:
            return found
    return []


def entering(choices: Sequence[Candidate], setting: Setting) -> list[Candidate]:
    """Those whose aligners enter the automatic choice in this setting."""
    return [choice for choice in choices if not search_of(choice.aligner).refusal(setting)]


def unentered(setting: Setting) -> dict[str, str]:
    """Kinds of aligner that the automatic choice leaves out from the start, and why."""
    found: dict[str, list[str]] = {}
    for name, search in _registered().items():
        if reason := search.refusal(setting):
            found.setdefault(reason, []).append(name)
    return {", ".join(names): reason for reason, names in found.items()}


def grown(best: Best, setting: Setting) -> list[Candidate]:
    """The best of a kind in its larger form, which the many candidates before could not afford."""
    found = []
    for name, candidate in best.items():
        growth = search_of(name).grows
        if growth is not None and (setting.records or 0) > growth.above:
            found.append(replace(candidate, params={**candidate.params, **growth.params}))
    return found


def with_csls_strength(best: Candidate) -> list[Candidate]:
    """The same, read out with less correction for hubness, and with none.

    Correcting helps where new items lie among the training items, and does harm where they
    are of other kinds: their neighbourhoods there say little.
    """
    return [replace(best, csls_strength=csls_strength) for csls_strength in _CSLS_STRENGTHS]


def with_sources(best: Best, sources: Sequence[str]) -> list[Candidate]:
    """The best closed form, and what it is part of, with each other source at a few weights."""
    leader = next(iter(best.values()), None)
    bearing = {name: search_of(name).shrinks for name in best if search_of(name).shrinks}
    found = []
    for name, weight, factor in product(sources, _SOURCE_WEIGHTS, _SOURCE_RIDGES):
        for kind, penalty in bearing.items():
            alone = best[kind]
            value = alone.build().get_params()[penalty]
            params = {**alone.params, penalty: factor * value}
            added = replace(alone, params=params, sources=((name, weight),))
            found.append(added)
            if leader is not None and kind in {member.aligner for member in leader.members}:
                members = tuple(added if m.aligner == kind else m for m in leader.members)
                found.append(replace(leader, members=members))
    return found


def _registered() -> dict[str, Search]:
    """How every registered aligner wants to be searched, in the order of the automatic choice."""
    found = {name: search_of(name) for name in ALIGNERS}
    return dict(sorted(found.items(), key=lambda item: item[1].place))


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
