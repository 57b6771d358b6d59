"""What a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from isthmus.core.view import Direction
from isthmus.tasks.retrieval.query import Query


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that a search found.

    Attributes:
        id: Of the item.
        view: Of the space.
        modality: How its bytes are read.
        source: Where it lies.
        cosine: To the query; of several terms the weighted mean.
        score: What it was ranked by, within its view.
        probability: That it matches, calibrated on held-out pairs; None where the space
            knows no pairs for this direction.
        prominence: By how many standard deviations the score stands out among the scores of
            the space's own items of that view; what hits of several views are
            merged by.
        named: Whether its words or its name hold the words of the query.
        gone: Whether no file holds it any more.
        span: Start and end in seconds where it is a part of a recording.
        text: Its words, or those of its name.
    """

    id: str
    view: str
    modality: str
    source: str
    cosine: float
    score: float
    probability: float | None
    prominence: float = 0.0
    named: bool = False
    gone: bool = False
    span: tuple[float, float] | None = None
    text: str = ""

    @property
    def words(self) -> str:
        """The probability as people say it."""
        return in_words(self.probability)


@dataclass(frozen=True, eq=False)
class Results:
    """What a search found.

    Attributes:
        query: What was asked.
        hits: Best first.
        nothing: Whether nothing matches: hits, if any, are only the nearest there is.
        uncalibrated: Directions without calibrated probabilities.
    """

    query: Query
    hits: Sequence[Hit]
    nothing: bool
    uncalibrated: Sequence[Direction] = ()

    def to_json(self) -> dict[str, object]:
        """For machines."""
        hits = [{**asdict(hit), "words": hit.words} for hit in self.hits]
        return {
            "query": str(self.query),
            "nothing_matches": self.nothing,
            "uncalibrated": [direction.to_json() for direction in self.uncalibrated],
            "hits": hits,
        }


def in_words(probability: float | None) -> str:
    """A probability as people say it.

    Example:
        >>> in_words(0.95), in_words(0.4), in_words(None)
        ('very likely', 'maybe', 'uncalibrated')
    """
    if probability is None:
        return "uncalibrated"
    steps = ((0.8, "very likely"), (0.5, "likely"), (0.2, "maybe"))
    return next((words for least, words in steps if probability >= least), "unlikely")
