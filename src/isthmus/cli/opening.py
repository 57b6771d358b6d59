"""Opening the store and the space that the options of a command name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isthmus import space as spaces
from isthmus import tasks
from isthmus.tasks.retrieval.given import no_store


def open_store(
    folder: Path | None,
    space: str | None = None,
    *,
    create: bool = False,
    trust: Sequence[str] | None = None,
) -> tasks.Store:
    """The store that a user means.

    Args:
        folder: Where it is; None is the default store.
        space: Folder of a space, ``"starter"``, or None: that of the store, else the starter.
        create: Whether to make one where there is none.
        trust: Packages of ``--trust``.

    Raises:
        ArtifactError: If there is none and none is to be made.
    """
    place = folder or tasks.default_store()
    there = (place / "space").is_dir()
    if not there and not create:
        raise no_store(place, default=folder is None)
    known = trust or ()
    if space is None:
        made = None if there else spaces.Space.load("starter")
    else:
        made = spaces.Space.load(space, trust=known)
    return tasks.Store.open(place, made, trust=known)
