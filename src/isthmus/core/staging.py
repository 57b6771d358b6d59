"""Folders in which something is made before it takes its place: none stays when a process dies."""

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


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """An empty folder beside another, removed at the end with all that is still in it.

    What killed processes of this machine left beside the same target is removed, too.

    Args:
        target: What is made; its folder must be there.
    """
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    start = f".{target.name}-staging-{host}-"
    owned = re.compile(re.escape(start) + r"([1-9]\d{0,9})-\w+")
    for left in target.parent.glob(f"{glob.escape(start)}*"):
        owner = owned.fullmatch(left.name)
        if owner and _gone(int(owner[1])):
            shutil.rmtree(left, ignore_errors=True)  # a link is not followed
    prefix = f"{start}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as made:
        yield Path(made)


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # of another user, or no number of a process here
        return False
    return False
