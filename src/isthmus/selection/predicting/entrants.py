"""Which fusions, with which hyper-parameters and on which views, enter a race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from isthmus.aligners.traits import Search, Setting, Value
from isthmus.core.errors import InputError
from isthmus.fusion import FUSIONS, Fusion, make
from isthmus.fusion.target import Target

POINTS = 6
"""Points of the grid that each fusion may have: equal budgets (arXiv 2512.22991 finds that most
gains over late fusion come from unequal ones)."""
LATE = "late"
"""The favourite, which another must clearly beat."""
SETS = CLOSED, ALL = "closed", "all"
"""Names of sets of fusions, each given alone."""
_DEAR = 0.5
"""Seconds of one fit from which on a fusion enters only where it is named: a race takes some
hundred fits. Chosen, not tuned."""


@dataclass(frozen=True)
class Entrant:
    """A fusion with hyper-parameters, on some views.

    Attributes:
        fusion: Short id.
        params: Hyper-parameters.
        views: That it sees; empty for all.
        others: Late fusions that answer records which have exactly their views.
    """

    fusion: str
    params: tuple[tuple[str, Value], ...] = ()
    views: tuple[str, ...] = ()
    others: tuple[Entrant, ...] = ()

    @property
    def family(self) -> str:
        """What competes as one: ``"late"``, or ``"late: image"`` where it does not see all."""
        return f"{self.fusion}: {' + '.join(self.views)}" if self.views else self.fusion

    @property
    def label(self) -> str:
        """For tables; what is left to the fusion is not said.

        Examples:
            >>> Entrant("late", (("ridge", 3.0), ("learner", None))).label
            'late ridge=3.0'
        """
        said = [f"{name}={value}" for name, value in self.params if value is not None]
        return " ".join([self.family, *said])

    @property
    def key(self) -> str:
        """Tells entrants apart, by what answers records with fewer views as well."""
        return " / ".join([self.label, *(other.label for other in self.others)])

    @property
    def search(self) -> Search:
        """How it wants to be searched."""
        return FUSIONS.get(self.fusion).search

    def build(self) -> Fusion:
        """Unfitted."""
        return make(self.fusion, **dict(self.params))


def entrants(
    views: Sequence[str],
    target: Target,
    setting: Setting,
    fusions: Sequence[str] | str | None = None,
) -> tuple[list[Entrant], dict[str, str]]:
    """Everything that enters, late fusion first, and why others do not.

    Late fusion also enters with each single view and without each one, since a view that says
    nothing of the target only adds noise. Of one view alone all closed forms are that.

    Args:
        views: That records have.
        target: What is predicted.
        setting: What is known of the records.
        fusions: Ids; ``"closed"``, the default, for all that are quick to fit; ``"all"`` for
            all.

    Raises:
        InputError: If one is unknown, or has no form for this kind of target.
    """
    named, not_tried = _named(views, target, setting, CLOSED if fusions is None else fusions)
    found = [
        Entrant(name, _frozen(params))
        for name in (LATE, *(n for n in named if n != LATE))
        for params in FUSIONS.get(name).search.grid[:POINTS]
    ]
    found += [
        Entrant(LATE, _frozen(params), some)
        for some in subsets(views)
        for params in FUSIONS.get(LATE).search.grid[:POINTS]
    ]
    return found, not_tried


def subsets(views: Sequence[str]) -> list[tuple[str, ...]]:
    """Each single view, then all but one of them, where that is another set."""
    if len(views) < 2:
        return []
    some = [(view,) for view in views]
    return some + [each for each in combinations(views, len(views) - 1) if len(each) > 1]


def _named(
    views: Sequence[str], target: Target, setting: Setting, fusions: Sequence[str] | str
) -> tuple[list[str], dict[str, str]]:
    names = [fusions] if isinstance(fusions, str) else list(fusions)
    if names not in ([CLOSED], [ALL]):
        for name in names:
            if target.kind not in FUSIONS.get(name).kinds:
                raise InputError(f"{name} has no form for {target.kind}; leave it out")
        return names, {}
    entering, not_tried = [], {}
    for name in sorted(FUSIONS.names(), key=lambda name: FUSIONS.get(name).search.place):
        kind = FUSIONS.get(name)
        reason = kind.search.refusal(setting)
        if target.kind not in kind.kinds:
            reason = f"has no form for {target.kind}"
        elif len(views) < 2 and name != LATE and not kind.search.trained:
            reason = "joins views, and there is only one"
        elif names == [CLOSED] and (kind.search.trained or kind.search.cost >= _DEAR):
            reason = "takes long to fit; name it, or all, to let it enter"
        if reason:
            not_tried[name] = reason
        else:
            entering.append(name)
    return entering, not_tried


def _frozen(params: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple(params.items())
