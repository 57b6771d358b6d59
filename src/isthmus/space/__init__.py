"""Space: the artefact that joins encoders, heads and banks, and how it is chosen."""

from isthmus.space.align import align
from isthmus.space.candidates import Candidate, candidates
from isthmus.space.diagnose import Diagnosis, diagnose
from isthmus.space.encode import EncodedItems, encode_items, encode_records
from isthmus.space.evaluate import evaluate, wilson_interval
from isthmus.space.matching import Match, match, rank_clips
from isthmus.space.prepared import Prepared, default_cache, prepare
from isthmus.space.readout import Readout
from isthmus.space.space import EncoderRef, Space

__all__ = [
    "Candidate",
    "Diagnosis",
    "EncodedItems",
    "EncoderRef",
    "Match",
    "Prepared",
    "Readout",
    "Space",
    "align",
    "candidates",
    "default_cache",
    "diagnose",
    "encode_items",
    "encode_records",
    "evaluate",
    "match",
    "prepare",
    "rank_clips",
    "wilson_interval",
]
