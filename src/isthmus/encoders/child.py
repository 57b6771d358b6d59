"""A module of ours in a process of its own, which keeps torch and what it prints out of this."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus.core.errors import IsthmusError


def run_child(module: str, arguments: Sequence[str], made: Path, what: str) -> None:
    """Run ``python -m module`` and wait for it.

    Args:
        module: Its full name.
        arguments: Handed to it.
        made: The file that it writes.
        what: It is, as the subject of a sentence, for the message.

    Raises:
        IsthmusError: If it fails or writes no file, with the last line that it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    if done.returncode != 0 or not made.is_file():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise IsthmusError(f"{what} failed: {said}")
