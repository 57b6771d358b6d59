"""What an encoder costs on this machine: milliseconds an item, and until its first one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.core.contracts import Encoder, Filed, batch_size_of
from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.rows import thin
from isthmus.encoders.joined import JoinedEncoder
from isthmus.encoders.model_files import model_files
from isthmus.media import PLAIN
from isthmus.pipeline.decoding import WORKERS
from isthmus.pipeline.encode import encode_items

ITEMS = 64
"""Items that are timed at most: two batches of most encoders."""
ROUNDS = 3
SECONDS = 1.0
"""That timing should take, in all rounds; an encoder that needs longer for one item encodes one."""
_TRIES = 5
"""Items of which one must be readable, or the encoder is given up."""


@dataclass(frozen=True)
class EncoderCost:
    """What an encoder of a view costs, from file to vector, decoding included.

    Attributes:
        view: What it encodes.
        encoder: Its id.
        dim: Length of its vectors.
        items: How many were timed.
        first_ms: Until the vector of the first item, which includes loading the model.
        item_ms: An item, in batches; the median of the rounds.
        low_ms: The fastest round.
        high_ms: The slowest.
        weights_bytes: Of its weights; None where that is not known.
    """

    view: str
    encoder: str
    dim: int
    items: int
    first_ms: float
    item_ms: float
    low_ms: float
    high_ms: float
    weights_bytes: int | None = None

    @property
    def vector_bytes(self) -> int:
        """Of one native vector, as float32."""
        return 4 * self.dim


def cost_of(view: str, name: str, encoder: Encoder, items: Sequence[MediaItem]) -> EncoderCost:
    """Encode a few items without a cache and take the time.

    Args:
        view: What is encoded.
        name: What the user calls the encoder.
        encoder: Ready to encode.
        items: Of the view; those that are timed lie evenly spread among them.

    Raises:
        DataError: If none of the first few can be encoded, with the reason.
        IsthmusError: Whatever else the encoder refuses with.
    """
    distinct = list({(item.id, item.span): item for item in items}.values())
    chosen = [distinct[i] for i in thin(np.arange(len(distinct)), ITEMS)]
    if encoder.modality not in PLAIN:
        WORKERS.warm_up()  # its time is no encoder's
    first, readable = _first(name, encoder, chosen)
    single = _seconds(encoder, [readable])
    affordable = int(SECONDS / ROUNDS / max(single, 1e-9))
    count = min(affordable, 2 * batch_size_of(encoder))
    some, rounds = [readable], [1e3 * single]
    if count > 1:
        some = [chosen[i] for i in thin(np.arange(len(chosen)), count)]
        _seconds(encoder, some)  # more children may start for these
        rounds = [1e3 * _seconds(encoder, some) / len(some) for _ in range(ROUNDS)]
    return EncoderCost(
        view=view,
        encoder=name,
        dim=encoder.dim,
        items=len(some),
        first_ms=1e3 * first,
        item_ms=float(np.median(rounds)),
        low_ms=min(rounds),
        high_ms=max(rounds),
        weights_bytes=_weights(encoder),
    )


def _first(name: str, encoder: Encoder, items: Sequence[MediaItem]) -> tuple[float, MediaItem]:
    """Seconds until the first vector, and the item that it is of."""
    started = time.perf_counter()
    reason = "there are no items"
    for item in items[:_TRIES]:
        done = encode_items([item], encoder)
        if done.ok[0]:
            return time.perf_counter() - started, item
        reason = done.failures[0].reason
    raise DataError(f"{name} could encode none of the first items: {reason}")


def _seconds(encoder: Encoder, items: Sequence[MediaItem]) -> float:
    started = time.perf_counter()
    encode_items(items, encoder)
    return time.perf_counter() - started


def _weights(encoder: Encoder) -> int | None:
    """Bytes of the files of weights, of all parts that tell; None where none does."""
    if isinstance(encoder, JoinedEncoder):
        known = [size for part in encoder.parts if (size := _weights(part)) is not None]
        return sum(known) if known else None
    if not isinstance(encoder, Filed) or encoder.folder is None:
        return None
    return model_files(encoder.folder).weight_bytes or None
