"""What goes over the wire of predictions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from isthmus.server.schemas import Filter, Id, Probability, View
from isthmus.server.strict import Strict

MOST_VIEWS, MOST_COLUMNS = 64, 10_000
PredictorName = Annotated[
    str,
    Field(max_length=200, description="Name of a predictor; empty if the server has only one."),
]


class Given(Strict):
    """One view of a record: words, an item of the store, or an upload."""

    text: Annotated[str | None, Field(min_length=1, max_length=100_000)] = None
    item: Id | None = None
    upload: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Id that POST /api/uploads returned."),
    ] = None
    view: Annotated[
        str, Field(max_length=200, description="Of the predictor; empty to tell it.")
    ] = ""

    @model_validator(mode="after")
    def _one(self) -> Given:
        if sum(value is not None for value in (self.text, self.item, self.upload)) != 1:
            raise ValueError("give one of text, item and upload")
        return self


class PredictRequest(Strict):
    """A record to predict: its views and its plain columns, as many of them as there are."""

    predictor: PredictorName = ""
    things: list[Given] = Field(
        default_factory=list,
        max_length=MOST_VIEWS,
        description="One a view. Of an item of the store, files beside it that share its stem "
        "belong to the record, too.",
    )
    columns: dict[
        Annotated[str, Field(max_length=200)],
        Annotated[str, Field(max_length=10_000)]
        | Annotated[float, Field(allow_inf_nan=False)]
        | None,
    ] = Field(default_factory=dict, max_length=MOST_COLUMNS)
    about: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="Class whose score the account is about; null: the answer's.",
        ),
    ] = None
    why: bool = Field(False, description="Whether to account for the answer.")
    coverage: Annotated[
        float,
        Field(gt=0, lt=1, description="Share of sets and intervals that shall hold the truth."),
    ] = 0.9


class PredictAllRequest(Strict):
    """Which items of the store are predicted."""

    predictor: PredictorName = ""
    where: Filter = ""
    field: Annotated[
        str,
        Field(max_length=200, description="Before the value in each label; empty for the target."),
    ] = ""
    least: Probability = Field(0.5, description="Answers that are less probable are not kept.")


class PredictedAnswer(BaseModel):
    """What a predictor says of a record."""

    id: str
    value: str | float | list[str] = Field(
        description="Class or grade; labels; number; date; of survival the probability of the "
        "event."
    )
    unit: str = Field(description="Of the value and the interval: date; else empty.")
    probability: float | None
    probabilities: dict[str, float | None]
    likely: list[str]
    interval: list[float | str | None] | None
    sure: float
    abstained: bool
    missing: list[str] = Field(description="Views that the record lacks.")
    notes: list[str]


class AccountPart(BaseModel):
    """What a part of a view adds."""

    label: str
    value: float
    error: float
    box: list[float] | None = Field(None, description="Left, top, right and bottom, 0 to 1.")
    start: float | None = None
    end: float | None = None


class AccountView(BaseModel):
    """What a view adds; its parts and the baseline, all of it without parts, sum to its share."""

    view: str
    modality: str
    share: float
    baseline: float
    parts: list[AccountPart]
    method: str


class MissingView(BaseModel):
    """What a view that is missing would most likely have changed."""

    view: str
    neighbours: int
    change: float
    turned: float | None
    instead: str


class PredictionAccount(BaseModel):
    """What an answer is made of; the rest and the shares of the views sum to the score."""

    about: str
    score: float
    unit: str = Field(description="Of the score, such as days since 1970-01-01; else empty.")
    score_date: str = Field(description="The score as a date; else empty.")
    rest: float
    rest_date: str = Field(description="The rest as a date; else empty.")
    views: list[AccountView]
    missing: list[MissingView]
    others: dict[str, float] = Field(description="Scores of the other answers, highest first.")


class Prediction(BaseModel):
    """An answer, and what it is made of."""

    predictor: str
    target: str
    kind: str
    answer: PredictedAnswer
    account: PredictionAccount | None = None
    medical: bool = Field(description="Whether to say that this is no medical device.")
    took_ms: float


class PlainColumn(BaseModel):
    """A plain column of a predictor."""

    name: str
    view: str
    kind: Literal["number", "date", "category"] = Field(
        description="How its values are read; a date is 2026-01-31, or 2026-01-31 12:30."
    )
    values: list[str] = Field(description="Known categories.")


class PredictorFacts(BaseModel):
    """A predictor of the server."""

    name: str
    target: str
    kind: str
    names: list[str] = Field(description="Classes, grades or labels.")
    views: list[View] = Field(description="That are read by encoders.")
    columns: list[PlainColumn]
    medical: bool
    headline: str = Field(description="How good it is, in words; empty if nobody measured it.")


class Predictors(BaseModel):
    """The predictors of the server."""

    predictors: list[PredictorFacts]
