"""Where something is made before it takes its place: nothing stays when a process dies."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAGING = "staging"
"""What is being made."""
OLD = "old"
"""What was there before, moved aside for as long as what was made takes its place."""


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """An empty folder beside another, removed at the end with all that is still in it.

    What killed processes of this machine left beside the same target is removed, too.

    Args:
        target: What is made; its folder must be there.
    """
    sweep(target)
    with tempfile.TemporaryDirectory(prefix=own_name(target), dir=target.parent) as made:
        yield Path(made)


def own_name(target: Path, use: str = STAGING) -> str:
    """How hidden names beside a target begin that tell whose they are: machine and process.

    Args:
        target: Beside what.
        use: What for, in one word.
    """
    return f"{_start(target, use)}{os.getpid()}-"


def sweep(target: Path, use: str = STAGING) -> None:
    """Remove what killed processes of this machine left beside a target under :func:`own_name`."""
    start = _start(target, use)
    owned = re.compile(re.escape(start) + r"([1-9]\d{0,9})-\w+")
    for left in target.parent.glob(f"{glob.escape(start)}*"):
        owner = owned.fullmatch(left.name)
        if owner is None or not _gone(int(owner[1])):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)  # a link is not followed
        else:
            left.unlink(missing_ok=True)


def left_over(target: Path, use: str) -> list[Path]:
    """What processes of any machine have under :func:`own_name` beside a target now."""
    start = f".{target.name}-{use}-"
    owned = re.compile(re.escape(start) + r"[0-9a-f]{8}-\d+-\w+")
    found = target.parent.glob(f"{glob.escape(start)}*")
    return [path for path in found if owned.fullmatch(path.name)]


def _start(target: Path, use: str) -> str:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f".{target.name}-{use}-{host}-"


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # of another user, or no number of a process here
        return False
    return False
