"""What was tried, what won, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """What one candidate scores above another, over splits that both ran on.

    Attributes:
        mean: Of the differences.
        low: Lower end of the 95 % interval; None where one split says nothing about it.
        high: Upper end.
        splits: How many.
    """

    mean: float
    low: float | None
    high: float | None
    splits: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenAligner:
    """What was chosen, with everything needed to build it again.

    Attributes:
        label: For tables: ``"cca ridge=3 power=2"``.
        aligner: Short id, or ``"ensemble"``.
        params: Hyper-parameters of the aligner.
        members: Of an ensemble.
        weights: Of the members.
        sources: Weight of other sources whose moments were added.
        csls_strength: How strongly the instance read-out corrects for hubness.
    """

    label: str
    aligner: str
    params: Mapping[str, object]
    members: tuple[ChosenAligner, ...]
    weights: tuple[float, ...]
    sources: Mapping[str, float]
    csls_strength: float

    @property
    def source_weights(self) -> dict[str, float]:
        """Weight of every source that counts, in the members of an ensemble too."""
        parts = self.members or (self,)
        return {name: weight for part in parts for name, weight in part.sources.items()}


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate.

    Attributes:
        candidate: Its label.
        score: Mean over the splits that it ran on; None where it could not run.
        sd: Standard deviation over them.
        splits: On how many it ran.
        complete: Whether that is all of them.
        reason: Why it could not run or was not tried, or nothing.
    """

    candidate: str
    score: float | None
    sd: float | None
    splits: int
    complete: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The best candidate of a family beside the one that was chosen.

    Attributes:
        family: Kinds of aligner and other sources it is made of: ``("cca", "openclipart")``.
        candidate: Its label.
        score: Mean over the splits that it ran on.
        splits: On how many it ran.
        complete: Whether that is all of them.
        ahead: By how much the chosen one leads; None for the chosen one itself, or where no
            split has both.
    """

    family: tuple[str, ...]
    candidate: str
    score: float
    splits: int
    complete: bool
    ahead: Difference | None


@dataclass(frozen=True, slots=True)
class Rivalry:
    """What was trained, or smoothed, beside what it came from.

    Attributes:
        rival: Label of the candidate it is compared with.
        ahead: By measure (``"R@1"``, ``"mAP by group"``), how much the chosen one gains; None
            where no split has both.
    """

    rival: str
    ahead: Mapping[str, Difference | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """How the aligner was chosen.

    Attributes:
        chosen: What won.
        tried: Every candidate, best first.
        standings: The best of each family, the winner's first.
        rivalries: For what is trained, how it compares with what it came from.
        not_tried: Kinds of aligner that never entered, and why.
    """

    chosen: ChosenAligner
    tried: tuple[Tried, ...]
    standings: tuple[Standing, ...]
    rivalries: tuple[Rivalry, ...]
    not_tried: Mapping[str, str]
