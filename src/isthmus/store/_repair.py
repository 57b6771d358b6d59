"""The versions of a table of LanceDB as its folder shows them, and the way back to a good one."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

_VERSIONS = "_versions"
_NEWEST_HINT = "latest_version_hint.json"
_SUFFIX = ".manifest"
_END = b"LANC"
"""What manifests and files of data end with."""
_DATA = re.compile(rb"[0-9a-f]{50}\.lance")
"""How a file of data is called: 24 random bits, and 26 digits."""
_LAST = 2**64 - 1
"""Manifests are named by this less their version, so the newest comes first."""


def newest_version(table: Path) -> int | None:
    """Number of the newest version; None where no manifest has the name of one."""
    try:
        names = [path.name for path in (table / _VERSIONS).iterdir()]
    except FileNotFoundError:
        return None
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    versions = (_LAST - int(stem) for stem in stems if len(stem) == 20 and stem.isdecimal())
    return max(versions, default=None)


def manifest_of(table: Path, version: int) -> Path:
    """The manifest of a version."""
    return table / _VERSIONS / f"{_LAST - version:020}{_SUFFIX}"


def cut_off(table: Path) -> Path | None:
    """The first file of the newest version that is not there, empty or not written to its end.

    Only the ends of files are looked at, so this takes no time. Other versions do not matter, and
    neither does what a killed writer left, which no version names.
    """
    version = newest_version(table)
    if version is None:
        return None
    manifest = manifest_of(table, version)
    if not _whole(manifest):
        return manifest
    named = sorted(set(_DATA.findall(manifest.read_bytes())))
    files = (table / "data" / name.decode() for name in named)
    return next((path for path in files if not _whole(path)), None)


def _whole(path: Path) -> bool:
    """Whether a file of LanceDB ends as all do."""
    try:
        with path.open("rb") as handle:
            handle.seek(-len(_END), os.SEEK_END)
            return handle.read() == _END
    except OSError:  # none, or shorter
        return False


def newest_damaged(table: Path) -> Path | None:
    """The manifest of the newest version, if there is an older one to go back to."""
    manifests = sorted(
        (table / _VERSIONS).glob(f"*{_SUFFIX}"), key=lambda path: (len(path.stem), path.stem)
    )
    return manifests[0] if len(manifests) > 1 else None


def set_aside(path: Path, folder: Path) -> Path:
    """Move a file out of the way without losing it; says where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{path.name}"
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{number}-{path.name}"
    path.rename(target)
    (path.parent / _NEWEST_HINT).unlink(missing_ok=True)
    return target
