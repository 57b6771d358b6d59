"""What of a file gets a vector of its own: the item, and parts of it.

The item itself is always among them. Its parts are spans of what is longer than the window of its
encoder, its sound track, words that were read or heard in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from isthmus.core.fields import Fields, tamed
from isthmus.core.item import MediaItem
from isthmus.space import Space


@dataclass(frozen=True, slots=True)
class Part:
    """What one vector is of.

    Attributes:
        item: What is encoded.
        view: Of the space.
        id: In the store, see :func:`isthmus.store.part_id`.
        origin: See :class:`isthmus.store.Entry`.
        fields: See :class:`isthmus.store.Entry`.
    """

    item: MediaItem
    view: str
    id: str
    origin: str = ""
    fields: Fields = ()


Finder = Callable[[Part, Space], Iterator[Part]]
"""What finds parts of one kind in an item."""

_FINDERS: tuple[Finder, ...] = ()


def parts_of(
    item: MediaItem, view: str, id_: str, space: Space, fields: Fields = ()
) -> Iterator[Part]:
    """An item, and all of its parts, which have its fields beside their own.

    Args:
        item: A whole one.
        view: Its view.
        id_: Its id in the store.
        space: Which has the views that parts may belong to.
        fields: What its file says of itself.
    """
    whole = Part(item, view, id_, fields=fields)
    yield whole
    for find in _FINDERS:
        for part in find(whole, space):
            yield replace(part, fields=tamed({**dict(fields), **dict(part.fields)}))
