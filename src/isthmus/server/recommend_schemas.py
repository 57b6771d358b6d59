"""What goes over the wire of recommendations."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from isthmus.core.errors import InputError
from isthmus.server.schemas import MOST_HITS, Seen, Term
from isthmus.server.strict import numbers_are_numbers
from isthmus.tasks import RecommendOptions

MOST_THINGS = 64


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class RecommendRequest(RecommendOptions):
    """What is liked and disliked, and how to recommend."""

    liked: Annotated[
        list[Term], Field(max_length=MOST_THINGS, description="Things that are liked.")
    ]
    disliked: Annotated[
        list[Term], Field(max_length=MOST_THINGS, description="Things that are disliked.")
    ] = Field(default_factory=list)
    _numbers = numbers_are_numbers

    def __post_init__(self) -> None:
        RecommendOptions.__post_init__(self)
        if self.k > MOST_HITS:
            raise InputError(f"k must be at most {MOST_HITS} here, got {self.k}")


class WordShare(BaseModel):
    """What one word adds to a reason."""

    word: str
    value: float
    of: str = Field(description='"item" for a word of the recommended item, "liked" for another.')


class Because(BaseModel):
    """What one liked or disliked thing adds to a score, beyond the average item."""

    name: str
    item: str = Field(description="Id of the item, if it is one of the store.")
    liked: bool
    value: float
    content: float = Field(description="Of the value, what likeness adds.")
    taken: float = Field(description="Of the value, what others who took both add.")
    words: list[WordShare]


class RecommendedItem(Seen):
    """One item; the rest and the values of the reasons sum to the score."""

    score: float = Field(description="In standard deviations above the average item.")
    because: str = Field(description="Why it is here, on one line.")
    reasons: list[Because]
    rest: float
    new: bool = Field(description="Whether nobody took it, so that its content alone counts.")


class RecommendAnswer(BaseModel):
    """Items, best first."""

    query: str = Field(description="What is liked, less what is disliked, as a query.")
    content_share: float = Field(description="How much content counts; 1 without a history.")
    reason: str = Field(description="Why there is nothing; empty if there is something.")
    items: list[RecommendedItem]
    took_ms: float
