"""What one vector of a store is of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem


@dataclass(frozen=True, slots=True)
class Part:
    """What one vector is of.

    Attributes:
        item: What is encoded.
        view: Of the space.
        id: In the store, see :func:`isthmus.store.part_id`.
        origin: See :class:`isthmus.store.Entry`.
        fields: See :class:`isthmus.store.Entry`.
        pooled: Whether its vector is the mean of those of its spans, because it is longer than an
            item that is encoded at once may be.
        span: Where it lies in the whole, where it is of words that were read or heard there; else
            its item says so.
        labels: See :class:`isthmus.store.Entry`.
        seconds: Duration of its item, where somebody asked for it already.
    """

    item: MediaItem
    view: str
    id: str
    origin: str = ""
    fields: Fields = ()
    pooled: bool = False
    span: tuple[float, float] | None = None
    labels: tuple[tuple[str, float], ...] = ()
    seconds: float | None = None

    def under(self, whole: Part) -> Part:
        """The same with what is known of the item that it is a part of."""
        return replace(self, fields=whole.fields, labels=whole.labels)
