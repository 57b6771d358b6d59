"""What of a file gets a vector of its own: the item, and parts of it.

The item itself is always among them. Its parts are spans of what is longer than the window of its
encoder, its sound track, words that were read or heard in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from isthmus.core.contracts import Progress, untold
from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem
from isthmus.space import Space
from isthmus.tasks.retrieval.part import Part
from isthmus.tasks.retrieval.sound_track import sound_track
from isthmus.tasks.retrieval.spans import in_spans

Finder = Callable[[Part, Space], Iterator[Part]]
"""What finds parts of one kind in an item."""

_FINDERS: tuple[Finder, ...] = (sound_track,)


def parts_of(
    item: MediaItem,
    view: str,
    id_: str,
    space: Space,
    fields: Fields = (),
    seconds: float | None = None,
    *,
    further: Sequence[Finder] = (),
    progress: Progress = untold,
) -> Iterator[Part]:
    """An item, and all of its parts, which have its fields.

    Args:
        item: A whole one.
        view: Its view.
        id_: Its id in the store.
        space: Which has the views that parts may belong to.
        fields: What its file says of itself.
        seconds: Its duration; None where nobody asked, or it has none.
        further: What finds parts that only some stores have.
        progress: Told while a long sound is looked through.

    Raises:
        MediaError: If the item cannot be read, or is longer than what is taken in by span.
    """
    whole = Part(item, view, id_, fields=fields, seconds=seconds)
    yield from in_spans(whole, space, progress)
    for find in (*_FINDERS, *further):
        for part in find(whole, space):
            yield from in_spans(part.under(whole), space, progress)


__all__ = ["Finder", "Part", "parts_of"]
