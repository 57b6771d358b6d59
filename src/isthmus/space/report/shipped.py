"""The report of the space that comes with the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

from isthmus.core.document import Json, from_document, to_object
from isthmus.core.view import Direction, ViewPair
from isthmus.space.report.figures import N, Spread
from isthmus.space.report.measured import CalibrationError


@dataclass(frozen=True, slots=True)
class StarterSettings:
    """What was chosen on inner deals of the stamps.

    Attributes:
        ridge: Penalty of the CCA that joins texts and pictures.
        power: How much its well-correlated directions count.
        clip_art: Weight of Open Clip Art beside the stamps.
        sound_ridge: Penalty of the regression of sounds onto their captions.
        csls_strength: Of the space.
        gaussian: Share of Gaussian heads beside the linear ones, in texts and pictures.
    """

    ridge: float
    power: float
    clip_art: float
    sound_ridge: float
    csls_strength: float = 1.0
    gaussian: float = 0.0


@dataclass(frozen=True, slots=True)
class StarterData:
    """What it was made from: names of the collections, and pairs by pair of views."""

    name: str
    pairs: Mapping[ViewPair, int]


@dataclass(frozen=True, slots=True)
class GalleryFigures(Generic[N]):
    """Recall at 1 and 10 by the instance read-out, and the size of the gallery."""

    r1: N
    r10: N
    gallery: N


@dataclass(frozen=True, slots=True)
class StarterRow:
    """One direction for one kind of query or sound.

    Attributes:
        direction: From what is asked to what is found.
        kind: Language of the words, or what else they are: ``"zh"``, ``"effects"``.
        seeds: The recipe on the galleries of five seeds.
        held_out: The shipped space itself on the gallery that was left out of it; None where
            nothing of the kind was left out.
    """

    direction: Direction
    kind: str
    seeds: GalleryFigures[Spread]
    held_out: GalleryFigures[float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterReport:
    """How the shipped space was made and how good it is.

    Attributes:
        version: Of the package that made it.
        settings: What was chosen.
        data: What it was made from.
        rows: Figures by direction and kind.
        calibration: Error of the probabilities, by direction.
    """

    version: str
    settings: StarterSettings
    data: StarterData
    rows: tuple[StarterRow, ...]
    calibration: Mapping[Direction, CalibrationError]

    @property
    def paired(self) -> tuple[ViewPair, ...]:
        """Pairs of views that some training record had together."""
        return tuple(self.data.pairs)

    def row(self, direction: Direction, kind: str) -> StarterRow:
        """The figures of a direction for one kind.

        Raises:
            KeyError: If there are none.
        """
        for each in self.rows:
            if (each.direction, each.kind) == (direction, kind):
                return each
        raise KeyError(f"{direction} ({kind})")

    def to_json(self) -> dict[str, Json]:
        """Plain values."""
        return to_object(self)

    @classmethod
    def from_json(cls, document: Json) -> StarterReport:
        """What :meth:`to_json` wrote.

        Raises:
            ArtifactError: If a key is missing or unknown, or a value does not fit.
        """
        return from_document(cls, document, "report")
