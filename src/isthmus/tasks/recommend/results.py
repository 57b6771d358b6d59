"""What is recommended, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from isthmus.prompts.prompt import Prompt
from isthmus.tasks.retrieval.hits import Hit, labels_json


@dataclass(frozen=True, slots=True)
class WordShare:
    """What one word adds to a reason.

    Attributes:
        word: As it is written.
        value: What it adds.
        of: ``"item"`` for a word of the recommended item, ``"liked"`` for one of the liked.
    """

    word: str
    value: float
    of: str


@dataclass(frozen=True, slots=True)
class Because:
    """What one liked or disliked thing adds to the score of an item, beyond the average item.

    Attributes:
        name: As the user named it; of an item of the store the name of its file.
        item: Id of the item, where it is one of the store; else empty.
        liked: Whether it is liked, not disliked.
        value: What it adds; less than 0 where it speaks against.
        content: Of this, what likeness adds.
        taken: Of this, what others who took both add.
        term: Place of the thing among the terms of the prompt.
        words: What words of a text add to the likeness, the strongest first; those of the item and
            those of what is liked each split it. Empty where neither is a text, or they were not
            asked for.
    """

    name: str
    item: str
    liked: bool
    value: float
    content: float
    taken: float
    term: int = 0
    words: Sequence[WordShare] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item; ``rest`` and the values of the reasons sum to the score.

    Attributes:
        hit: The item as a search would show it; without a probability, since a calibration says
            whether two things belong together, and not whether somebody will like one.
        score: How far it stands above the average item, in standard deviations.
        reasons: The strongest first.
        rest: The score without any reason: 0, but for what the best of many parts gains by chance.
        new: Whether its content alone speaks for it, since nobody took it.
    """

    hit: Hit
    score: float
    reasons: Sequence[Because]
    rest: float
    new: bool

    @property
    def said(self) -> str:
        """Why it is here, on one line: ``"because you like cat.png and dog.png"``."""
        names = [each.name for each in self.reasons if each.liked and each.value > 0][:2]
        if not names:
            away = [each.name for each in self.reasons if not each.liked]
            return f"unlike {away[0]}" if away else "nothing is more like it"
        others = ", and others took both" if any(each.taken > 0 for each in self.reasons) else ""
        return f"because you like {' and '.join(names)}{others}"

    def to_json(self) -> dict[str, object]:
        """For machines."""
        hit = self.hit
        return {
            "id": hit.id,
            "view": hit.view,
            "modality": hit.modality,
            "source": hit.source,
            "text": hit.text,
            "span": hit.span,
            "gone": hit.gone,
            "labels": labels_json(hit.labels),
            "fields": dict(hit.fields),
            "score": self.score,
            "said": self.said,
            "reasons": [asdict(each) for each in self.reasons],
            "rest": self.rest,
            "new": self.new,
        }


@dataclass(frozen=True, eq=False)
class Recommendations:
    """What is recommended.

    Attributes:
        prompt: What is liked, less what is disliked; :meth:`isthmus.Store.explain` takes it.
        items: Best first.
        share: How much content counts against what others took; 1 without a history.
        reason: Why there is nothing, in words; empty where there is something.
    """

    prompt: Prompt
    items: Sequence[Recommendation]
    share: float = 1.0
    reason: str = ""

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def to_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "query": str(self.prompt),
            "content_share": self.share,
            "reason": self.reason,
            "items": [each.to_json() for each in self.items],
        }
