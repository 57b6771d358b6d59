"""The typed report of a classification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.document import to_object
from isthmus.core.item import MediaItem
from isthmus.metrics import Interval
from isthmus.prompts.curve import ShotCurve
from isthmus.prompts.judged import Judged
from isthmus.prompts.stability import Stability
from isthmus.tasks.zeroshot.options import ClassifyOptions
from isthmus.tasks.zeroshot.results import Classification, Classified


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of a report for which there is too little.

    Attributes:
        reason: What is missing.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Confused:
    """An item that stands for all that are of one class and were said to be of another.

    Attributes:
        item: The one that was said most surely.
        probability: Of the class that was said.
    """

    item: MediaItem
    probability: float


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often items of each class were said to be of each class.

    Attributes:
        counts: ``(K, K)``, a row for each true class.
        examples: By true class and said class.
    """

    counts: NDArray[np.intp]
    examples: Mapping[tuple[int, int], Confused]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A classification judged by true classes.

    Attributes:
        figures: Of the most probable class, whether or not the item was refused.
        confusion: The same, by pairs of classes.
        covered: Share of the sets of likely labels that hold the true one; None without sets.
        set_size: Their mean size; None without sets.
        refused: How many items were told to be none of the classes.
        answered: Accuracy on the others; None where there are none, or none could be refused.
        seen: How many of the items the space has learned from; figures on these are too good.
    """

    figures: Judged
    confusion: Confusion
    covered: Interval | None = None
    set_size: float | None = None
    refused: int = 0
    answered: Interval | None = None
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Strangers:
    """Items whose true class is none of those that were asked about.

    Attributes:
        items: How many.
        refused: Share that was told to be none of the classes.
        names: Of their true classes.
    """

    items: int
    refused: Interval
    names: tuple[str, ...]


RivalKind = Literal["words", "names", "sentences", "random-words", "shuffled", "majority"]
"""Words alone without the examples, bare names, sentences; random words, shuffled labels of the
examples (or answers, where there are none), always the most frequent class."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Something plainer, or a null, on the same items.

    Attributes:
        kind: What it is.
        accuracy: Share that is right.
        macro_recall: Mean over classes.
        macro_f1: Mean over classes.
        lead: Accuracy of the classifier less that of the rival, item by item.
    """

    kind: RivalKind
    accuracy: Interval
    macro_recall: float
    macro_f1: float
    lead: Interval

    @property
    def beaten(self) -> bool:
        """Whether the classifier is surely better."""
        return self.lead.low > 0


@dataclass(frozen=True, slots=True)
class Rivals:
    """The classifier beside its rivals.

    Attributes:
        view: On items of which view.
        items: On how many.
        left_out: Whether they are the examples, left out in turn, and not items with true labels.
        accuracy: Of the classifier on them.
        macro_recall: Of it.
        macro_f1: Of it.
        rows: The rivals.
        chance: Of a blind guess.
    """

    view: str
    items: int
    left_out: bool
    accuracy: Interval
    macro_recall: float
    macro_f1: float
    rows: tuple[Rival, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class SentenceShare:
    """A sentence and what it adds to the score of its class.

    Attributes:
        text: The sentence.
        share: Mean over items of what it adds to the cosine.
    """

    text: str
    share: float


@dataclass(frozen=True, slots=True)
class ClassPrompts:
    """The sentences of a class.

    Attributes:
        name: Of the class.
        items: Over how many items shares are a mean.
        said: Whether these are the ones that were said to be of the class; all where none was.
        cosine: Mean cosine of these with the class; the shares add up to it.
        sentences: Largest share first.
    """

    name: str
    items: int
    said: bool
    cosine: float
    sentences: tuple[SentenceShare, ...]


@dataclass(frozen=True, slots=True)
class Margin:
    """Of what the lead of an answer over the next class is made, a mean over items in log-odds.

    Attributes:
        words: What the words alone say of these two classes.
        examples: What the examples add.
    """

    words: float
    examples: float


@dataclass(frozen=True, eq=False)
class Shown:
    """An item as an example of how sure the answers are.

    Attributes:
        item: The item.
        said: What is said of it.
        true: Its true class, where it is known.
    """

    item: MediaItem
    said: Classified
    true: str | None


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """What was said, and what that is worth.

    Attributes:
        said: The classification.
        options: How.
        fingerprint: Of the space.
        encoders: Their ids by view.
        modalities: By view.
        view: That most items are of, on which rivals, curve and stability are measured.
        evaluated: On items with true classes that nothing was learned from.
        left_out: On the examples, left out in turn, the choice of the method included.
        strangers: Items of no class.
        rivals: Plainer ways and nulls.
        curve: Accuracy by how many examples a class there are.
        stability: What changes that do not matter do to the answers.
        prompts: The sentences of each class that has words.
        margin: Where examples had a say.
        sure: Items with the most probable answers.
        unsure: Those that were hardest to decide, of answers less probable than
            ``options.coverage``.
        refused: Those that were told to be none of the classes.
        notes: What a reader should know of the figures.
        seed: Of all random choices.
        seconds: That it took.
    """

    said: Classification
    options: ClassifyOptions
    fingerprint: str
    encoders: Mapping[str, str]
    modalities: Mapping[str, str]
    view: str
    evaluated: Evaluated | None
    left_out: Evaluated | None
    strangers: Strangers | None
    rivals: Rivals | Skipped
    curve: ShotCurve | Skipped
    stability: Stability | Skipped
    prompts: tuple[ClassPrompts, ...]
    margin: Margin | None
    sure: tuple[Shown, ...]
    unsure: tuple[Shown, ...]
    refused: tuple[Shown, ...]
    notes: tuple[str, ...]
    seed: int
    seconds: float

    @property
    def judged(self) -> Evaluated | None:
        """What its figures come from: items with true classes, or else examples left out."""
        return self.evaluated or self.left_out

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values; what is said of each item is in :attr:`said`."""
        plain = (self.strangers, self.rivals, self.curve, self.stability, self.margin)
        strangers, rivals, curve, stability, margin = (
            None if each is None else to_object(each) for each in plain
        )
        return {
            "view": self.view,
            "evaluated": _evaluated(self.evaluated),
            "left_out": _evaluated(self.left_out),
            "strangers": strangers,
            "rivals": rivals,
            "curve": curve,
            "stability": stability,
            "prompts": [to_object(each) for each in self.prompts],
            "margin": margin,
            "notes": list(self.notes),
            "seed": self.seed,
            "seconds": self.seconds,
        }


def _evaluated(found: Evaluated | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        **to_object(found.figures),
        "confusion": found.confusion.counts.tolist(),
        "covered": None if found.covered is None else to_object(found.covered),
        "set_size": found.set_size,
        "refused": found.refused,
        "answered": None if found.answered is None else to_object(found.answered),
        "seen": found.seen,
    }
