"""The versions of a table of LanceDB as its folder shows them, and the way back to a good one."""

from __future__ import annotations

import time
from pathlib import Path

_VERSIONS = "_versions"
_NEWEST_HINT = "latest_version_hint.json"
_SUFFIX = ".manifest"
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
