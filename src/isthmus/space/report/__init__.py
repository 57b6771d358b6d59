"""The typed report of a space: learned, pretrained by others, or the one that is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from isthmus.core.document import Json
from isthmus.core.errors import ArtifactError
from isthmus.space.report.aligned import Settings, SpaceReport
from isthmus.space.report.choice import (
    Choice,
    ChosenAligner,
    Difference,
    Rivalry,
    Standing,
    Tried,
)
from isthmus.space.report.figures import (
    Evaluation,
    Geometry,
    Quality,
    Readouts,
    RetrievalFigures,
    Spread,
    Summary,
    mean_chance,
    mean_recall,
    summarise,
)
from isthmus.space.report.measured import (
    CalibrationError,
    DataFacts,
    EncoderFacts,
    Estimate,
    Null,
    Ungrouped,
)
from isthmus.space.report.pretrained import Bridge, Origin, PretrainedModel, PretrainedReport
from isthmus.space.report.shipped import (
    GalleryFigures,
    StarterData,
    StarterReport,
    StarterRow,
    StarterSettings,
)

AnyReport: TypeAlias = SpaceReport | PretrainedReport | StarterReport

_KINDS: Mapping[str, type[AnyReport]] = {
    "aligned": SpaceReport,
    "pretrained": PretrainedReport,
    "starter": StarterReport,
}


def columns_of(report: AnyReport | None) -> Mapping[str, str]:
    """What columns held in the table that a space was made from, see :class:`DataFacts`."""
    data = None if report is None else report.data
    return data.columns if isinstance(data, DataFacts) else {}


def write_report(report: AnyReport | None) -> Json:
    """A report with its kind, for the document of a space."""
    if report is None:
        return None
    kind = next(name for name, each in _KINDS.items() if isinstance(report, each))
    return {"kind": kind, "report": report.to_json()}


def read_report(document: Json) -> AnyReport | None:
    """What :func:`write_report` wrote.

    Raises:
        ArtifactError: If it is of no known kind, or does not fit.
    """
    if document is None:
        return None
    if not isinstance(document, Mapping) or document.get("kind") not in list(_KINDS):
        raise ArtifactError(f"report: its kind is not known; there are {', '.join(_KINDS)}")
    return _KINDS[str(document["kind"])].from_json(document.get("report"))


__all__ = [
    "AnyReport",
    "Bridge",
    "CalibrationError",
    "Choice",
    "ChosenAligner",
    "DataFacts",
    "Difference",
    "EncoderFacts",
    "Estimate",
    "Evaluation",
    "GalleryFigures",
    "Geometry",
    "Null",
    "Origin",
    "PretrainedModel",
    "PretrainedReport",
    "Quality",
    "Readouts",
    "RetrievalFigures",
    "Rivalry",
    "Settings",
    "SpaceReport",
    "Spread",
    "Standing",
    "StarterData",
    "StarterReport",
    "StarterRow",
    "StarterSettings",
    "Summary",
    "Tried",
    "Ungrouped",
    "columns_of",
    "mean_chance",
    "mean_recall",
    "read_report",
    "summarise",
    "write_report",
]
