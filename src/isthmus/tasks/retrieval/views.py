"""Which view of a space a thing belongs to, where nobody said it or several would do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.core.errors import InputError
from isthmus.core.view import View, no_view
from isthmus.core.wording import way

if TYPE_CHECKING:
    from isthmus.space import Space


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
        raise InputError(f"no view of the space reads {modality}; its views are {_listed(known)}")
    if len(views) > 1:
        listed = " and ".join(views)
        raise InputError(f"the views {listed} all read {modality}; {way_out.of(views[0])}")
    return views[0]


def _listed(known: Mapping[str, str]) -> str:
    return ", ".join(str(View(view, modality)) for view, modality in known.items())
