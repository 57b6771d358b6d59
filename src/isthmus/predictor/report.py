"""What a predictor is worth: measured on records that neither it nor the choice learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from isthmus.core.document import Json, from_document, to_object
from isthmus.predictor.facts import ChosenFusion, DataFacts, TargetFacts, ViewFacts
from isthmus.space.report import Difference

__all__ = [
    "Baseline",
    "ChosenFusion",
    "Clinical",
    "Confusion",
    "Coverage",
    "Curve",
    "DataFacts",
    "Estimate",
    "Example",
    "Examples",
    "Figure",
    "MissingCurve",
    "Plain",
    "PredictorReport",
    "Reliability",
    "RiskCoverage",
    "Shares",
    "ShuffledLabels",
    "Standing",
    "TargetFacts",
    "Tried",
    "ViewFacts",
]

Plain = Literal[
    "chance",
    "majority",
    "view",
    "concat",
    "late",
    "views shuffled",
    "views shuffled within a class",
]
"""Plain rivals. ``views shuffled`` deals every view but the best one anew among all records, in
training and test: the gain of fusion over that view must vanish. ``views shuffled within a class``
deals them among records of the same class: what each view says of the class stays, and what is lost
is only what the views of one record say together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over the outer folds.

    Attributes:
        metric: Its name: ``"accuracy"``.
        value: Mean over the folds.
        low: Lower end of the 95 % interval, corrected for training sets that overlap; None where
            one fold says nothing about it.
        high: Upper end.
        folds: How many.
        unit: In which it is told: ``"days"`` for the error of dates; else empty.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    folds: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the whole procedure scores on records that it has not seen.

    Attributes:
        headline: Name of the metric that says most of this kind of target.
        figures: Each metric, the headline first.
        records: That were held out, each once.
        folds: Outer folds.
        seed: Of the folds.
        chosen: What was chosen in each outer fold.
    """

    headline: str
    figures: tuple[Figure, ...]
    records: int
    folds: int
    seed: int
    chosen: tuple[str, ...]

    def figure(self, metric: str) -> Figure:
        """By name.

        Raises:
            KeyError: If there is none.
        """
        for each in self.figures:
            if each.metric == metric:
                return each
        raise KeyError(metric)


@dataclass(frozen=True, slots=True)
class Standing:
    """The best of one kind of fusion, chosen and measured as the estimate is.

    Attributes:
        fusion: Short id; ``"late: NAME"`` for late fusion of some views only.
        label: Of what was chosen on all records.
        figure: The headline, on the outer folds.
        ahead: Of late fusion, by the headline, on the outer folds; None for late fusion itself.
        ahead_inside: Of late fusion, by what the choice looks at, on the folds that it chose by:
            a fusion is chosen only where this interval lies above zero.
        seconds: Of one fit.
        chosen: Whether it is the one.
    """

    fusion: str
    label: str
    figure: Figure
    ahead: Difference | None
    ahead_inside: Difference | None
    seconds: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """A plain rival on the same folds.

    Attributes:
        kind: Which.
        view: Of a single view.
        figure: The headline.
        gain: What fusion gains over the best single view, where views are shuffled; else None.
    """

    kind: Plain
    view: str | None
    figure: Figure
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class ShuffledLabels:
    """How often labels that are dealt anew fit the held-out scores as well.

    Attributes:
        p: The share, at least ``1 / (1 + permutations)``.
        permutations: How many.
        level: Above which a predictor is refused.
    """

    p: float
    permutations: int
    level: float


@dataclass(frozen=True, slots=True)
class MissingCurve:
    """The headline where a share of the records lacks a view at test.

    Attributes:
        view: Which.
        shares: From 0 to 1.
        values: Of this predictor.
        rest: Of one that never knew that view, on those records, and this one on the others.
    """

    view: str
    shares: tuple[float, ...]
    values: tuple[float, ...]
    rest: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Whether probabilities mean what they say.

    Attributes:
        error: Expected calibration error of the most probable answer, bins of equal count.
        said: Mean probability of each bin.
        found: Share that is right.
        counts: Answers.
    """

    error: float
    said: tuple[float, ...]
    found: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Conformal sets or intervals on held-out records.

    Attributes:
        wished: Share that shall hold the truth.
        covered: Share that does.
        size: Mean number of classes in a set, or mean width of an interval.
        empty: Share of empty sets.
    """

    wished: float
    covered: float
    size: float
    empty: float = 0.0


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What is lost when only the surest are answered.

    Attributes:
        coverage: Shares that are answered, ascending.
        risk: Mean loss at each: share of wrong answers, or mean distance of numbers.
        area: Mean risk over all shares; lower is better.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts by true and answered class: ``counts[true][answered]``."""

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out record.

    Attributes:
        id: Of the record.
        true: Class, grade, labels joined by commas, number, or date.
        said: The same, as answered.
        sure: From 0 to 1.
    """

    id: str
    true: str
    said: str
    sure: float


@dataclass(frozen=True, slots=True)
class Examples:
    """Held-out records that show how sure answers are.

    Attributes:
        sure: Right and surest, a few of each class.
        unsure: The least sure.
        wrong: Wrong and surest.
        cells: Of each cell of the confusion, the surest, at most three.
    """

    sure: tuple[Example, ...]
    unsure: tuple[Example, ...]
    wrong: tuple[Example, ...]
    cells: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over something: ``x`` ascending."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Clinical:
    """What a diagnosis is judged by; of a target of two classes, and of an event by a horizon.

    Attributes:
        positive: The class that is looked for.
        auc: Area under the curve.
        benefit: Net benefit of acting from a probability on.
        always: Of acting on everyone; never acting brings 0.
        sensitivity: Over fixed specificities.
        in_the_large: Share of true ones less the mean probability.
        auc_over_time: Of survival, at several times; else None.
    """

    positive: str
    auc: float
    benefit: Curve
    always: Curve
    sensitivity: Curve
    in_the_large: float
    auc_over_time: Curve | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """One point of a grid.

    Attributes:
        label: Of the fusion and its hyper-parameters.
        fusion: As :class:`Standing` has it.
        score: What the choice looks at, higher is better; None where it could not be fitted.
        sd: Over splits.
        splits: On which it was fitted.
        complete: Whether that is all of them; others lost the race before.
        reason: Why it could not be fitted or was not tried, or nothing.
    """

    label: str
    fusion: str
    score: float | None
    sd: float | None
    splits: int
    complete: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much views move the scores of held-out records.

    Attributes:
        views: By view, its mean share: size of what it adds, all views summing to 1.
    """

    views: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorReport:
    """Everything that is told of a predictor.

    Attributes:
        target: What is predicted.
        data: What was learned from.
        chosen: The fusion.
        chosen_by: Name of what the choice looks at: ``"log loss"``.
        estimate: On held-out records.
        standings: Each kind of fusion, the chosen one first, then by the headline.
        baselines: Plain rivals.
        null: Shuffled labels.
        missing: A curve a view; empty where there is one view only.
        reliability: Of probabilities; None for numbers.
        coverage: Of sets or intervals, at several wishes; empty for survival.
        risk_coverage: For abstaining.
        confusion: Of classes and grades; else None.
        clinical: Of two classes, and of survival; else None.
        shares: Of the views.
        examples: Held-out records.
        tried: Every point, best first.
        not_tried: Kinds of fusion that never entered, and why.
        seconds: That the choice took.
    """

    target: TargetFacts
    data: DataFacts
    chosen: ChosenFusion
    chosen_by: str
    estimate: Estimate
    standings: tuple[Standing, ...]
    baselines: tuple[Baseline, ...]
    null: ShuffledLabels
    missing: tuple[MissingCurve, ...]
    reliability: Reliability | None
    coverage: tuple[Coverage, ...]
    risk_coverage: RiskCoverage
    confusion: Confusion | None
    clinical: Clinical | None
    shares: Shares
    examples: Examples
    tried: tuple[Tried, ...]
    not_tried: Mapping[str, str]
    seconds: float

    def to_json(self) -> dict[str, Json]:
        """Plain values."""
        return to_object(self)

    @classmethod
    def from_json(cls, document: Json) -> PredictorReport:
        """What :meth:`to_json` wrote.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        return from_document(cls, document, "report")
