"""Which view of a space a thing belongs to, where nobody said it or several would do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isthmus.core.errors import InputError
from isthmus.core.view import View

if TYPE_CHECKING:
    from isthmus.space import Space

ASK = "say which one is meant: --as {shell} or asked_as={view!r}"
"""The way out for a part of a query."""
ITEM = "say which one the item belongs to: --item-view {shell} or item_view={view!r}"
"""The way out for what a query is compared with."""
INDEX = "say which one these files belong to: --view {shell} or views={view!r}"
"""The way out for files that are indexed."""


def view_meant(
    space: Space,
    modality: str,
    among: Sequence[str] = (),
    *,
    named: str | None = None,
    way_out: str = ASK,
) -> str:
    """The view of a thing.

    Args:
        space: Whose views there are.
        modality: Of the thing.
        among: Views that things may belong to; those that read another modality say nothing.
        named: The view that was named for this one thing.
        way_out: What to do where several views read the modality, with places for a ``view`` and
            for how a ``shell`` takes it.

    Raises:
        InputError: If there is no such view, it reads something else, or several would do.
    """
    known = space.modalities
    if named is not None:
        if named not in known:
            raise InputError(f"the space has no view {named!r}; its views are {', '.join(known)}")
        if known[named] != modality:
            raise InputError(
                f"the view {named} reads {known[named]}, but this is {modality}; "
                f"there are the views {_listed(known)}"
            )
        return named
    views = [view for view in among if known.get(view) == modality]
    views = views or [view for view in known if known[view] == modality]
    if not views:
        raise InputError(f"no view of the space reads {modality}; its views are {_listed(known)}")
    if len(views) > 1:
        said = way_out.format(view=views[0], shell=shlex.quote(views[0]))
        raise InputError(f"the views {' and '.join(views)} all read {modality}; {said}")
    return views[0]


def _listed(known: Mapping[str, str]) -> str:
    return ", ".join(str(View(view, modality)) for view, modality in known.items())
