"""Where sounds begin in a recording of any length, asked of the children that decode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from isthmus.core.contracts import Progress, untold
from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.encoders.base import usable_cores
from isthmus.media.onsets import REACH, Onset
from isthmus.pipeline._stretches import STRETCH
from isthmus.pipeline.decoding import WORKERS, DecodeWorkers


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a recording, and what begins in it.

    Attributes:
        seconds: How long it is.
        onsets: In seconds of the recording, the strongest first.
    """

    seconds: float
    onsets: Sequence[Onset]


def read_onsets(
    item: MediaItem,
    seconds: float,
    workers: DecodeWorkers = WORKERS,
    *,
    progress: Progress = untold,
) -> list[Stretch]:
    """Where sounds begin, by stretches of at most two minutes, so that memory stays flat.

    In a stretch that is silent or cannot be decoded nothing begins; what is wrong with it is told
    where it is encoded.

    Args:
        item: A whole recording, or a video whose modality is audio.
        seconds: Its duration.
        workers: That decode it.
        progress: Told after each stretch.
    """
    count = max(math.ceil(seconds / (STRETCH - 2 * REACH)), 1)
    edges = np.linspace(0.0, seconds, count + 1).tolist()

    def one(part: tuple[float, float]) -> Stretch:
        start, stop = part
        first = max(start - REACH, 0.0)
        try:
            told = workers.onsets(replace(item, span=(first, stop + REACH)))
        except MediaError:
            told = []
        moments = [(first + time, change) for time, change in told]
        return Stretch(stop - start, [each for each in moments if start <= each[0] < stop])

    found: list[Stretch] = []
    pool = ThreadPoolExecutor(usable_cores())
    try:
        for stretch in pool.map(one, pairwise(edges)):
            found.append(stretch)
            progress("find onsets", len(found), count)
    finally:  # who is told may end this: no further stretch is decoded then
        pool.shutdown(cancel_futures=True)
    return found
