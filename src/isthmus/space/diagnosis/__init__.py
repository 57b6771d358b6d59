"""What ails the pairs: encoders that fit, learning curves, hubs, mismatches, near-duplicates."""

from isthmus.space.diagnosis.curve import Gain, LearningCurve
from isthmus.space.diagnosis.duplicates import Duplicates, Twin
from isthmus.space.diagnosis.fit import EncoderFit, Likeness, Share
from isthmus.space.diagnosis.hubs import Gap, Hub, Hubs
from isthmus.space.diagnosis.kinds import Kind, Kinds
from isthmus.space.diagnosis.suspects import Suspect, Suspects

__all__ = [
    "Duplicates",
    "EncoderFit",
    "Gain",
    "Gap",
    "Hub",
    "Hubs",
    "Kind",
    "Kinds",
    "LearningCurve",
    "Likeness",
    "Share",
    "Suspect",
    "Suspects",
    "Twin",
]
