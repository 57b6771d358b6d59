"""What goes over the wire, and what it means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from isthmus.core.errors import InputError
from isthmus.prompts import PromptParts
from isthmus.prompts.typed import PartName
from isthmus.server.strict import Strict, numbers_are_numbers
from isthmus.tasks import SearchOptions

MOST_HITS = 1000
Id = Annotated[str, Field(min_length=1, max_length=200, description="Id of an item.")]
Filter = Annotated[
    str,
    Field(
        max_length=1000,
        description='A filter such as `view:image and path~"animals/*" and added>2026-01-01`.',
    ),
]
FileFields = Annotated[
    dict[str, str | float],
    Field(description="What its file says of itself, such as title, taken, duration, lat and lon."),
]
Probability = Annotated[float, Field(ge=0, le=1)]
ViewName = Annotated[str, Field(min_length=1, max_length=200, description="A view of the space.")]


class Error(BaseModel):
    """Why a request was not answered."""

    error: str = Field(description="The kind of error.")
    message: str = Field(description="What is wrong and what to do.")


class Term(Strict):
    """One thing in a prompt: words, an item of the store, an upload, or a saved prompt."""

    text: Annotated[str | None, Field(min_length=1, max_length=10_000)] = None
    item: Id | None = None
    upload: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Id that POST /api/uploads returned."),
    ] = None
    saved: Annotated[
        str | None, Field(min_length=1, max_length=80, description="Name of a saved prompt.")
    ] = None
    part: PartName = Field("content", description="What it says.")
    weight: Annotated[
        float,
        Field(
            ge=-10,
            le=10,
            allow_inf_nan=False,
            description='A negative weight means "not like this".',
        ),
    ] = 1.0
    view: ViewName | None = Field(
        None,
        description="View that it belongs to. You need it only if several views have the same "
        "modality.",
    )

    @model_validator(mode="after")
    def _one(self) -> Term:
        given = (self.text, self.item, self.upload, self.saved)
        if sum(value is not None for value in given) != 1:
            raise ValueError("give one of text, item, upload and saved")
        if (self.item is not None or self.saved is not None) and self.view is not None:
            raise ValueError("an item of the store has a view already; leave view out")
        return self


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Asked(PromptParts):
    """What to look for: as people type it, in parts, or both."""

    query: str = Field(
        "",
        max_length=10_000,
        description='As people type it: `"red kangaroo" + id:… - cartoon`. The server never reads '
        "a file that it names.",
    )
    terms: list[Term] = Field(default_factory=list, max_length=16)
    _numbers = numbers_are_numbers


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SearchRequest(SearchOptions, Asked):
    """What to look for, and how: every option of a search, and the prompt."""

    aspects: bool = Field(
        False,
        description="Whether to return aspect ratios of pictures and videos, and durations.",
    )

    def __post_init__(self) -> None:
        SearchOptions.__post_init__(self)
        Asked.__post_init__(self)
        if self.k > MOST_HITS:
            raise InputError(f"k must be at most {MOST_HITS} here, got {self.k}")


class Direction(BaseModel):
    """From what is asked to what is found."""

    query: str = Field(description="View of the queries.")
    gallery: str = Field(description="View of what is found.")


class View(BaseModel):
    """A view of the space, and how its bytes are read."""

    name: str
    modality: str


class Standing(BaseModel):
    """How a result stands among the items of its view."""

    rank: int
    among: int = Field(description="How many items of its view there are.")
    clear: bool = Field(description="Whether it is the first, by far.")


class Share(BaseModel):
    """What one part of the prompt adds to the score; the shares sum to it."""

    prompt: str = Field(description="The part, as people type it.")
    part: str = Field(description="content, style, context or avoid.")
    weight: float
    value: float
    hubness: float = Field(description="Of the value, what the correction for hubness adds.")


class Label(BaseModel):
    """A label that an item was given."""

    label: str
    probability: Probability


class Span(BaseModel):
    """A part of a file that matches, too."""

    id: str
    start: float = Field(description="In seconds, or in characters of a text.")
    stop: float
    probability: Probability | None
    passes: bool = Field(description="Whether it passes for a match.")
    words: str = Field(description="The probability in words.")
    text: str = Field(description="The words of a part of a text around those of the query.")


class Seen(BaseModel):
    """What can be seen of an item: a file, or a part of one."""

    id: str
    view: str
    modality: str
    name: str = Field(description="File name.")
    source: str
    text: str = Field(
        description="The words of a text around those of the query, or of the file name."
    )
    gone: bool = Field(description="Whether its file is gone.")
    span: tuple[float, float] | None = Field(
        description="Where it is a part: start and end, in seconds, or in characters of a text."
    )
    labels: list[Label] = Field(description="Most probable first.")
    aspect: float | None = Field(None, description="Width over height of a picture or a video.")
    seconds: float | None = Field(
        None, description="Duration of the recording or video that it is, or is a part of."
    )
    origin: str = Field(
        "",
        description='Where its words come from: "ocr" if they were read from a picture, "speech" '
        "if they were heard in a recording.",
    )
    whole: str = Field(description="Id of the item that it is a part of; its own if it is whole.")
    whole_modality: str = Field(description="How the bytes of that item are read.")
    fields: FileFields


class FoundItem(Seen):
    """One item that was found."""

    cosine: float
    score: float = Field(description="The number that ranks results of one view.")
    probability: Probability | None = Field(
        description="Probability that its content is what the query asks for. Null if the "
        "direction is uncalibrated."
    )
    words: str = Field(description="The probability in words.")
    named: bool = Field(description="Whether its name or text contains the words of the query.")
    partly_named: bool = Field(description="Whether it contains half of them or more.")
    standing: Standing | None
    said: str = Field(description="Why it is here, how likely it is and how it stands.")
    spans: list[Span] = Field(description="Further parts of its file that match.")
    copies: list[str] = Field(description="Sources of items that hold the same, or nearly.")
    shares: list[Share]


class SearchAnswer(BaseModel):
    """Hits, best first."""

    query: str
    nothing_matches: bool = Field(
        description="True if nothing matches. The hits are then only the nearest items."
    )
    uncalibrated: list[Direction] = Field(
        description="Directions without calibrated probabilities."
    )
    weak: list[Direction] = Field(
        description="Directions in which the space seldom finds what belongs together."
    )
    advice: str = Field(description="How to get the probabilities that are missing, if known.")
    reason: str = Field(
        description="Why there is nothing to look among: no item of these views, or none that "
        "passes the filter. Empty where there is."
    )
    unfinished: str = Field(
        description="Which indexing run has not finished, and how to go on. Empty if all have."
    )
    hits: list[FoundItem]
    took_ms: float


class Item(Seen):
    """One item."""

    added: float = Field(description="Seconds since 1970, UTC.")
    size: int


class Items(BaseModel):
    """A page of items, newest first."""

    total: int
    items: list[Item]


class Passage(BaseModel):
    """A part of a text, and what stands around it."""

    before: str
    text: str
    after: str
    start: int = Field(description="Of the part, in characters of the text.")
    stop: int
    total: int = Field(description="Characters of the text.")


class Upload(BaseModel):
    """A file that can be part of a query."""

    upload: str = Field(description="Id to use in a term.")
    modality: str
    views: list[str] = Field(description="That read it; of several, name one in the term.")
    name: str


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ExplainRequest(Asked):
    """Which score to explain."""

    item: Id
    asked_as: list[ViewName] = Field(
        default_factory=list,
        max_length=64,
        description="Views that the parts of the prompt belong to, as in a search.",
    )


class Part(BaseModel):
    """What one part adds to the score."""

    value: float
    error: float
    padding: bool
    text: str | None = None
    caption: int | None = None
    row: int | None = None
    column: int | None = None
    box: list[float] | None = Field(None, description="Left, top, right, bottom, 0…1.")
    start: float | None = None
    end: float | None = None


class Side(BaseModel):
    """One of the two that were compared; baseline and parts sum to the score."""

    source: str
    view: str
    modality: str
    baseline: float
    method: str
    parts: list[Part]


class Pair(BaseModel):
    """A training pair and what it adds."""

    id: str
    value: float
    query_cosine: float
    item_cosine: float


class Pairs(BaseModel):
    """The score as a sum over training pairs."""

    listed: list[Pair]
    others: float
    residual: float
    count: int


class Explanation(BaseModel):
    """A score and what it is made of."""

    said: list[str]
    score: float
    probability: Probability | None
    words: str = Field(description="The probability in words, as a search says it.")
    among: int = Field(description="Number of items that it is a choice among.")
    assumed: bool = Field(description="Whether as many as in calibration; the store holds none.")
    standing: Standing | None
    above: float | None = Field(description="Share of the training items that score less.")
    ranked_by: float = Field(description="The score by which a search ranks the item.")
    shares: list[Share] = Field(description="What each part of the prompt adds to it.")
    query: Side
    item: Side
    pairs: Pairs


class Map(BaseModel):
    """Items on a plane: those that are alike lie near one another."""

    ids: list[str]
    names: list[str]
    views: list[str] = Field(description="Of each item.")
    modalities: list[str] = Field(description="Of each item.")
    x: list[float] = Field(description="0…1")
    y: list[float] = Field(description="0…1")
    total: int = Field(
        description="Number of items in the store. If there are too many for the map, it shows a "
        "random sample."
    )
    method: str


class SavedSearch(Strict):
    """A search under a name."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    search: SearchRequest


class SavedSearches(BaseModel):
    """All of them, by name."""

    searches: list[SavedSearch]


class Health(BaseModel):
    """Whether the server works."""

    status: Literal["ok"]
    version: str


class Status(BaseModel):
    """What the store holds, and what may be done."""

    version: str
    items: dict[str, int] = Field(description="How many of each view.")
    views: list[View]
    files: int
    failed: int
    gone: int
    space: str
    read: list[str] = Field(description="Kinds of words that are read in files: text, speech.")
    unfinished: str = Field(
        description="Which indexing run has not finished, and how to go on. Empty if all have."
    )
    calibrated: list[Direction]
    languages: list[str]
    roots: list[str] = Field(description="Folders that the page can index.")
    may_label: bool = Field(description="Whether callers may give labels to items.")
    max_body: int
