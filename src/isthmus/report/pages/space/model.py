"""What a report shows: queries with what they found, the points of a map, the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.view import Direction
from isthmus.space import Evaluation
from isthmus.space.report import AnyReport


@dataclass(frozen=True, slots=True, eq=False)
class ShownItem:
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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class QueryExample:
    """One query with what it found, best first.

    Attributes:
        query: What was asked.
        direction: From its view to that of what was sought; None where it could not be asked.
        language: Of a query in words, as a BCP 47 tag.
        note: What there is to say about it, such as the rank of the true partner.
        found: What was found.
        caption: Words that belong to a query that is not text.
        trained: Whether the space was trained on the query and its true partner.
    """

    query: MediaItem
    direction: Direction | None
    language: str | None
    note: str
    found: Sequence[ShownItem] = ()
    caption: str | None = None
    trained: bool = False

    @property
    def judged(self) -> bool:
        """Whether it is known which item is the true one."""
        return any(each.true is not None for each in self.found)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MapPoints:
    """A space flattened to two dimensions.

    Attributes:
        xy: ``(n, 2)``.
        views: Of each point.
        items: What each point stands for.
        groups: Category of each point, where there are any.
        method: How it was flattened, ``"t-SNE"`` or ``"PCA"``.
        captions: Words that belong to each point, where there are any.
        records: Row of the data set of each point; equal rows belong together.
    """

    xy: F32
    views: Sequence[str]
    items: Sequence[MediaItem]
    groups: Sequence[str] | None = None
    method: str = "PCA"
    captions: Sequence[str | None] | None = None
    records: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that goes into one page; every part but the title may be missing.

    Attributes:
        title: What the page is called.
        modalities: By view; what is not named reads what its name says.
        space_report: ``space.report``.
        evaluation: What :func:`isthmus.space.evaluate` returned.
        emergent: Directions that were never paired in training.
        points: The map of the space.
        queries: What a person asked in words, and queries picked at random, in any order.
        notes: Sentences to be read before the figures.
    """

    title: str
    modalities: Mapping[str, str] = field(default_factory=dict)
    space_report: AnyReport | None = None
    evaluation: Evaluation | None = None
    emergent: frozenset[Direction] = frozenset()
    points: MapPoints | None = None
    queries: Sequence[QueryExample] = ()
    notes: Sequence[str] = ()
