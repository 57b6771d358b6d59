"""What an aligner declares of itself: what it can do, and how a selection searches it.

An aligner that is registered with these declarations takes part in the automatic choice; the
selection knows no aligner by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = float | str | bool | Mapping[str, float] | None
"""What a hyper-parameter may be."""
Params = Mapping[str, Value]
"""Hyper-parameters by name."""

LAST = 1000
"""The place of aligners that declare none: behind all that come with isthmus."""


@dataclass(frozen=True)
class Abilities:
    """What an aligner can do.

    :func:`isthmus.aligners.check_aligner` tests both sides: what is declared must work, and what
    is not declared must be refused with a ``DataError``.

    Attributes:
        missing_rows: Records may lack views; they are used for what they have, or left out.
        many_views: Three views and more share one space.
        incremental: Rows can be added (``partial_fit``) and taken out again (``forget``) after a
            fit, with the result of one fit on the rows that remain.
        unpaired: Hyper-parameters under which it aligns records that never have both views;
            None if it always needs pairs.
    """

    missing_rows: bool = False
    many_views: bool = False
    incremental: bool = False
    unpaired: Params | None = None


@dataclass(frozen=True)
class Setting:
    """What is known about a choice before anything is fitted.

    Attributes:
        readout: What the space is for: ``"instance"`` or ``"semantic"``.
        records: How many there are; None while nobody has counted.
        grouped: Whether every record has a group; None while nobody has looked.
    """

    readout: str = "instance"
    records: int | None = None
    grouped: bool | None = None


@dataclass(frozen=True)
class Condition:
    """What must be so for an aligner to enter the automatic choice.

    Attributes:
        reason: What users are told where it is not so.
        records: At least so many records.
        readout: The only read-out that the aligner serves; empty for all.
        groups: Every record must have a group.
        by_name: It never enters by itself; users name it.
    """

    reason: str
    records: int = 0
    readout: str = ""
    groups: bool = False
    by_name: bool = False

    def holds(self, setting: Setting) -> bool:
        """Whether it is so, as far as is known."""
        return not (
            self.by_name
            or (self.readout and setting.readout != self.readout)
            or (setting.records is not None and setting.records < self.records)
            or (self.groups and setting.grouped is False)
        )


@dataclass(frozen=True)
class Related:
    """Another aligner, and which hyper-parameters go from one of the two to the other.

    Attributes:
        aligner: Id of the other one.
        params: Hyper-parameters that do not depend on the first one's.
        taken: Names of those that are taken over where they are set; None takes all.
    """

    aligner: str
    params: Params = field(default_factory=dict)
    taken: tuple[str, ...] | None = None

    def params_from(self, given: Params) -> dict[str, Value]:
        """The hyper-parameters that follow from those of the first one."""
        names = tuple(given) if self.taken is None else self.taken
        return {**self.params, **{name: given[name] for name in names if name in given}}


@dataclass(frozen=True)
class Growth:
    """A larger form that is too slow to try with every point of the grid.

    Attributes:
        above: It differs only if there are more records than this.
        params: The hyper-parameters that make it larger.
    """

    above: int
    params: Params


PLAIN_CCA = Related("cca", {"ridge": 3.0, "power": 1.0}, taken=("ridge", "power", "components"))
"""The plain head that graphs and trained heads must beat; ridge and power are those of
the base that every part is measured against in docs/ablation.md."""
NOT_PAIRED = Condition(
    "these are for records without pairs; to use one, name it",
    by_name=True,
)
"""Of aligners that learn from shapes; with pairs the closed forms find more."""


@dataclass(frozen=True)
class Search:
    """How a selection searches an aligner.

    Attributes:
        place: Order in the automatic choice, lowest first. With little time what comes last is
            left out, so those that most often win come first.
        grid: Hyper-parameters that are tried, those that most often win first.
        cost: Seconds that one fit is expected to take until one has been timed.
        trained: Whether it is trained step by step, so that a fit is kept and not repeated.
        conditions: All must hold for it to enter the automatic choice.
        starts: What it is trained from. An aligner with starts enters once one of them is the
            best so far, with the hyper-parameters that follow from that one's.
        rivals: What it is reported against if it is chosen.
        leads: Whether an ensemble may be built around it.
        beside: Place among the aligners that are added to a leader; None if it never is.
        grows: Its larger form, if any.
        shrinks: For an aligner on moments to which other sources may be added: the penalty that
            is also tried smaller then. Empty for others.
    """

    place: int = LAST
    grid: tuple[Params, ...] = ({},)
    cost: float = 0.0
    trained: bool = False
    conditions: tuple[Condition, ...] = ()
    starts: tuple[Related, ...] = ()
    rivals: tuple[Related, ...] = ()
    leads: bool = False
    beside: int | None = None
    grows: Growth | None = None
    shrinks: str = ""

    def refusal(self, setting: Setting) -> str:
        """Why the aligner does not enter the automatic choice; empty if it does."""
        return next((each.reason for each in self.conditions if not each.holds(setting)), "")
