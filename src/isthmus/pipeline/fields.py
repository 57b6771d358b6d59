"""What many files say of themselves, read in the children that decode."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from isthmus.core.errors import IsthmusError
from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.encoders.base import usable_cores
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers

_TELL = frozenset({IMAGE, AUDIO, VIDEO})


def read_fields(items: Sequence[MediaItem], workers: DecodeWorkers = WORKERS) -> list[Fields]:
    """Fields of items, see :mod:`isthmus.core.fields`; none of one that cannot be read.

    What is wrong with a file is told where it is encoded.

    Args:
        items: Of any modality; texts and vectors have none.
        workers: That read them.
    """

    def one(item: MediaItem) -> Fields:
        if item.modality not in _TELL:
            return ()
        try:
            return workers.fields(item)
        except IsthmusError:
            return ()

    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(one, items))
