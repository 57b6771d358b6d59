"""The report of a space that ``align`` made: how it came about and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isthmus.core.document import Json, from_document, to_object
from isthmus.core.errors import ArtifactError, DataError
from isthmus.core.view import Direction, ViewPair
from isthmus.space.readout import Readout
from isthmus.space.report.choice import Choice, ChosenAligner
from isthmus.space.report.figures import Summary
from isthmus.space.report.measured import CalibrationError, DataFacts, EncoderFacts, Estimate
from isthmus.space.report.pretrained import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is needed to do it again.

    Attributes:
        readout: What the choice was made for.
        nested: Whether outer folds were asked for.
        seed: Of splits and shuffles.
        budget: Seconds that were allowed; None for as long as it takes.
        sources: Names of other data that could be learned from.
    """

    readout: Readout
    nested: bool
    seed: int
    budget: float | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceReport:
    """How a space was made and how good it is.

    Attributes:
        data: What it was made from.
        encoders: By view.
        settings: What was asked for.
        choice: What was tried and what won.
        estimate: Held-out quality; None where it was not estimated.
        calibration: Error of the probabilities, by direction that is calibrated.
        seconds: How long it took without encoding.
        versions: Of the packages that made it.
        origin: What is kept of models that were trained before; None where there is nothing.
    """

    data: DataFacts
    encoders: Mapping[str, EncoderFacts]
    settings: Settings
    choice: Choice
    estimate: Estimate | None
    calibration: Mapping[Direction, CalibrationError]
    seconds: float
    versions: Mapping[str, str]
    origin: Origin | None = None

    @property
    def paired(self) -> tuple[ViewPair, ...]:
        """Pairs of views that some training record had together."""
        before = () if self.origin is None else self.origin.pairs
        return tuple(dict.fromkeys((*self.data.pairs, *before)))

    @property
    def chosen(self) -> ChosenAligner:
        """The aligner that won."""
        return self.choice.chosen

    @property
    def held_out(self) -> Summary:
        """Quality on outer folds: ``report.held_out[Direction("text", "image")].instance.r10``.

        Raises:
            DataError: If it was not estimated.
        """
        if self.estimate is None:
            raise DataError(
                "the quality of this space was not estimated: align with nested=True and records "
                "of at least three groups, or call isthmus.evaluate on other records"
            )
        return self.estimate.held_out

    def to_json(self) -> dict[str, Json]:
        """Plain values."""
        return to_object(self)

    @classmethod
    def from_json(cls, document: Json) -> SpaceReport:
        """What :meth:`to_json` wrote.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        found = from_document(cls, document, "report")
        if unknown := sorted(set(found.encoders) - set(found.data.items)):
            raise ArtifactError(f"report: {unknown[0]!r:.40} has an encoder, but no items")
        return found
