"""Writers for a store under readers, without pytest, so that child processes start quickly."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.core.linalg import F32
from isthmus.store import Entry, FileRecord, open_backend
from isthmus.store.lance import LanceBackend

DIM, VIEWS = 24, ("text", "image")


def opened(folder: Path) -> LanceBackend:
    """The store, indexed from 500 rows on where ``TRAFFIC_INDEX`` says so."""
    from isthmus.store import index, lance

    if os.environ.get("TRAFFIC_INDEX") == "1":
        index.LEAST = lance.LEAST = 500
        index._FEW = 20
    return open_backend(folder, DIM, VIEWS, "space")


def vector(number: int) -> F32:
    """The vector of an item, which its name tells, so that a reader can check it."""
    x = np.random.default_rng(number).normal(size=DIM).astype(np.float32)
    out: F32 = x / np.linalg.norm(x)
    return out


def hubness(number: int) -> F32:
    """The hubness of an item, likewise."""
    return np.full(len(VIEWS), (number % 97) / 97, dtype=np.float32)


def entry(number: int) -> Entry:
    """What is known of an item."""
    view = VIEWS[number % 2]
    return Entry(f"{number:032x}", view, view, f"/{number}/0.png", f"word{number}", size=number)


def write(store: LanceBackend, base: int, seed: int) -> None:
    """Add, forget, rename and optimise, once, within a million numbers of its own."""
    chance = random.Random(seed)
    low, high = base * 10**6, (base + 1) * 10**6
    numbers = chance.sample(range(low, high), chance.randint(1, 40))
    rows, near = np.stack([*map(vector, numbers)]), np.stack([*map(hubness, numbers)])
    store.add([entry(number) for number in numbers], rows, near)
    store.record_files([FileRecord(entry(n).source, 1, 2, entry(n).id) for n in numbers])
    mine = [e for e in store.entries() if low <= int(e.id, 16) < high]
    some = chance.sample(mine, min(len(mine), 20))
    store.amend([replace(e, source=f"/{int(e.id, 16)}/{seed}.png") for e in some[:10]])
    if len(mine) > 200:
        store.delete([e.id for e in some[10:]])
        store.forget_files([entry(int(e.id, 16)).source for e in some[10:]])
    if seed % 7 == 0:
        store.optimize()


if __name__ == "__main__":
    store, seed = opened(Path(sys.argv[1])), 0
    print("begun", flush=True)
    while not Path(sys.argv[3]).exists():
        seed += 1
        write(store, int(sys.argv[2]), seed)
        print(seed, flush=True)
