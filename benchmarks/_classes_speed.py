"""How long it takes to label a store, and to learn from many shots."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from _classes import unit
from _machine import spread
from isthmus.pipeline import VectorCache
from isthmus.prompts.choice import choose
from isthmus.prompts.support import Support
from isthmus.space import Space
from isthmus.store import Entry
from isthmus.tasks import Store, annotate_store

ITEMS, LABELS = 10_000, 200
CLASSES, SHOTS, DIM = 100, 16, 768
TIMES = 3
KINDS = ("red", "blue", "green", "small", "large", "old", "new", "wooden", "happy", "sleepy")
THINGS = (
    "cat", "dog", "bird", "fish", "tree", "house", "car", "boat", "star", "flower",
    "apple", "clock", "shoe", "drum", "moon", "ball", "cup", "hat", "key", "train",
)  # fmt: skip
"""Ten times twenty labels."""


def seconds(work: Callable[[], object]) -> dict[str, Any]:
    """Of a few repetitions: by the clock, and of processor time, which other work adds less to."""
    taken, busy = [], []
    for _ in range(TIMES):
        start, ticks = perf_counter(), process_time()
        work()
        taken.append(round(perf_counter() - start, 3))
        busy.append(round(process_time() - ticks, 3))
    return {**spread(taken), "processor": busy}


def speed(space: Space) -> dict[str, Any]:
    """Seconds to label a store of copies of a space's own pictures, jittered; and to learn."""
    rng = np.random.default_rng(0)
    bank = space.banks["image"]
    jitter = rng.normal(size=(ITEMS, space.dim)) / np.sqrt(space.dim)
    x = unit(bank[rng.integers(len(bank), size=ITEMS)] + 0.5 * jitter).astype(np.float32)
    entries = [Entry(f"{i:064x}", "image", "image", f"/{i}.png") for i in range(ITEMS)]
    labels = [f"{how} {what}" for how in KINDS for what in THINGS]
    out: dict[str, Any] = {"items": ITEMS, "labels": LABELS}
    with tempfile.TemporaryDirectory() as folder:
        cache = VectorCache(Path(folder) / "vectors.sqlite")
        store = Store.open(Path(folder) / "store", space)
        store.backend.add(entries, x, space.hubness(x, "image"))
        start = perf_counter()
        annotate_store(store, labels, cache=cache)
        out["labels_encoded_too_s"] = round(perf_counter() - start, 3)
        out["annotate_s"] = seconds(lambda: annotate_store(store, labels, cache=cache))
    words, shots = rng.normal(size=(CLASSES, DIM)), np.repeat(np.arange(CLASSES), SHOTS)
    near = words[shots] + rng.normal(size=(len(shots), DIM))
    known = Support(words, near, shots, 8.0)
    out |= {"classes": CLASSES, "shots": SHOTS, "dim": DIM, "fit_s": seconds(lambda: choose(known))}
    return out
