"""What a report shows: queries with their hits, the points of a map, the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus.core.artifact import write_atomically
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One thing that a query found.

    Attributes:
        item: What was found.
        score: Of the read-out; larger is better.
        true: Whether it belongs to the query; None where that is not known.
        caption: Words that belong to it.
        language: Of the caption, as a BCP 47 tag.
    """

    item: MediaItem
    score: float
    true: bool | None = None
    caption: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class QueryExample:
    """One query with what it found, best first.

    Attributes:
        query: What was asked.
        language: Of a query in words, as a BCP 47 tag.
        note: What there is to say about it, such as the rank of the true partner.
        hits: What was found.
        caption: Words that belong to a query that is not text.
        trained: Whether the space was trained on the query and its true partner.
    """

    query: MediaItem
    language: str | None
    note: str
    hits: list[Hit]
    caption: str | None = None
    trained: bool = False

    @property
    def judged(self) -> bool:
        """Whether it is known which hit is the true one."""
        return any(hit.true is not None for hit in self.hits)

    @property
    def direction(self) -> str:
        """``"text→image"``; only the query's view where nothing was found."""
        if not self.hits:
            return self.query.modality
        return f"{self.query.modality}→{self.hits[0].item.modality}"


@dataclass(frozen=True, slots=True, eq=False)
class MapPoints:
    """A space flattened to two dimensions.

    Attributes:
        xy: ``(n, 2)``.
        modality: Of each point.
        items: What each point stands for.
        group: Category of each point, where there are any.
        method: How it was flattened, ``"t-SNE"`` or ``"PCA"``.
        captions: Words that belong to each point, where there are any.
        records: Row of the data set of each point; equal rows belong together.
    """

    xy: F32
    modality: list[str]
    items: list[MediaItem]
    group: list[str] | None = None
    method: str = "PCA"
    captions: list[str | None] | None = None
    records: list[int] | None = None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Report:
    """Everything that goes into one page; every part may be missing.

    Attributes:
        title: What the page is called.
        space_report: What ``align`` left in ``space.report``.
        evaluation: What :func:`isthmus.space.evaluate` returned.
        emergent: Directions that were never paired in training.
        points: The map of the space.
        queries: What a person asked in words, and queries picked at random, in any order.
        notes: Sentences to be read before the figures.
    """

    title: str
    space_report: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] | None = None
    emergent: frozenset[str] = frozenset()
    points: MapPoints | None = None
    queries: Sequence[QueryExample] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def html(self) -> str:
        """The page as one string."""
        from isthmus.report.pages.space.page import render

        return render(self)

    def write(self, path: str | Path) -> Path:
        """Write the page, whole or not at all."""
        return write_atomically(Path(path), self.html().encode())
