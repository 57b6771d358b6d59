"""isthmus joins frozen encoders of different modalities by thin heads into one space."""

import typing as _typing

from isthmus.core.lazy import bring as _bring
from isthmus.core.lazy import lazy_names as _lazy_names
from isthmus.core.version import __version__ as __version__

if _typing.TYPE_CHECKING:
    from isthmus.aligners import CCA, Anchors, Procrustes, Ridge
    from isthmus.core.errors import IsthmusError
    from isthmus.core.item import MediaItem
    from isthmus.core.paired import PairedVectors
    from isthmus.core.record import Dataset, Record
    from isthmus.core.view import Direction
    from isthmus.datasets import load as load_dataset
    from isthmus.encoders import load as load_encoder
    from isthmus.moments import Moments
    from isthmus.predictor.predictor import Predictor
    from isthmus.prompts import Prompt
    from isthmus.selection.align import align
    from isthmus.selection.pretrained import from_pretrained
    from isthmus.space import Space
    from isthmus.space.evaluate import evaluate
    from isthmus.tasks import (
        ClassifyOptions,
        SearchOptions,
        Store,
        annotate,
        classify,
        learn_prompt,
        predict,
    )
    from isthmus.tasks.transferring import transfer_to

__all__ = [
    "CCA",
    "Anchors",
    "ClassifyOptions",
    "Dataset",
    "Direction",
    "IsthmusError",
    "MediaItem",
    "Moments",
    "PairedVectors",
    "Predictor",
    "Procrustes",
    "Prompt",
    "Record",
    "Ridge",
    "SearchOptions",
    "Space",
    "Store",
    "align",
    "annotate",
    "classify",
    "evaluate",
    "from_pretrained",
    "learn_prompt",
    "load_dataset",
    "load_encoder",
    "predict",
    "transfer_to",
]

_HOMES = {
    "CCA": "isthmus.aligners",
    "Anchors": "isthmus.aligners",
    "ClassifyOptions": "isthmus.tasks",
    "Dataset": "isthmus.core.record",
    "Direction": "isthmus.core.view",
    "IsthmusError": "isthmus.core.errors",
    "MediaItem": "isthmus.core.item",
    "Moments": "isthmus.moments",
    "PairedVectors": "isthmus.core.paired",
    "Predictor": "isthmus.predictor.predictor",
    "Procrustes": "isthmus.aligners",
    "Prompt": "isthmus.prompts",
    "Record": "isthmus.core.record",
    "Ridge": "isthmus.aligners",
    "SearchOptions": "isthmus.tasks",
    "Space": "isthmus.space",
    "Store": "isthmus.tasks",
    "align": "isthmus.selection",
    "annotate": "isthmus.tasks",
    "classify": "isthmus.tasks",
    "evaluate": "isthmus.space",
    "from_pretrained": "isthmus.selection",
    "learn_prompt": "isthmus.tasks",
    "load_dataset": "isthmus.datasets:load",
    "load_encoder": "isthmus.encoders:load",
    "predict": "isthmus.tasks.predict:",
    "transfer_to": "isthmus.tasks.transferring",
}
_ASKED_OF_A_SPACE = ("annotate", "classify")
"""Tasks that are methods of a space as well; what is above all layers tells the space of them."""
_ASKED_OF_A_PREDICTOR = ("evaluate", "explain")

__getattr__ = _lazy_names(__name__, _HOMES)
_bring("Space", {name: _HOMES[name] for name in _ASKED_OF_A_SPACE})
_bring("Predictor", dict.fromkeys(_ASKED_OF_A_PREDICTOR, "isthmus.tasks.predict"))
_bring("Store", {"recommend": "isthmus.tasks.recommend.stored"})


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
