"""The one way from an item to its native vector: isolate, decode, encode, cache."""

from isthmus.pipeline._encoded import EncodedItems
from isthmus.pipeline.cache import VectorCache
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers, Thumbnail
from isthmus.pipeline.encode import encode_items, encode_records
from isthmus.pipeline.fields import read_fields, read_seconds
from isthmus.pipeline.onsets import Stretch, read_onsets
from isthmus.pipeline.prepared import Prepared, check_paired, default_cache, prepare, unpaired

__all__ = [
    "WORKERS",
    "DecodeWorkers",
    "EncodedItems",
    "Prepared",
    "Stretch",
    "Thumbnail",
    "VectorCache",
    "check_paired",
    "default_cache",
    "encode_items",
    "encode_records",
    "prepare",
    "read_fields",
    "read_onsets",
    "read_seconds",
    "unpaired",
]
