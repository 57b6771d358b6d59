"""What is classified or annotated: things of a user's, sorted by view and embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F64
from isthmus.core.paths import expanded
from isthmus.core.record import Failure
from isthmus.core.validate import check_kind
from isthmus.media.source import is_picture, item_from_path, picture_item
from isthmus.pipeline import VectorCache
from isthmus.space import Space
from isthmus.space.things import as_item
from isthmus.tasks.retrieval.views import WayOut, item_view

WORDS = WayOut("reads the words", "asked_as", "--as")
ITEMS = WayOut("the items belong to", "view", "--view")
SAME = 0.9999
"""Cosine from which an example is one that the space has learned from."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Items of one view that could be used.

    Attributes:
        view: Of the space.
        places: Of each of the ``n`` items, the number of its record.
        items: The items.
        vectors: ``(n, d)`` unit vectors of the space.
    """

    view: str
    places: Sequence[int]
    items: Sequence[MediaItem]
    vectors: F64


@dataclass(frozen=True, eq=False)
class ItemsByView:
    """Items or records of several views, sorted by view.

    Attributes:
        space: Whose views there are.
        rows: By view, the number of the record and the item.
        sources: What each record is called.
        failures: What could not be used.
    """

    space: Space
    rows: Mapping[str, Sequence[tuple[int, MediaItem]]]
    sources: Sequence[str]
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def of(cls, space: Space, given: Any, view: str = "") -> ItemsByView:
        """Sort what a user gave.

        Args:
            space: Whose views there are.
            given: One thing or several; or for records a mapping from view to a list, with None
                where a record has nothing.
            view: That the things belong to; empty to tell it.

        Raises:
            InputError: If a thing is of another kind, or records differ in number.
        """
        if isinstance(given, Mapping):
            columns = {name: list(column) for name, column in given.items()}
            if not columns:
                raise InputError("items: the mapping names no view; write: {'image': ['a.jpg']}")
            if len({len(column) for column in columns.values()}) != 1:
                sizes = ", ".join(f"{v} has {len(column)}" for v, column in columns.items())
                raise InputError(f"place i of every view must be one record, but {sizes}")
        else:
            columns = {"": _listed(given)}
        sources = [""] * len(next(iter(columns.values())))
        rows: dict[str, list[tuple[int, MediaItem]]] = {}
        failures: list[Failure] = []
        for name, column in columns.items():
            for place, thing in enumerate(column):
                if thing is None:
                    continue
                try:
                    item, known = _item_and_view(space, thing, name or view or None)
                except MediaError as error:
                    failures.append(Failure(error.source, error.reason))
                    continue
                rows.setdefault(known, []).append((place, item))
                sources[place] = sources[place] or item.source
        return cls(space, rows, sources, failures)

    def embedded(
        self, cache: VectorCache | None = None, progress: Progress | None = None
    ) -> Iterator[Embedded]:
        """The items of each view as vectors; what cannot be used is told in ``failures``.

        Args:
            cache: Of native vectors.
            progress: Told as items are encoded.
        """
        for view, own in self.rows.items():
            done = self.space.embed([i for _, i in own], view, cache=cache, progress=progress)
            self.failures.extend(done.failures)
            good = np.flatnonzero(done.ok).tolist()
            if good:
                places, items = zip(*(own[at] for at in good), strict=True)
                yield Embedded(view, places, items, done.vectors[good].astype(np.float64))


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
    rows: Mapping[str, Embedded]
    failures: Sequence[Failure]

    @property
    def usable(self) -> list[int]:
        """Places of which something could be embedded."""
        return [place for place, held in enumerate(self.items) if held]

    @classmethod
    def of(
        cls, given: ItemsByView, cache: VectorCache | None = None, progress: Progress | None = None
    ) -> EmbeddedItems:
        """Embed all views.

        Args:
            given: What a user gave, by view.
            cache: Of native vectors.
            progress: Told as items are encoded.
        """
        rows = {each.view: each for each in given.embedded(cache, progress)}
        items: list[dict[str, MediaItem]] = [{} for _ in given.sources]
        for view, own in rows.items():
            for place, item in zip(own.places, own.items, strict=True):
                items[place][view] = item
        return cls(given.sources, items, rows, given.failures)


def examples_by_view(
    space: Space, examples: Iterable[tuple[int, MediaItem]], view: str, failures: list[Failure]
) -> dict[str, list[tuple[int, MediaItem]]]:
    """Numbered examples, sorted by the view that they belong to.

    Args:
        space: Whose views there are.
        examples: Number of a class, and an example of it.
        view: Takes what it can read; empty for none.
        failures: Told of examples that no view reads.
    """
    reads = space.modalities
    found: dict[str, list[tuple[int, MediaItem]]] = {}
    for number, item in examples:
        if item.modality not in reads.values():
            why = f"is {item.modality}, which no view of the space reads"
            failures.append(Failure(item.source, why))
            continue
        own = view
        if reads.get(view) != item.modality:
            own = item_view(space, item, way_out=ITEMS)
        found.setdefault(own, []).append((number, item))
    return found


def none_usable(failures: Sequence[Failure]) -> InputError:
    """What is said where no item is left, with the first reason."""
    first = f"{failures[0].source}: {failures[0].reason}" if failures else "there is none"
    return InputError(f"none of the items can be used; {first}")


def _listed(items: Any) -> list[Any]:
    """One thing or several, as a list."""
    one = isinstance(items, str | Path | bytes | MediaItem) or is_picture(items)
    if not one:
        need, write = "a file, a picture, or several", "isthmus.classify(space, 'a.jpg', names)"
        check_kind(items, Iterable, "items", need=need, example=write)
    return [items] if one else list(items)


def _item_and_view(space: Space, thing: Any, named: str | None) -> tuple[MediaItem, str]:
    """A thing of a user's as an item, and the view that it belongs to."""
    if named is not None and named in space.views:
        return as_item(thing, space.modalities[named]), named
    if is_picture(thing):
        thing = picture_item(thing)
    elif not isinstance(thing, MediaItem):
        if not isinstance(thing, str | Path):
            raise InputError("name the view of vectors and bytes: view='…'")
        thing = item_from_path(expanded(thing))
    return thing, item_view(space, thing, named=named, way_out=ITEMS)
