"""Opening the folder of a store, bound to the space it was made with."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.errors import ArtifactError, FingerprintError, FormatVersionError, IntegrityError
from isthmus.store.lance import LanceBackend

DOCUMENT = "store.json"
FORMAT_VERSION = 3
_OWN = {DOCUMENT, "lock", "epoch", "index", "tables", "space"}
"""What another process that makes the same store may have made already."""


def open_backend(folder: Path, dim: int, views: Sequence[str], fingerprint: str) -> LanceBackend:
    """The store in a folder, made where there is none.

    Args:
        folder: Of the store.
        dim: Of the space.
        views: Of the space.
        fingerprint: Of the space.

    Raises:
        ArtifactError: If the folder holds something else, or LanceDB cannot use its path.
        FormatVersionError: If another format version wrote it.
        FingerprintError: If it belongs to another space: vectors would mix silently.
    """
    path = folder / DOCUMENT
    _check_path(folder)
    if not path.is_file():
        if folder.exists() and any(each.name not in _OWN for each in _visible(folder)):
            raise ArtifactError(f"{folder} is not empty and is not a store; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        document = {"kind": "store", "format_version": FORMAT_VERSION}
        document |= {"space": fingerprint, "dim": dim, "views": list(views)}
        write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version, space = found["format_version"], found["space"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    if version != FORMAT_VERSION:
        raise FormatVersionError(
            f"{folder} has format version {version}, this release reads {FORMAT_VERSION}; index "
            "into a new folder"
        )
    if space != fingerprint:
        raise FingerprintError(
            f"{folder} belongs to the space {space[:12]}, not to {fingerprint[:12]}; vectors of "
            "two spaces cannot be compared. Index into another folder: isthmus index PATHS "
            "--store OTHER"
        )
    return LanceBackend(folder, dim, views)


def _check_path(folder: Path) -> None:
    """Refuse what LanceDB cannot use as a path."""
    whole = str(folder.absolute())
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in whole):
        raise ArtifactError(
            f"{whole!r} has a newline, another control character or a byte that is not UTF-8 in "
            "its name, which a store cannot have; choose another folder with --store"
        )


def _visible(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if not each.name.startswith(".")]
