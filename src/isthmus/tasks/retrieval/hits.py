"""What a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from isthmus.core.fields import Fields, clock
from isthmus.core.view import TEXT, Direction
from isthmus.prompts.prompt import Prompt
from isthmus.store import whole_id

CLEAR = 0.75
"""Lead over the next hit, in standard deviations of scores, from which the first is clearly best.
Of first hits with that lead 70 of 100 are relevant, of those with less 28, of all 33: captions of
stamps and titles of clip art, in inner folds of ``benchmarks/starter.py``."""

FAINT = 0.1
"""Probability below which hits are told as one: differences there are within the calibration error
of .02 to .1. Of the floors .05, .1 and .2 all give the right items of three views the same mean
place together as plain probabilities do, and .1 and .2 keep the deepest within twice the shallowest
(inner folds of ``benchmarks/merging.py``)."""

_SHORT = (10.0, 0.15)
"""Seconds below which the ends of a span get a digit after the point, and another one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a hit stands among the items of its view.

    Attributes:
        rank: From 1.
        among: How many items there are.
        clear: Whether it is the first, by far.
    """

    rank: int
    among: int
    clear: bool = False

    def __str__(self) -> str:
        """In words: ``"clear best of 569"``."""
        if self.rank == 1:
            return f"{'clear best' if self.clear else 'best'} of {self.among:,}"
        return f"number {self.rank:,} of {self.among:,}"


@dataclass(frozen=True, slots=True)
class Share:
    """What one part of a prompt adds to the score of a hit; the shares sum to the score.

    Attributes:
        prompt: The part, as it is typed, without its weight.
        part: What it says: ``"content"``, ``"style"``, ``"context"`` or ``"avoid"``.
        weight: How much it counts, where those that are sought sum to 1.
        value: What it adds: ``weight · (2·cosine − hubness correction)``.
        hubness: Of this, what the correction for hubness takes off or adds.
    """

    prompt: str
    part: str
    weight: float
    value: float
    hubness: float


@dataclass(frozen=True, slots=True)
class HitSpan:
    """A part of a long item that a search found.

    Attributes:
        id: Of the part, or the best of several that were joined.
        start: Where it begins, in seconds or, of a text, in characters.
        stop: Where it ends.
        probability: As of a :class:`Hit`.
        passes: Whether it passes for a match.
        text: Its words, of a text.
    """

    id: str
    start: float
    stop: float
    probability: float | None = None
    passes: bool = True
    text: str = ""

    @property
    def words(self) -> str:
        """The probability as people say it, as of a hit."""
        return in_words(self.probability, passes=self.passes)

    @property
    def matches(self) -> bool:
        """Whether it passes for a match, and is no unlikely one."""
        return self.passes and self.words != "unlikely"


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that a search found.

    Attributes:
        id: Of the item, or of the part of it that matches best.
        view: Of the space.
        modality: How its bytes are read.
        source: Where it lies.
        cosine: To the query; of several terms the weighted mean.
        score: What it was ranked by, within its view.
        probability: That its content is what the query asks for and not what it avoids,
            calibrated on held-out pairs; None where the space knows no pairs for this direction.
        prominence: By how many standard deviations the score stands out among the scores of
            the space's own items of that view; what hits of several views are
            merged by.
        named: Whether its words or its name hold the words of the query.
        partly_named: Whether they hold half of them or more, counted by their rarity.
        passes: Whether it passes for a match by its content: it is likely enough, and the query is
            like what the space knows.
        avoided: Whether it rather is what the query avoids.
        standing: How it stands among the items of its view; None for one found by its name alone.
        gone: Whether no file holds it any more.
        span: Where to look in an item that is long: start and end, in seconds or, of a text, in
            characters. Neighbouring parts that match as well are one.
        text: Its words, or those of its name.
        shares: What each part of the prompt adds to the score.
        labels: What it was annotated with, and how probable each is, most probable first.
        origin: Where its words were read, see :class:`isthmus.store.Entry`; empty where they lie in
            the file as words.
        spans: Where else in it there is a match that is no unlikely one, best first; none overlap.
        copies: Other files that hold the same, or nearly the same.
        fields: What its file says of itself, see :class:`isthmus.store.Entry`.
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
    partly_named: bool = False
    passes: bool = True
    avoided: bool = False
    standing: Standing | None = None
    gone: bool = False
    span: tuple[float, float] | None = None
    text: str = ""
    shares: Sequence[Share] = ()
    labels: Sequence[tuple[str, float]] = ()
    origin: str = ""
    spans: Sequence[HitSpan] = ()
    copies: Sequence[str] = ()
    fields: Fields = ()

    @property
    def item(self) -> str:
        """Id of the whole item."""
        return whole_id(self.id)

    @property
    def words(self) -> str:
        """The probability as people say it, the same in a search and in an explanation."""
        return in_words(self.probability, passes=self.passes)

    @property
    def percent(self) -> str:
        """The number beside :attr:`words`; empty where there is none that says the same.

        What does not pass for a match is unlikely, whatever its probability: that was learned from
        queries and items that the space knows.
        """
        p = self.probability
        return "" if p is None or in_words(p) != self.words else in_percent(p)

    @property
    def said(self) -> str:
        """All that is said of it on one line: why it is here, how likely, how it stands.

        A hit by its name, or by its words if it is a text, says so first: it may stand above others
        that are likelier by content.
        """
        likely = f"{self.words} {self.percent}".rstrip()
        name, content = "its name", "its content"
        if self.origin:
            name, content = f"its words, {said_origin(self)}", "their meaning"
        elif self.modality == TEXT:
            name, content = "its words", "their meaning"
        if self.named:
            likely = f"by {name}; by {content}: {likely}"
        elif self.partly_named:
            likely = f"in part by {name}; by {content}: {likely}"
        elif self.origin:
            likely = f"by words {said_origin(self)}: {likely}"
        return likely if self.standing is None else f"{likely}, {self.standing}"


@dataclass(frozen=True, eq=False)
class Results:
    """What a search found.

    Attributes:
        query: What was asked.
        hits: Best first.
        nothing: Whether nothing matches: hits, if any, are only the nearest there is.
        uncalibrated: Directions of hits that have no calibrated probability.
        weak: Directions in which even held-out partners are seldom found.
        advice: What to do about the directions without probabilities, if anything.
        reason: Why there is nothing to look among: no item of these views, or none that passes
            the filter; empty where there is.
        unfinished: Which indexing run of the store has not finished, and what to type to go on.
    """

    query: Prompt
    hits: Sequence[Hit]
    nothing: bool
    uncalibrated: Sequence[Direction] = ()
    weak: Sequence[Direction] = ()
    advice: str = ""
    reason: str = ""
    unfinished: str = ""

    def to_json(self) -> dict[str, object]:
        """For machines."""
        hits = [
            {
                **asdict(hit),
                "words": hit.words,
                "said": hit.said,
                "labels": labels_json(hit.labels),
                "fields": dict(hit.fields),
            }
            for hit in self.hits
        ]
        return {
            "query": str(self.query),
            "nothing_matches": self.nothing,
            "uncalibrated": [direction.to_json() for direction in self.uncalibrated],
            "weak": [direction.to_json() for direction in self.weak],
            "advice": self.advice,
            "reason": self.reason,
            "unfinished": self.unfinished,
            "hits": hits,
        }


def said_span(span: tuple[float, float], modality: str) -> str:
    """Where to look, on one line; of a short time, with digits unless both its ends are whole.

    Examples:
        >>> said_span((65, 80.4), "audio"), said_span((3600, 3725), "video")
        ('at 1:05–1:20', 'at 1:00:00–1:02:05')
        >>> said_span((17.1, 17.9), "audio"), said_span((17.04, 17.08), "video")
        ('at 0:17.1–0:17.9', 'at 0:17.04–0:17.08')
        >>> said_span((8, 12), "video"), said_span((3.75, 6), "video")
        ('at 0:08–0:12', 'at 0:03.8–0:06.0')
        >>> said_span((1200, 1650), "text")
        'at characters 1,200–1,650'
    """
    start, stop = span
    if modality == TEXT:
        return f"at characters {start:,.0f}–{stop:,.0f}"
    digits = sum(stop - start < seconds for seconds in _SHORT)
    if all(round(each, digits).is_integer() for each in (float(start), float(stop))):
        start, stop, digits = int(start + 0.5), int(stop + 0.5), 0
    return f"at {clock(start, digits=digits)}–{clock(stop, digits=digits)}"


def labels_json(labels: Sequence[tuple[str, float]]) -> list[dict[str, str | float]]:
    """Labels of an item for machines."""
    return [{"label": name, "probability": probability} for name, probability in labels]


def said_labels(labels: Sequence[tuple[str, float]]) -> str:
    """Labels of an item on one line.

    Examples:
        >>> said_labels([("cat", 0.834), ("night", 0.5)])
        'cat 83 %, night 50 %'
    """
    return ", ".join(f"{name} {100 * probability:.0f} %" for name, probability in labels)


def said_shares(hit: Hit) -> str:
    """A score as the sum of what each part of the prompt adds, on one line."""
    sums = " ".join(
        f"{'−' if share.value < 0 else '+'} {abs(share.value):.2f} {_marked(share)}"
        for share in hit.shares
    )
    return f"{hit.score:.2f} = {sums.removeprefix('+ ')}".replace("-0", "−0")


def _marked(share: Share) -> str:
    return f"avoid {share.prompt}" if share.part == "avoid" else share.prompt


def said_origin(hit: Hit) -> str:
    """Where the words of a hit were read; empty where they lie in its file as words."""
    at = "" if hit.span is None else f" at {clock(hit.span[0])}"
    known = {"ocr": f"read from the {'video' if at else 'picture'}{at}", "speech": f"heard{at}"}
    return known.get(hit.origin, "")


def in_percent(probability: float) -> str:
    """A probability as a number that people see; what is faint is told as one.

    Examples:
        >>> in_percent(0.834), in_percent(0.03)
        ('83%', 'under 10%')
    """
    return f"under {FAINT:.0%}" if probability < FAINT else f"{probability:.0%}"


def in_words(probability: float | None, *, passes: bool = True) -> str:
    """A probability as people say it; what does not pass for a match is unlikely.

    Examples:
        >>> in_words(0.95), in_words(0.4), in_words(None)
        ('very likely', 'maybe', 'uncalibrated')
    """
    if probability is None:
        return "uncalibrated"
    if not passes:
        return "unlikely"
    steps = ((0.8, "very likely"), (0.5, "likely"), (0.2, "maybe"))
    return next((words for least, words in steps if probability >= least), "unlikely")
