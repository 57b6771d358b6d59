"""Items and their parts as native vectors; the longest are the mean of their spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from isthmus.core.contracts import Encoder, Progress
from isthmus.core.linalg import F32
from isthmus.pipeline import EncodedItems, default_cache, encode_items
from isthmus.tasks.retrieval.part import Part

_SPANS = "spans"
"""What progress calls them."""


@dataclass(frozen=True, eq=False)
class EncodedParts:
    """What an encoder made of parts.

    Attributes:
        vectors: ``(native dim,)`` float32 by id.
        reasons: Why there is no vector, by id.
    """

    vectors: dict[str, F32] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def encoded_parts(
    parts: Sequence[Part], encoder: Encoder, progress: Progress | None = None
) -> EncodedParts:
    """Encode parts of one view.

    A part that is :attr:`~isthmus.tasks.retrieval.part.Part.pooled` has the mean of the vectors of
    its spans; silent spans do not count, and a span that is damaged costs the whole.

    A file in spans can take minutes, and is written when all of it is encoded. So what is made of
    it goes to the cache of this machine, too, and a run that is interrupted goes on from there.

    Args:
        parts: Items, each followed by its spans.
        encoder: Whose.
        progress: Told after each batch of those that are in spans.
    """
    single = [part for part in parts if not part.pooled]
    cut = {_of_span(part.id) for part in single if part.item.span is not None}
    long = [part for part in single if part.item.span is not None or part.id in cut]
    short = [part for part in single if part.item.span is None and part.id not in cut]
    found = EncodedParts()
    damaged: dict[str, str] = {}
    if short:
        done = encode_items([part.item for part in short], encoder)
        _note(short, done, found, damaged)
    if long:
        with default_cache() as cache:
            items = [part.item for part in long]
            done = encode_items(items, encoder, cache=cache, progress=progress, name=_SPANS)
        _note(long, done, found, damaged)
    for part in parts:
        if part.pooled:
            _pool(part, parts, found, damaged)
    return found


def _note(
    parts: Sequence[Part], done: EncodedItems, found: EncodedParts, damaged: dict[str, str]
) -> None:
    """Sort what was encoded into vectors, reasons, and reasons why wholes cannot be used."""
    reasons = iter(done.failures)
    for place, part in enumerate(parts):
        if done.ok[place]:
            found.vectors[part.id] = done.vectors[place]
            continue
        found.reasons[part.id] = next(reasons).reason
        if place not in done.empty:
            damaged.setdefault(_of_span(part.id), found.reasons[part.id])


def _pool(part: Part, parts: Sequence[Part], found: EncodedParts, damaged: dict[str, str]) -> None:
    spans = [
        each.id for each in parts if each.item.span is not None and _of_span(each.id) == part.id
    ]
    rows = [found.vectors[each] for each in spans if each in found.vectors]
    if part.id in damaged:
        found.reasons[part.id] = damaged[part.id]
    elif rows:
        found.vectors[part.id] = np.mean(rows, axis=0, dtype=np.float32)
    else:
        found.reasons[part.id] = next(
            (found.reasons[each] for each in spans if each in found.reasons),
            "is too long to be encoded at once, and its encoder takes no spans of it",
        )


def _of_span(item: str) -> str:
    """Id of what a span is a part of."""
    return item.rpartition("@")[0]
