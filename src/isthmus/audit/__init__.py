"""What ails the pairs: encoders that fit, learning curves, hubs, mismatches, near-duplicates."""

from isthmus.audit.cost import EncoderCost
from isthmus.audit.curve import Gain, LearningCurve
from isthmus.audit.diagnose import Diagnosis, diagnose
from isthmus.audit.duplicates import Duplicates, Twin
from isthmus.audit.encoder_check import EncoderCheck, Speed, TowerCheck, check_encoder
from isthmus.audit.entrants import Unusable
from isthmus.audit.fit import EncoderFit, Likeness, Share
from isthmus.audit.hubs import Gap, Hub, Hubs
from isthmus.audit.kinds import Kind, Kinds
from isthmus.audit.recommend import Recommendation
from isthmus.audit.suspects import Suspect, Suspects
from isthmus.audit.ungrouped import Ungrouped
from isthmus.encoders.model_files import ModelFiles

__all__ = [
    "Diagnosis",
    "Duplicates",
    "EncoderCheck",
    "EncoderCost",
    "EncoderFit",
    "Gain",
    "Gap",
    "Hub",
    "Hubs",
    "Kind",
    "Kinds",
    "LearningCurve",
    "Likeness",
    "ModelFiles",
    "Recommendation",
    "Share",
    "Speed",
    "Suspect",
    "Suspects",
    "TowerCheck",
    "Twin",
    "Ungrouped",
    "Unusable",
    "check_encoder",
    "diagnose",
]
