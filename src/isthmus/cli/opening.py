"""Opening the store and the space that the options of a command name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.errors import ArtifactError

if TYPE_CHECKING:
    from isthmus.tasks import Store


def open_store(folder: Path | None, space: str | None = None, *, create: bool = False) -> Store:
    """The store that a user means.

    Args:
        folder: Where it is; None is the default store.
        space: Folder of a space, ``"starter"``, or None: that of the store, else the starter.
        create: Whether to make one where there is none.

    Raises:
        ArtifactError: If there is none and none is to be made.
    """
    from isthmus.space import Space
    from isthmus.tasks import Store, default_store

    place = folder or default_store()
    there = (place / "space").is_dir()
    if not there and not create:
        raise ArtifactError(
            f"there is no store in {place}; make one with: isthmus index PATHS"
            + (f" --store {place}" if folder else "")
        )
    if space is None:
        return Store.open(place, None if there else Space.load("starter"))
    return Store.open(place, Space.load(space))
