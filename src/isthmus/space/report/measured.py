"""What a report says of data, encoders and held-out quality, however the space was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isthmus.core.errors import InputError
from isthmus.core.record import Failure
from isthmus.core.view import Direction, ViewPair
from isthmus.space.report.figures import Readouts, Spread, Summary, mean_chance, mean_recall


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What a space was made from.

    Attributes:
        name: Of the data set.
        records: How many have at least one of the joined views.
        items: How many by view.
        pairs: Records that have both, by pair of views.
        groups: How many were kept whole by splits.
        left_out: What could not be used, and why.
        columns: What columns of its table hold that the views were read from, by name, as in
            ``load_dataset(…, columns=…)``. Other tables are read so, too.
    """

    name: str
    records: int
    items: Mapping[str, int]
    pairs: Mapping[ViewPair, int]
    groups: int
    left_out: tuple[Failure, ...]
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """The encoder of a view.

    Attributes:
        id: Its name.
        modality: What it reads.
        dim: Length of its vectors.
    """

    id: str
    modality: str
    dim: int


@dataclass(frozen=True, slots=True)
class Null:
    """What no signal gives under the same procedure, by direction.

    Attributes:
        shuffled: Partners dealt at random.
        random: Noise in place of the encoders' vectors.
    """

    shuffled: Mapping[Direction, Readouts[Spread]]
    random: Mapping[Direction, Readouts[Spread]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ungrouped:
    """What was chosen, on folds that do not keep groups whole.

    Attributes:
        groups: How many there are.
        names: Of some of them.
        held_out: What was found. The choice has seen these records.
        p_values: Of a permutation test against shuffled partners, by pair of views.
    """

    groups: int
    names: tuple[str, ...]
    held_out: Summary
    p_values: Mapping[ViewPair, float]

    @property
    def r10(self) -> float:
        """Mean R@10 of all directions under the ``instance`` read-out."""
        return mean_recall(self.held_out)[1]

    @property
    def chance(self) -> float:
        """What chance would give."""
        return mean_chance(self.held_out)[1]

    def __str__(self) -> str:
        """``"5 groups (animals, food, misc, …)"``."""
        more = ", …" if self.groups > len(self.names) else ""
        named = f" ({', '.join(self.names)}{more})" if self.names else ""
        return f"{self.groups} groups{named}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Quality on outer folds that neither the fit nor the choice had seen.

    Attributes:
        folds: Outer folds that were run.
        planned: Outer folds there would be without a time budget.
        held_out: What was found.
        null: The same without signal.
        p_values: Of a permutation test against shuffled partners, by pair of views.
        ungrouped: The same without keeping groups whole; None where they kept nothing together.
    """

    folds: int
    planned: int
    held_out: Summary
    null: Null
    p_values: Mapping[ViewPair, float]
    ungrouped: Ungrouped | None = None

    @property
    def over(self) -> str:
        """What its figures are, in words: one fold has no spread."""
        if self.folds == 1:
            return "one outer fold, so there is no ± sd"
        return f"mean ± sd over {self.folds} outer folds"

    def __post_init__(self) -> None:
        for direction in self.held_out.directions:
            if direction not in self.null.shuffled:
                raise InputError(f"{direction} was measured, but not with partners dealt at random")


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Expected calibration error on folds that were not learned from.

    Attributes:
        before: Of cosines taken for probabilities.
        after: Of the calibrated probabilities.
    """

    before: float
    after: float
