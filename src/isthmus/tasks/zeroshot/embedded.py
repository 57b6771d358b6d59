"""What is classified, as items of views and as vectors of the space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.record import Failure
from isthmus.media.source import is_picture, item_from_path, picture_item
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.space.things import as_item
from isthmus.tasks.retrieval.views import WayOut, view_meant

ITEMS = WayOut("the items belong to", "view", "--view")


@dataclass(frozen=True, eq=False)
class ViewRows:
    """What was embedded of one view.

    Attributes:
        places: ``(n,)``, which of what was given.
        vectors: ``(n, d)`` unit vectors of the space.
    """

    places: NDArray[np.intp]
    vectors: F64


@dataclass(frozen=True, eq=False)
class EmbeddedItems:
    """Items, or records of several views, as vectors of a space.

    Attributes:
        sources: What the user knows each by, in the order in which they were given.
        items: Of each, by view, those that could be embedded.
        rows: By view.
        failures: Items that could not be used.
    """

    sources: Sequence[str]
    items: Sequence[Mapping[str, MediaItem]]
    rows: Mapping[str, ViewRows]
    failures: Sequence[Failure]

    @property
    def usable(self) -> list[int]:
        """Places of which something could be embedded."""
        return [place for place, held in enumerate(self.items) if held]

    @classmethod
    def of(
        cls,
        space: Space,
        things: Any,
        named: str | None = None,
        *,
        cache: VectorCache | None = None,
        progress: Progress | None = None,
    ) -> EmbeddedItems:
        """Embed what a user hands in; arguments as of :func:`isthmus.classify`.

        Args:
            space: Whose encoders and heads are used.
            things: One thing or several, or a mapping from view to a list.
            named: The view, where the user said it.
            cache: Of native vectors.
            progress: Told as items are encoded.

        Raises:
            InputError: If a thing is of another kind, or lists of views differ in length.
        """
        failures: list[Failure] = []
        found, sources = _rows(space, things, named, failures)
        items: list[dict[str, MediaItem]] = [{} for _ in sources]
        rows = {}
        for view in dict.fromkeys(view for _, view, _ in found):
            own = [(place, item) for place, known, item in found if known == view]
            done = space.embed([item for _, item in own], view, cache=cache, progress=progress)
            failures += done.failures
            for (place, item), ok in zip(own, done.ok, strict=True):
                if ok:
                    items[place][view] = item
            if done.ok.any():
                places = np.array([place for place, _ in own], dtype=np.intp)[done.ok]
                rows[view] = ViewRows(places, done.vectors[done.ok].astype(np.float64))
        return cls(sources, items, rows, failures)


def _rows(
    space: Space, things: Any, named: str | None, failures: list[Failure]
) -> tuple[list[tuple[int, str, MediaItem]], list[str]]:
    """Place, view and item of everything that there is, and what each place is called."""
    if isinstance(things, Mapping):
        columns = {view: list(column) for view, column in things.items()}
        if not columns:
            raise InputError("items: the mapping names no view; write: {'image': ['a.jpg']}")
        if len({len(column) for column in columns.values()}) != 1:
            sizes = ", ".join(f"{v} has {len(column)}" for v, column in columns.items())
            raise InputError(f"place i of every view must be one record, but {sizes}")
    else:
        columns = {"": listed(things)}
    rows: list[tuple[int, str, MediaItem]] = []
    sources = [""] * len(next(iter(columns.values())))
    for view, column in columns.items():
        for place, thing in enumerate(column):
            if thing is None:
                continue
            try:
                item, known = item_and_view(space, thing, view or named)
            except MediaError as error:
                failures.append(Failure(error.source, error.reason))
                continue
            rows.append((place, known, item))
            sources[place] = sources[place] or item.source
    return rows, sources


def none_usable(failures: Sequence[Failure]) -> InputError:
    """What is said where no item is left, with the first reason."""
    first = f"{failures[0].source}: {failures[0].reason}" if failures else "there is none"
    return InputError(f"none of the items can be used; {first}")


def listed(items: Any) -> list[Any]:
    """One thing or several, as a list."""
    one = isinstance(items, str | Path | bytes | MediaItem) or is_picture(items)
    return [items] if one else list(items)


def item_and_view(space: Space, thing: Any, named: str | None) -> tuple[MediaItem, str]:
    """A thing of a user's as an item, and the view that it belongs to.

    Args:
        space: Whose views there are.
        thing: A path, a picture or an item; where a view is named, whatever that reads.
        named: The view, where the user said it.

    Raises:
        InputError: If it is of another kind.
        MediaError: If the file cannot be read.
    """
    if named is not None and named in space.views:
        return as_item(thing, space.modalities[named]), named
    if is_picture(thing):
        thing = picture_item(thing)
    elif not isinstance(thing, MediaItem):
        if not isinstance(thing, str | Path):
            raise InputError("name the view of vectors and bytes: view='…'")
        thing = item_from_path(Path(thing).expanduser())
    return thing, view_meant(space, thing.modality, named=named, way_out=ITEMS)
