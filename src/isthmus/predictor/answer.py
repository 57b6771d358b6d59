"""What a predictor says of a record, and the account of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus.encoders.parts import Cell, Place, Span, Word
from isthmus.fusion.target import Kind

_DIGITS = 4
_LARGE, _LARGEST = 1e4, 1e12
"""Between them, a number is told without what follows its point."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a predictor says of one record.

    Attributes:
        id: Of the record.
        kind: Of the target.
        value: The class or grade; the labels; the number; the date, as ``"2026-01-31"``; of
            survival the probability that the event happens by the horizon. It is given even where
            the predictor abstains.
        probability: That it is right: of labels that each of them is there or not, on average;
            None for a number.
        probabilities: By class, grade or label; empty for numbers and survival.
        likely: Classes or grades among which the true one is with the coverage that was asked for,
            most probable first; for labels, those that may be there.
        interval: Ends between which the number, the date, or the time of the event, lies with that
            coverage; None at an end that is not known.
        sure: How sure the predictor is, 0 to 1, by which it abstains.
        abstained: Whether it is less sure than was asked for.
        missing: Views that the record lacks.
        notes: What was taken for something else, such as a new category.
        source: Files of the record, with ``|`` between several; empty where it has none.
        unit: Of the value and the interval: ``"date"`` for dates; else empty.
    """

    id: str
    kind: Kind
    value: str | float | tuple[str, ...]
    probability: float | None
    probabilities: Mapping[str, float]
    likely: tuple[str, ...]
    interval: tuple[float | str | None, float | str | None] | None
    sure: float
    abstained: bool = False
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "id": self.id,
            "source": self.source,
            "value": list(self.value) if isinstance(self.value, tuple) else self.value,
            "unit": self.unit,
            "probability": _short(self.probability),
            "probabilities": {name: _short(p) for name, p in self.probabilities.items()},
            "likely": list(self.likely),
            "interval": None if self.interval is None else [_short(x) for x in self.interval],
            "sure": _short(self.sure),
            "abstained": self.abstained,
            "missing": list(self.missing),
            "notes": list(self.notes),
        }

    def row(self) -> dict[str, Any]:
        """On one line of a table."""
        low, high = self.interval or (None, None)
        own: dict[str, Any] = {
            "id": self.id,
            "source": self.source,
            "value": "|".join(self.value) if isinstance(self.value, tuple) else self.value,
            "probability": _short(self.probability),
            "sure": _short(self.sure),
            "abstained": self.abstained,
        }
        if self.kind in ("number", "survival"):
            own |= {"low": _short(low), "high": _short(high)}
        else:
            own |= {"likely": "|".join(self.likely)}
        own |= {f"p({name})": _short(p) for name, p in self.probabilities.items()}
        return {**own, "missing": "|".join(self.missing), "notes": "; ".join(self.notes)}


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of a view adds to a score.

    Attributes:
        label: A word, a cell, a span of time, or a column and its value.
        value: What it adds.
        error: Standard error where orders were sampled, else 0.
        place: Where it lies in the item; None for a column.
    """

    label: str
    value: float
    error: float = 0.0
    place: Place | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        where: dict[str, Any] = {}
        if isinstance(self.place, Cell):
            where = {
                "row": self.place.row,
                "column": self.place.column,
                "box": list(self.place.box),
            }
        elif isinstance(self.place, Span | Word):
            where = {"start": self.place.start, "end": self.place.end}
        return {"label": self.label, "value": self.value, "error": self.error, **where}


@dataclass(frozen=True, slots=True)
class ViewAccount:
    """What a view adds to a score.

    Attributes:
        view: Which.
        modality: Of it; ``"columns"`` for plain columns.
        share: What it adds; the shares of all views and the rest sum to the score.
        baseline: What of the share no part can claim: that of a typical item of the view; where
            there are no parts, the whole share of this item.
        parts: With the baseline they sum to the share; empty where its encoder cannot say.
        method: How the parts were found; where there are none, why.
    """

    view: str
    modality: str
    share: float
    baseline: float
    parts: Sequence[Part]
    method: str

    def strongest(self, count: int = 5) -> list[Part]:
        """The parts that count most, for or against."""
        return sorted(self.parts, key=lambda part: -abs(part.value))[:count]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "view": self.view,
            "modality": self.modality,
            "share": self.share,
            "baseline": self.baseline,
            "parts": [part.to_json() for part in self.parts],
            "method": self.method,
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """What a view that a record lacks would most likely have changed.

    It is told by training records that have the view and are like this one in the others.

    Attributes:
        view: Which.
        neighbours: How many such records were looked at.
        change: By how much the score changes on average, whatever the sign.
        turned: Share of them with whose item the answer would be another one; None for numbers.
        instead: What it would then most often be; empty if it stays.
    """

    view: str
    neighbours: int
    change: float
    turned: float | None
    instead: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "view": self.view,
            "neighbours": self.neighbours,
            "change": self.change,
            "turned": self.turned,
            "instead": self.instead,
        }


@dataclass(frozen=True, slots=True)
class Account:
    """An answer, and what it is made of.

    Attributes:
        answer: What is explained.
        about: The class, label or boundary of grades whose score it is; the target's name where
            there is one score.
        score: ``rest`` and the shares of the views sum to it.
        rest: What no view can claim: what is true of all records.
        views: That the record has.
        missing: Views that it lacks.
        others: Scores of the other classes, labels or boundaries, highest first: a score says
            something only beside them.
        unit: Of the score: ``"days since 1970-01-01"`` for dates, to which views add days; else
            empty.
        score_date: The score as a date; empty for others.
        rest_date: The rest as a date; empty for others.
    """

    answer: Answer
    about: str
    score: float
    rest: float
    views: Sequence[ViewAccount]
    missing: Sequence[Missing] = field(default_factory=tuple)
    others: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    score_date: str = ""
    rest_date: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "answer": self.answer.to_json(),
            "about": self.about,
            "score": self.score,
            "unit": self.unit,
            "score_date": self.score_date,
            "rest": self.rest,
            "rest_date": self.rest_date,
            "views": [view.to_json() for view in self.views],
            "missing": [each.to_json() for each in self.missing],
            "others": dict(self.others),
        }


def in_words(value: float | str | None) -> str:
    """A number or an end of an interval, as people read it; what is text already stays.

    Examples:
        >>> in_words(18608.25), in_words(0.12345), in_words("2026-01-31"), in_words(None)
        ('18,608', '0.1235', '2026-01-31', '?')
    """
    if value is None or isinstance(value, str):
        return "?" if value is None else value
    return f"{value:,.0f}" if _LARGE <= abs(value) < _LARGEST else f"{value:.4g}"


def finite(value: float) -> float | None:
    """A number, or None where it is not finite, which JSON cannot hold."""
    return float(value) if math.isfinite(value) else None


def _short(value: float | str | None) -> float | str | None:
    return value if value is None or isinstance(value, str) else round(float(value), _DIGITS)
