"""What many files say of themselves, and how long they last, asked of the children that decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from isthmus.core.errors import IsthmusError, MediaError
from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.encoders.base import usable_cores
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers

T = TypeVar("T")
_TELL = frozenset({IMAGE, AUDIO, VIDEO})
_LAST = frozenset({AUDIO, VIDEO})


def read_fields(items: Sequence[MediaItem], workers: DecodeWorkers = WORKERS) -> list[Fields]:
    """Fields of items, see :mod:`isthmus.core.fields`; none of one that cannot be read.

    What is wrong with a file is told where it is encoded.

    Args:
        items: Of any modality; texts and vectors have none.
        workers: That read them.
    """
    return _of_each(items, _TELL, workers.fields, ())


def read_seconds(
    items: Sequence[MediaItem], workers: DecodeWorkers = WORKERS
) -> list[float | MediaError | None]:
    """Durations of items; None of one that has none.

    Of a file that cannot be read it is the error: nobody need ask again, which may take long.

    Args:
        items: Of any modality.
        workers: That read them.
    """

    def ask(item: MediaItem) -> float | MediaError | None:
        try:
            return workers.seconds(item)
        except MediaError as error:
            return error

    return _of_each(items, _LAST, ask, None)


def _of_each(
    items: Sequence[MediaItem], modalities: frozenset[str], ask: Callable[[MediaItem], T], none: T
) -> list[T]:
    """What is told of each item, as many at a time as there are cores."""

    def one(item: MediaItem) -> T:
        if item.modality not in modalities:
            return none
        try:
            return ask(item)
        except IsthmusError:
            return none

    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(one, items))
