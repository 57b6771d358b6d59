"""Opening the store and the space that the options of a command name."""

from __future__ import annotations

from pathlib import Path

from isthmus import space as spaces
from isthmus import tasks
from isthmus.core.errors import ArtifactError


def open_store(
    folder: Path | None, space: str | None = None, *, create: bool = False
) -> tasks.Store:
    """The store that a user means.

    Args:
        folder: Where it is; None is the default store.
        space: Folder of a space, ``"starter"``, or None: that of the store, else the starter.
        create: Whether to make one where there is none.

    Raises:
        ArtifactError: If there is none and none is to be made.
    """
    place = folder or tasks.default_store()
    there = (place / "space").is_dir()
    if not there and not create:
        raise ArtifactError(
            f"there is no store in {place}; make one with: isthmus index PATHS"
            + (f" --store {place}" if folder else "")
        )
    if space is None:
        return tasks.Store.open(place, None if there else spaces.Space.load("starter"))
    return tasks.Store.open(place, spaces.Space.load(space))
