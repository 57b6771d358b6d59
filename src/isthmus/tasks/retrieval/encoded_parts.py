"""Items and their parts as native vectors; the longest are the mean of their spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from isthmus.core.contracts import Encoder
from isthmus.core.linalg import F32
from isthmus.pipeline import encode_items
from isthmus.tasks.retrieval.part import Part


@dataclass(frozen=True, eq=False)
class EncodedParts:
    """What an encoder made of parts.

    Attributes:
        vectors: ``(native dim,)`` float32 by id.
        reasons: Why there is no vector, by id.
    """

    vectors: dict[str, F32] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def encoded_parts(parts: Sequence[Part], encoder: Encoder) -> EncodedParts:
    """Encode parts of one view.

    A part that is :attr:`~isthmus.tasks.retrieval.part.Part.pooled` has the mean of the vectors of
    its spans; silent spans do not count, and a span that is damaged costs the whole.

    Args:
        parts: Items, each followed by its spans.
        encoder: Whose.
    """
    single = [part for part in parts if not part.pooled]
    done = encode_items([part.item for part in single], encoder)
    reasons = iter(done.failures)
    found = EncodedParts()
    damaged: dict[str, str] = {}
    for place, part in enumerate(single):
        if done.ok[place]:
            found.vectors[part.id] = done.vectors[place]
            continue
        found.reasons[part.id] = next(reasons).reason
        if place not in done.empty:
            damaged.setdefault(_of_span(part.id), found.reasons[part.id])
    for part in parts:
        if part.pooled:
            _pool(part, parts, found, damaged)
    return found


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
