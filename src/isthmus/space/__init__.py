"""Space: the artefact that holds encoders, heads, read-out, calibration and a typed report."""

from isthmus.space.encoder_ref import EncoderRef
from isthmus.space.evaluate import evaluate, wilson_interval
from isthmus.space.readout import Readout
from isthmus.space.report import Evaluation, SpaceReport, StarterReport
from isthmus.space.space import Space

__all__ = [
    "EncoderRef",
    "Evaluation",
    "Readout",
    "Space",
    "SpaceReport",
    "StarterReport",
    "evaluate",
    "wilson_interval",
]
