"""The report of a space that others have trained, and what a space keeps of such ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from isthmus.core.document import Json, from_document, to_object
from isthmus.core.errors import DataError
from isthmus.core.view import Direction, ViewPair
from isthmus.space.report.choice import Choice
from isthmus.space.report.figures import Summary
from isthmus.space.report.measured import CalibrationError, DataFacts, EncoderFacts, Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedModel:
    """A model, or a space, whose views were joined before.

    Attributes:
        name: What the user called it.
        views: What the space has from it.
        licence: Of the weights; empty where it is not known.
        pairs: Pairs of views that were joined with pairs: all of a model, some of a space.
    """

    name: str
    views: tuple[str, ...]
    licence: str
    pairs: tuple[ViewPair, ...]

    @classmethod
    def of(cls, name: str, views: tuple[str, ...], licence: str) -> PretrainedModel:
        """A model that joins every two of its views."""
        pairs = tuple(ViewPair(a, b) for a, b in combinations(views, 2))
        return cls(name=name, views=views, licence=licence, pairs=pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """How the space of one model was mapped into that of others, through a view that both read.

    Attributes:
        model: Whose space was mapped.
        through: The view. The space keeps the encoder that it had before.
        items: Where the items came from that both encoded.
        choice: Of the map.
        estimate: How well held-out items find themselves; nothing of the other views.
        centred: Views whose own mean was taken off, so that no gap between them and
            ``through`` is left; items without pairs were at hand.
    """

    model: str
    through: str
    items: DataFacts
    choice: Choice
    estimate: Estimate
    centred: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a space keeps of models that were trained before.

    Attributes:
        models: In the order they were given.
        fixed: Views whose heads are as they were.
        bridges: One for every model but the first.
    """

    models: tuple[PretrainedModel, ...]
    fixed: tuple[str, ...]
    bridges: tuple[Bridge, ...] = ()

    @property
    def pairs(self) -> tuple[ViewPair, ...]:
        """Pairs of views that were joined with pairs, by whoever trained the models."""
        fixed = set(self.fixed)
        known = [pair for model in self.models for pair in model.pairs]
        return tuple(pair for pair in known if {pair.a, pair.b} <= fixed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedReport:
    """What a space is whose heads were not learned from the user's records.

    Attributes:
        origin: The models.
        encoders: By view.
        data: What it was measured on; None where nothing was.
        estimate: What it finds among these records, none of which it has learned from; None
            where no records have two views.
        calibration: Error of the probabilities, by direction that is calibrated.
        seconds: How long it took without encoding.
        versions: Of the packages that made it.
    """

    origin: Origin
    encoders: Mapping[str, EncoderFacts]
    data: DataFacts | None
    estimate: Estimate | None
    calibration: Mapping[Direction, CalibrationError]
    seconds: float
    versions: Mapping[str, str]

    @property
    def paired(self) -> tuple[ViewPair, ...]:
        """Pairs of views that some training record had together."""
        return self.origin.pairs

    @property
    def held_out(self) -> Summary:
        """Quality on the user's records.

        Raises:
            DataError: If there were none.
        """
        if self.estimate is None:
            raise DataError(
                "this space was not measured: give records that have two of its views, "
                "isthmus.from_pretrained(model, data), or call isthmus.evaluate"
            )
        return self.estimate.held_out

    def to_json(self) -> dict[str, Json]:
        """Plain values."""
        return to_object(self)

    @classmethod
    def from_json(cls, document: Json) -> PretrainedReport:
        """What :meth:`to_json` wrote.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        return from_document(cls, document, "report")
