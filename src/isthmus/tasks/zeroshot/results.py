"""What a classification says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Failure
from isthmus.prompts.choice import Tried

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree of classes, and how probable it is."""

    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class Classified:
    """What one item is.

    Attributes:
        source: What the user knows it by.
        label: The most probable class; None where it is none of these.
        probability: Of the most probable class, among the classes.
        probabilities: ``(K,)``, in the order of the classes.
        likely: The smallest set of classes that holds the true one in the share of items that was
            asked for; None where too few shots were left out to promise that.
        unlike: How likely an item of the classes is to be classified less surely than this one;
            None where too few shots were left out.
        levels: The most probable node at each level of a tree of classes, the top first; empty
            where the classes are no tree.
        items: That had a say, by view.
    """

    source: str
    label: str | None
    probability: float
    probabilities: F64
    likely: tuple[str, ...] | None
    unlike: float | None
    levels: tuple[Node, ...]
    items: Mapping[str, MediaItem]

    @property
    def views(self) -> tuple[str, ...]:
        """That had a say."""
        return tuple(self.items)


@dataclass(frozen=True, slots=True)
class GeneratedPrompts:
    """Prompts that nobody typed, and whether they are used.

    Attributes:
        sources: Where they come from.
        kept: Whether they are used.
        reason: Why, or why not.
        prompts: By class in words; empty where they are not kept.
        accuracy: Share of left-out examples that are right by them alone; None without examples.
        null: The same by as many random words, mean over draws.
        sentences: The same by the sentences that are used otherwise.
    """

    sources: tuple[str, ...]
    kept: bool
    reason: str
    prompts: Mapping[str, tuple[str, ...]]
    accuracy: float | None = None
    null: float | None = None
    sentences: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        shares = {n: getattr(self, n) for n in ("accuracy", "null", "sentences")}
        return {
            "sources": list(self.sources),
            "kept": self.kept,
            "reason": self.reason,
            "prompts": {name: list(texts) for name, texts in self.prompts.items()},
            **{n: None if x is None else round(x, _DIGITS) for n, x in shares.items()},
        }


@dataclass(frozen=True, slots=True)
class Learned:
    """How the classes were learned for one view.

    Attributes:
        view: Of the items.
        shots: How many examples had a say.
        method: That was chosen.
        reason: Why.
        params: Of the method.
        temperature: By which its logits are divided.
        tried: Methods by how they did on shots that were left out, best first.
        not_tried: Why a method took no part, by its id.
        left_out: How many shots that was.
        generated: Prompts that were generated; None where none were asked for.
    """

    view: str
    shots: int
    method: str
    reason: str
    params: Mapping[str, float]
    temperature: float
    tried: tuple[Tried, ...]
    not_tried: Mapping[str, str]
    left_out: int
    generated: GeneratedPrompts | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "view": self.view,
            "shots": self.shots,
            "method": self.method,
            "reason": self.reason,
            "params": dict(self.params),
            "temperature": round(self.temperature, _DIGITS),
            "left_out": self.left_out,
            "tried": [
                {
                    "method": each.method,
                    "loss": round(each.loss, _DIGITS),
                    "accuracy": round(each.accuracy, _DIGITS),
                }
                for each in self.tried
            ],
            "not_tried": dict(self.not_tried),
            "generated": None if self.generated is None else self.generated.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Classification:
    """What every item is, and what has to be known to trust it.

    Attributes:
        classes: Their names; the columns of probabilities.
        items: One an item that could be used, in their order.
        learned: By view.
        failures: Items and examples that could not be used.
        notes: What a reader should know: classes that nearly mean the same, too few examples.
    """

    classes: tuple[str, ...]
    items: Sequence[Classified]
    learned: Sequence[Learned]
    failures: Sequence[Failure] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Classified:
        return self.items[place]

    @property
    def labels(self) -> list[str | None]:
        """Of the items."""
        return [item.label for item in self.items]

    @property
    def probabilities(self) -> F64:
        """``(n, K)``."""
        if not self.items:
            return np.zeros((0, len(self.classes)))
        return np.vstack([item.probabilities for item in self.items])

    @property
    def chance(self) -> float:
        """What guessing gets right of classes that are equally frequent."""
        return 1 / len(self.classes)

    def to_json(self, *, most: int | None = None) -> dict[str, Any]:
        """As plain values.

        Args:
            most: Only so many of the most probable classes of each item; None for all.
        """
        return {
            "classes": list(self.classes),
            "chance": round(self.chance, _DIGITS),
            "items": [self.row(item, most) for item in self.items],
            "learned": [each.to_json() for each in self.learned],
            "left_out": [asdict(f) for f in self.failures],
            "notes": list(self.notes),
        }

    def row(self, item: Classified, most: int | None = None) -> dict[str, Any]:
        """One item as plain values."""
        order = np.argsort(-item.probabilities, kind="stable")[:most]
        return {
            "source": item.source,
            "label": item.label,
            "probability": round(item.probability, _DIGITS),
            "likely": None if item.likely is None else list(item.likely),
            "unlike": None if item.unlike is None else round(item.unlike, _DIGITS),
            "levels": [
                {"name": each.name, "probability": round(each.probability, _DIGITS)}
                for each in item.levels
            ],
            "views": list(item.views),
            "probabilities": [
                {
                    "label": self.classes[k],
                    "probability": round(float(item.probabilities[k]), _DIGITS),
                }
                for k in order
            ],
        }
