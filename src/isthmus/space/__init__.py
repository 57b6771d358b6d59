"""Space: the artefact that holds encoders, heads, read-out and calibration."""

from isthmus.space.encoder_ref import EncoderRef
from isthmus.space.evaluate import evaluate, wilson_interval
from isthmus.space.readout import Readout
from isthmus.space.space import Space

__all__ = ["EncoderRef", "Readout", "Space", "evaluate", "wilson_interval"]
