"""Opening the store and the space that the options of a command name."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus import space as spaces
from isthmus import tasks
from isthmus.core.artifact import DOCUMENT
from isthmus.core.errors import InputError
from isthmus.tasks.retrieval.given import no_store


def has_store(folder: Path | None) -> bool:
    """Whether there is a store where a user means; None is the default one."""
    return ((folder or tasks.default_store()) / "space").is_dir()


def check_store(folder: Path | None) -> None:
    """Refuse a folder without a store, before anything is computed; None is no store.

    Raises:
        ArtifactError: If there is none.
    """
    if folder is not None and not has_store(folder):
        raise no_store(folder)


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
    place, there = folder or tasks.default_store(), has_store(folder)
    if not there and not create:
        raise no_store(place, default=folder is None)
    known = trust or ()
    if space is None:
        made = None if there else spaces.Space.load("starter")
    else:
        made = spaces.Space.load(space, trust=known)
    return tasks.Store.open(place, made, trust=known)


def check_order(space: Path, others: Sequence[str]) -> None:
    """Refuse a command whose space does not come first.

    Args:
        space: The first argument.
        others: The other ones.

    Raises:
        InputError: If one of the others is a space, and the first is none.
    """
    if (space / DOCUMENT).is_file() or str(space) == "starter":
        return
    for other in others:
        if (Path(other) / DOCUMENT).is_file() or other == "starter":
            turned = {str(space): other, other: str(space)}
            typed = shlex.join(["isthmus", *(turned.get(word, word) for word in sys.argv[1:])])
            raise InputError(f"the space comes first, and {space} is none. Write: {typed}")
