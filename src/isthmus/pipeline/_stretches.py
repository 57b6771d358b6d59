"""Spans of one recording that are decoded together, so that it is not read once for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from isthmus.core.contracts import Encoder
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO
from isthmus.pipeline.decoding import DecodeWorkers

STRETCH = 120.0
"""Seconds of a recording that are decoded at a time. Each stretch reads the file anew and seeks:
two hours are 60 reads, and 12 channels at 48 kHz for two minutes stay below the cap on samples."""
_SHORTEST = 1.0
"""Seconds up to which all spans are equally long."""


def about(span: tuple[float, float]) -> float:
    """How long a span is, in seconds, rounded up to a power of four.

    Spans that count as equally long stay in the order of their recording, in which they are decoded
    together, although each is of another length. So a recording is decoded three times or so.

    Examples:
        >>> about((1.0, 2.7)), about((5.0, 5.1))
        (4.0, 1.0)
    """
    return 4.0 ** math.ceil(math.log(max(span[1] - span[0], _SHORTEST), 4))


def stretches(items: Iterable[MediaItem]) -> list[list[MediaItem]]:
    """Items in groups that are decoded together: neighbouring spans of one recording, else one."""
    out: list[list[MediaItem]] = []
    for item in items:
        if out and _belongs(item, out[-1]):
            out[-1].append(item)
        else:
            out.append([item])
    return out


def prepare_stretch(
    decoders: DecodeWorkers, encoder: Encoder, items: Sequence[MediaItem]
) -> list[Any]:
    """What an encoder takes of items that are decoded together; an error where that is nothing.

    Raises:
        InputError: If nothing can be made of any of them.
    """
    if len(items) == 1:
        return [decoders.prepare(items[0], encoder)]
    spans = [item.span or (0.0, 0.0) for item in items]
    whole = replace(items[0], span=(spans[0][0], max(stop for _, stop in spans)))
    return decoders.prepare_pieces(whole, spans, encoder)


def one_by_one(
    prepared: Iterable[tuple[Sequence[MediaItem], Any]],
) -> Iterator[tuple[MediaItem, Any]]:
    """Items of groups, each with what the encoder takes of it, or why that is nothing."""
    for items, made in prepared:
        parts = [made] * len(items) if isinstance(made, InputError) else made
        yield from zip(items, parts, strict=True)


def _belongs(item: MediaItem, group: Sequence[MediaItem]) -> bool:
    first, last = group[0], group[-1]
    if item.modality != AUDIO or item.span is None or first.span is None or last.span is None:
        return False
    same = item.id == first.id and item.source == first.source
    return same and last.span[0] <= item.span[0] and item.span[1] - first.span[0] <= STRETCH
