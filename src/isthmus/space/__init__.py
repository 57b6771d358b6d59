"""Space: the artefact that holds encoders, heads, read-out, calibration and a typed report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.core.lazy import lazy_names
from isthmus.space.evaluate import evaluate
from isthmus.space.readout import Readout
from isthmus.space.report import Evaluation, PretrainedReport, SpaceReport, StarterReport

if TYPE_CHECKING:
    from isthmus.space.encoder_ref import EncoderRef
    from isthmus.space.space import Space

__all__ = [
    "EncoderRef",
    "Evaluation",
    "PretrainedReport",
    "Readout",
    "Space",
    "SpaceReport",
    "StarterReport",
    "evaluate",
]

__getattr__ = lazy_names(
    __name__, {"EncoderRef": "isthmus.space.encoder_ref", "Space": "isthmus.space.space"}
)
