"""Kills while indexing, with renames between and during runs: nothing is lost, doubled or wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isthmus.core.artifact import content_hash
from isthmus.space import Space
from isthmus.tasks import Store

KILLS = int(os.environ.get("ISTHMUS_KILLS", "12")) // 4
"""The long form is ``ISTHMUS_KILLS=800``, which is 200 kills here."""
FILES = 24


def shuffled(folder: Path, chance: random.Random, number: int) -> None:
    """Change hands: a chain, a swap, a file that is replaced, one that is new and one that goes."""
    paths = sorted(folder.iterdir())
    ring = chance.sample(paths, 5)
    aside = folder.with_name("aside")
    ring[0].rename(aside)
    for old, new in zip(ring[1:], ring[:-1], strict=True):
        old.rename(new)
    aside.rename(ring[-1] if number % 2 else folder / f"n{number}.txt")
    rest = [path for path in paths if path not in ring and path.exists()]
    rest[0].write_text(f"a blue square, number {number}", encoding="utf-8")
    (folder / f"new{number}.txt").write_text(f"a red circle, number {number}", encoding="utf-8")
    if len(paths) > FILES:
        rest[1].unlink()


def wrong(store: Store, folder: Path) -> list[str]:
    """What is lost, doubled or has a wrong source."""
    entries = list(store.backend.entries())
    ids = [entry.id for entry in entries]
    told = [f"{name} is there twice" for name in {i for i in ids if ids.count(i) > 1}]
    told += [
        f"{entry.source} does not hold its item"
        for entry in entries
        if not entry.gone and content_hash(Path(entry.source).read_bytes()) != entry.id
    ]
    present = {content_hash(path.read_bytes()) for path in folder.iterdir()}
    told += [f"{item} is lost" for item in present - set(ids)]
    told += [f"{e.source} is marked as gone" for e in entries if e.gone and e.id in present]
    return told


@pytest.mark.parametrize("seed", [0])
def test_kills_lose_double_and_mistake_nothing(space: Space, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "m"
    folder.mkdir()
    for number in range(FILES):
        text = f"a green triangle, number {number}"
        (folder / f"t{number}.txt").write_text(text, encoding="utf-8")
    Store.open(tmp_path / "s", space).close()
    path = os.pathsep.join(each for each in sys.path if each)
    command = [sys.executable, "-m", "tests.tasks.renamer", str(tmp_path / "s"), str(folder)]
    killed = 0
    for number in range(KILLS):
        shuffled(folder, chance, number)
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        assert child.stdout is not None
        for _ in range(chance.randint(1, 4)):
            child.stdout.readline()
        time.sleep(chance.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        killed += child.returncode == -signal.SIGKILL
        if number % 3 == 2 or number == KILLS - 1:
            with Store.open(tmp_path / "s") as store:
                store.add(folder)
                assert wrong(store, folder) == [], number
                assert store.check(deep=True) == [], number
    assert killed > KILLS / 2
