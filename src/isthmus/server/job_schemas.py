"""What goes over the wire about runs: of indexing, and of giving labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from isthmus.server.schemas import Filter, Probability, ViewName
from isthmus.server.strict import Strict

MOST_LABELS, LONGEST_LABEL = 200, 200
"""Labels of one request, and characters of each."""


class LabelRequest(Strict):
    """Labels to give to items of the store."""

    labels: list[Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)]] = Field(
        min_length=1, max_length=MOST_LABELS, description="Words in any language, one a label."
    )
    where: Filter = ""
    least: Probability = Field(0.5, description="Labels that are less probable are not given.")
    replace: bool = Field(
        False,
        description="Whether the items lose all other labels. If no item gets a label, none do.",
    )


class LabelCount(BaseModel):
    """How many items have a label."""

    label: str
    items: int


class Labels(BaseModel):
    """The labels of the store, the most frequent first."""

    labels: list[LabelCount]
    total: int = Field(description="How many different labels there are.")
    given: int = Field(description="How many labels all items have together.")


class IndexRequest(Strict):
    """Files and folders of the server to index."""

    paths: list[Annotated[str, Field(min_length=1, max_length=4000)]] = Field(
        min_length=1, max_length=100
    )
    views: list[ViewName] = Field(
        default_factory=list,
        max_length=64,
        description="Views that the files may belong to; empty for all.",
    )
    read: list[Literal["text", "speech"]] | None = Field(
        None,
        max_length=2,
        description="Words to read in files, too: text that is seen, speech that is heard. The "
        "store remembers it; an empty list removes what was read, null changes nothing.",
    )


class Problem(BaseModel):
    """A file that could not be used."""

    source: str
    reason: str


class Job(BaseModel):
    """A run: of indexing, of giving labels, or of predicting."""

    id: str
    kind: Literal["index", "label", "predict"]
    paths: list[str] = Field(description="What is indexed.")
    labels: list[str] = Field(description="Labels that are given.")
    state: Literal["running", "done", "failed", "cancelled"]
    phase: str
    done: int
    total: int
    eta_seconds: float | None
    added: int
    labelled: int = Field(description="Items that got a label.")
    removed: int = Field(description="Other labels that items lost.")
    broken: list[Problem]
    message: str
