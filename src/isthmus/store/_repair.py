"""Going back to the last good version of a table of LanceDB."""

from __future__ import annotations

import time
from pathlib import Path

_VERSIONS = "_versions"
_NEWEST_HINT = "latest_version_hint.json"


def newest_damaged(table: Path) -> Path | None:
    """The manifest of the newest version, if there is an older one to go back to.

    Manifests are named by 2⁶⁴ − 1 less the version, so the newest comes first.
    """
    manifests = sorted(
        (table / _VERSIONS).glob("*.manifest"), key=lambda path: (len(path.stem), path.stem)
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
