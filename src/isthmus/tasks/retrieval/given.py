"""What a user hands a store, checked: paths, queries, and folders that hold no store."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.artifact import kind_of
from isthmus.core.errors import ArtifactError, FingerprintError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.paths import data_dir, expanded, why_missing
from isthmus.core.validate import check_kind, several
from isthmus.core.wording import way
from isthmus.media.source import is_picture
from isthmus.prompts.prompt import Prompt
from isthmus.prompts.typed import looks_like_a_path

if TYPE_CHECKING:
    from PIL.Image import Image

    from isthmus.space import Space


def default_store() -> Path:
    """Where the store is unless told otherwise: ``$ISTHMUS_STORE``, else the data folder."""
    chosen = os.environ.get("ISTHMUS_STORE")
    return expanded(chosen) if chosen else data_dir() / "store"


def paths_given(given: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Paths of a user's as a list; one is a list of one.

    Raises:
        InputError: If there is something else among them.
    """
    need, example = "a path or a list of paths", "store.add(['photos/', 'notes.txt'])"
    if not isinstance(given, str | Path):
        check_kind(given, Iterable, "paths", need=need, example=example)
    paths: tuple[str | Path, ...] = several(given, (str, Path))
    for path in paths:
        check_kind(path, (str, Path), "paths", need=need, example=example)
    return list(paths)


def prompt_given(query: str | Path | MediaItem | Prompt | Image, views: Iterable[str]) -> Prompt:
    """What a user handed in to search by, as a prompt.

    Args:
        query: As for :meth:`isthmus.Store.search`.
        views: Of the space.

    Raises:
        InputError: If it is of another kind, or cannot be read.
    """
    if isinstance(query, Prompt):
        return query
    if not is_picture(query):
        check_kind(
            query,
            (str, Path, MediaItem),
            "a query",
            need="words, a Path, a picture or a Prompt",
            example="store.search('a red kangaroo'), or store.search(Path('photo.jpg'))",
        )
    if isinstance(query, str):
        return Prompt.parse(query, views=tuple(views))
    return Prompt(query)


def no_store(folder: Path, *, default: bool = False) -> ArtifactError:
    """What to say of a folder that holds no store: what it is, and how to make one.

    Args:
        folder: That was named.
        default: Whether it is the one that is used where none is named.
    """
    what, new = "holds no store.", folder
    if kind := kind_of(folder):
        what, new = f"is a {kind}, and not a store.", Path("my-store")
    elif folder.is_file():
        what, new = "is a file; a store is a folder.", Path("my-store")
    elif not folder.exists() and not default:
        what += why_missing(folder)
    space = str(folder) if kind == "space" else "starter"
    named = "" if space == "starter" else f" --space {shlex.quote(space)}"
    place = "" if default else f" --store {shlex.quote(str(new))}"
    make = way(
        python=f"isthmus.Store.open({str(new)!r}, {space!r}).add(paths)",
        shell=f"isthmus index PATHS{named}{place}",
    )
    return ArtifactError(f"{folder} {what} Make a store with: {make}")


def other_space(folder: Path, own: Space, given: Space, named: str) -> FingerprintError:
    """What to say where a store and a space do not belong together.

    Args:
        folder: Of the store.
        own: The space that it was made with.
        given: The one that was given.
        named: The folder of that one, if it was given by its folder.
    """
    other = shlex.quote(named or "SPACE")
    alone = way(python=f"isthmus.Store.open({str(folder)!r})", shell="leave out --space")
    return FingerprintError(
        f"{folder} was made with the space {folder / 'space'} ({_encoders(own)}), and not with "
        f"{named or 'this one'} ({_encoders(given)}). To use its own: {alone}. To use the other: "
        f"isthmus index PATHS --store OTHER --space {other}"
    )


def _encoders(space: Space) -> str:
    """What tells a space from others: its encoders, and its fingerprint."""
    known = ", ".join(f"{view}: {space.encoders[view].spec or 'yours'}" for view in space.views)
    return f"{known}; fingerprint {space.fingerprint[:12]}"


def no_item(name: str) -> InputError:
    """What to say of an id that a store does not hold.

    Nobody looks for a file of that name: who calls over a network must not learn which there are.
    """
    said = f"the store holds no item {name!r}"
    said += way(python="", shell=". Each result has an id: isthmus search … --json")
    if looks_like_a_path(name):
        said += way(python=f". A file is given as Path({name!r})", shell="")
    return InputError(said)
