"""Folders in which something is made: what a killed process leaves goes, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from isthmus.core.staging import staging

_KILLED = """
import os, signal, sys
from pathlib import Path
from isthmus.core.staging import staging
with staging(Path(sys.argv[1])) as folder:
    (folder / "made").mkdir()
    os.kill(os.getpid(), int(sys.argv[2]))
"""


def killed(target: Path, number: int) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(target), str(number)], check=False)
    assert done.returncode == -number


def test_what_killed_processes_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "a [b]*"
    for number in (signal.SIGKILL, signal.SIGTERM):
        killed(target, number)
        assert len(list(tmp_path.iterdir())) == 1  # the second one removed what the first left
    with staging(target) as folder:
        assert list(tmp_path.iterdir()) == [folder] and list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_of_others_or_still_at_work_stays(tmp_path: Path) -> None:
    killed(tmp_path / "other", signal.SIGKILL)
    killed(tmp_path / "x", signal.SIGKILL)
    (left,) = tmp_path.glob(".x-*")
    kept = [*tmp_path.glob(".other-*"), tmp_path / ".x-notes", tmp_path / f"{left.name}.mine"]
    kept += [tmp_path / left.name.replace("-staging-", "-staging-0")]  # of another machine
    for folder in kept:
        folder.mkdir(exist_ok=True)
    precious = tmp_path / "precious"
    precious.mkdir()
    left.rename(tmp_path / "away")
    left.symlink_to(precious)
    with staging(tmp_path / "x") as first, staging(tmp_path / "x") as second:
        assert first != second and first.is_dir() and str(os.getpid()) in first.name
        assert all(folder.is_dir() for folder in (*kept, precious))
    assert not first.exists() and not second.exists()
