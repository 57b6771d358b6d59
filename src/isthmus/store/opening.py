"""Opening the folder of a store, bound to the space it was made with."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isthmus.core.artifact import check_version, write_atomically
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError, FingerprintError, IntegrityError
from isthmus.core.reading import read_json
from isthmus.store._copy import COPY
from isthmus.store._database import DOCUMENT
from isthmus.store._disk import check_links
from isthmus.store._manifest import check_manifests
from isthmus.store.base import Backend
from isthmus.store.lance import LanceBackend
from isthmus.store.memory import MemoryBackend

FORMAT_VERSION = 3
READING = "reading.json"
"""Says which words are read in files, see :mod:`isthmus.tasks.retrieval.read_setting`."""
INDEXING = "indexing.json"
"""Says what is being indexed, see :mod:`isthmus.tasks.retrieval.unfinished`."""
_OWN = {DOCUMENT, READING, INDEXING, "lock", "epoch", "index", "tables", "space", "damaged", COPY}
"""What another process that makes the same store may have made already."""


@dataclass(frozen=True)
class _Document:
    """What :data:`DOCUMENT` holds."""

    kind: Literal["store"]
    format_version: int
    space: str
    dim: int
    views: tuple[str, ...]


def open_backend(
    folder: Path, dim: int, views: Sequence[str], fingerprint: str, *, make: bool = True
) -> Backend:
    """The store in a folder, made where there is none.

    Args:
        folder: Of the store.
        dim: Of the space.
        views: Of the space.
        fingerprint: Of the space.
        make: Whether to make one where there is none; else an empty one in memory stands for it.

    Raises:
        ArtifactError: If the folder holds something else, or leads elsewhere, or its path is one
            that LanceDB cannot use.
        IntegrityError: If its document is damaged.
        FormatVersionError: If another format version wrote it.
        FingerprintError: If it belongs to another space: vectors would mix silently.
    """
    path = folder / DOCUMENT
    _check_path(folder)
    check_links(folder, _OWN)
    check_manifests(folder)
    if not os.path.lexists(path):
        if folder.exists() and any(each.name not in _OWN for each in _visible(folder)):
            raise ArtifactError(f"{folder} is not empty and is not a store; choose another folder")
        if not make:
            return MemoryBackend(dim, views)
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        document = {"kind": "store", "format_version": FORMAT_VERSION}
        document |= {"space": fingerprint, "dim": dim, "views": list(views)}
        write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())
    parsed = read_json(path)
    check_version(parsed, FORMAT_VERSION, path)
    found = from_document(_Document, parsed, str(path))
    if found.space != fingerprint:
        raise FingerprintError(
            f"{folder} belongs to another space, of the views {', '.join(found.views)} "
            f"(fingerprint {found.space:.12}, not {fingerprint[:12]}); vectors of two spaces "
            "cannot be compared. A release may bring another starter space. Index into another "
            "folder: isthmus index PATHS --store OTHER"
        )
    if (found.dim, found.views) != (dim, tuple(views)):
        raise IntegrityError(f"{path} is damaged: it does not have the views of its space")
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
