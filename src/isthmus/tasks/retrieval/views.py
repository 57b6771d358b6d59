"""Which view of a space a thing belongs to, where nobody said it or several would do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import VECTOR, View, no_view
from isthmus.core.wording import way
from isthmus.datasets.roles import parse_role
from isthmus.media.array_rows import row_path
from isthmus.space.report import columns_of

if TYPE_CHECKING:
    from isthmus.space import Space

_BY_VECTORS = (
    "of a view of vectors no words, pictures or sounds are encoded: give a vector of the same "
    "encoder, such as query.npy, or a row of a file, such as vectors.npz/image/0"
)


@dataclass(frozen=True, slots=True)
class WayOut:
    """How to name the view that is meant.

    Attributes:
        what: Of what.
        argument: In Python.
        flag: On the command line.
    """

    what: str
    argument: str
    flag: str

    def of(self, view: str) -> str:
        """The whole advice, with a view as the example."""
        typed = way(python=f"{self.argument}={view!r}", shell=f"{self.flag} {shlex.quote(view)}")
        return f"say which one {self.what}: {typed}"


ASK = WayOut("is meant", "asked_as", "--as")
"""For a part of a query."""
ITEM = WayOut("the item belongs to", "item_view", "--item-view")
"""For what a query is compared with."""
INDEX = WayOut("these files belong to", "views", "--view")
"""For files that are indexed."""


def view_meant(
    space: Space,
    modality: str,
    among: Sequence[str] = (),
    *,
    named: str | None = None,
    way_out: WayOut = ASK,
) -> str:
    """The view of a thing.

    Args:
        space: Whose views there are.
        modality: Of the thing.
        among: Views that things may belong to; those that read another modality say nothing.
        named: The view that was named for this one thing.
        way_out: What to do where several views read the modality.

    Raises:
        InputError: If there is no such view, it reads something else, or several would do.
    """
    known = space.modalities
    if named is not None:
        if named not in known:
            raise no_view(named, known)
        if known[named] != modality:
            raise InputError(
                f"the view {named} reads {known[named]}, but this is {modality}; "
                f"there are the views {_listed(known)}"
            )
        return named
    views = [view for view in among if known.get(view) == modality]
    views = views or [view for view in known if known[view] == modality]
    if not views:
        given = f"; {_BY_VECTORS}" if VECTOR in known.values() else ""
        listed = _listed(known)
        raise InputError(f"no view of the space reads {modality}; its views are {listed}{given}")
    if len(views) > 1:
        listed = " and ".join(views)
        raise InputError(f"the views {listed} all read {modality}; {way_out.of(views[0])}")
    return views[0]


def views_meant(space: Space, named: Sequence[str]) -> dict[str, str]:
    """To which view files of each view belong once some views are named for what is indexed.

    Args:
        space: Whose views there are.
        named: Some of them. Views of vectors are not asked of, since files may name theirs.

    Raises:
        InputError: As :func:`view_meant`.
    """
    known = space.modalities
    wanted = {known[view] for view in named} - {VECTOR}
    return {
        view: view_meant(space, modality, named, way_out=INDEX)
        for view, modality in known.items()
        if modality in wanted
    }


def item_view(
    space: Space,
    item: MediaItem,
    among: Sequence[str] = (),
    *,
    named: str | None = None,
    way_out: WayOut = ASK,
) -> str:
    """The view of an item; a vector of the user's may lie in an array that is called after it.

    Args:
        space: As for :func:`view_meant`, and so are the others.
        item: Of which it is asked.
        among: See there.
        named: See there.
        way_out: See there.

    Raises:
        InputError: As :func:`view_meant`, or if a vector has another dimension than the view takes.
    """
    view = None
    if item.modality == VECTOR and named is None:
        row = row_path(item.source)
        view = named_view(space, Path(item.source).stem if row is None else row.array)
        if view not in among and any(space.modalities.get(each) == VECTOR for each in among):
            view = None
    view = view or view_meant(space, item.modality, among, named=named, way_out=way_out)
    if isinstance(item.payload, np.ndarray):
        check_dim(space, view, len(item.payload), item.source)
    return view


def named_view(space: Space, array: str) -> str | None:
    """The view of vectors that an array is called after, or that was read from it before."""
    role = columns_of(space.report).get(array, "")
    read = parse_role(role) if role else ""
    names = (read.name if isinstance(read, View) else array, array)
    return next((name for name in names if space.modalities.get(name) == VECTOR), None)


def check_dim(space: Space, view: str, dim: int, source: str) -> None:
    """Refuse vectors of another dimension than a view takes.

    Raises:
        MediaError: Naming both.
    """
    if dim != (need := space.encoders[view].dim):
        raise MediaError(
            source,
            f"has vectors of {dim} numbers, and the view {view!r} of the space takes {need}; give "
            "vectors of the encoder that it was made with",
        )


def _listed(known: Mapping[str, str]) -> str:
    return ", ".join(str(View(view, modality)) for view, modality in known.items())
