"""Opening the store and the space that the options of a command name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from isthmus import tasks
from isthmus.cli.usage import arguments_of, retyped, stores_given
from isthmus.core.artifact import kind_of
from isthmus.core.errors import ArtifactError, InputError
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
    dry: bool = False,
    trust: Sequence[str] | None = None,
) -> tasks.Store:
    """The store that a user means.

    Args:
        folder: Where it is; None is the default store.
        space: Folder of a space, ``"starter"``, or None: that of the store, else the starter.
        create: Whether to make one where there is none.
        dry: Whether an empty one in memory stands for the one that would be made.
        trust: Packages of ``--trust``.

    Raises:
        ArtifactError: If there is none and none is to be made.
    """
    place, there = folder or tasks.default_store(), has_store(folder)
    if not there and not create:
        missing = no_store(place, default=folder is None)
        meant = stores_given(sys.argv[2:]) if folder is None else ""
        raise ArtifactError(f"{place} holds no store.{meant}") if meant else missing
    chosen = space if there or space is not None else "starter"
    return tasks.Store.open(place, chosen, trust=trust or (), make=not dry)


def check_order(context: typer.Context, kind: str = "space") -> None:
    """Refuse a command whose space or predictor does not come first.

    Args:
        context: Of the command. Its first argument names the folder.
        kind: What must be in it.

    Raises:
        InputError: If another argument names one, and the first does not.
    """
    first, *rest = [each.name for each in arguments_of(context) if each.name]
    given = str(context.params[first])
    if _is_a(given, kind):
        return
    for name in rest:
        value = context.params[name]
        words = value if isinstance(value, list | tuple) else [value]
        for other in words:
            if _is_a(other, kind):
                turned = [given if word == other else word for word in words]
                typed = retyped(context, **{first: other, name: turned})
                raise InputError(f"the {kind} comes first, and {given} is none. Write: {typed}")


def _is_a(typed: str, kind: str) -> bool:
    """Whether something that was typed names what is wanted."""
    return (typed == "starter" and kind == "space") or kind_of(Path(typed)) == kind
