"""Two checkouts in turns on the same work: whatever else the machine does slows both alike."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from _machine import spread

WORDS = [
    "red",
    "green",
    "blue",
    "small",
    "large",
    "old",
    "new",
    "boat",
    "tree",
    "house",
    "cat",
    "dog",
    "sea",
    "night",
    "song",
    "river",
]
RATE = 22_050


@dataclass(frozen=True)
class Once:
    """One run: what it printed, seconds on the clock, and of processors, children included."""

    said: str
    wall_s: float
    cpu_s: float


def isthmus(source: Path, *arguments: str) -> Once:
    """Run the command line of a checkout as a user does.

    Args:
        source: Its folder ``src``.
        *arguments: Of ``isthmus``.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "isthmus", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Once(done.stdout, wall, cpu)


def mixed(folder: Path, n: int, seed: int) -> None:
    """``n`` pictures, ``n`` sounds of 0.4 to 3.5 s and ``n`` texts, no two alike."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        place = folder / f"{number // 50:03d}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (320, 240), tuple(rng.integers(0, 255, 3).tolist()))
        pen = ImageDraw.Draw(picture)
        for _ in range(8):
            left, top = rng.integers(0, 220, 2).tolist()
            pen.ellipse(
                (left, top, left + 60, top + 50), fill=tuple(rng.integers(0, 255, 3).tolist())
            )
        picture.save(place / f"p{number}.png")
        t = np.arange(int(rng.uniform(0.4, 3.5) * RATE)) / RATE
        tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * t) * np.exp(-t * rng.uniform(0.2, 3))
        noise = rng.standard_normal(len(t))
        soundfile.write(place / f"s{number}.wav", 0.4 * tone + 0.02 * noise, RATE)
        words = " ".join(rng.choice(WORDS, 10).tolist())
        (place / f"t{number}.txt").write_text(f"{words} {number}", encoding="utf-8")


def searches(
    sources: Mapping[str, Path], stores: Mapping[str, Path], picture: Path, rounds: int
) -> dict[str, Any]:
    """Seconds of a search in a process of its own, in turns: by words, as JSON, by a picture."""
    kinds = {"words": ["a dog"], "json": ["a dog", "--json"], "picture": [str(picture)]}
    out: dict[str, Any] = {}
    for kind, query in kinds.items():
        runs: dict[str, list[Once]] = {name: [] for name in sources}
        for _ in range(rounds):
            for name, source in sources.items():
                runs[name].append(isthmus(source, "search", *query, "--store", str(stores[name])))
        out[kind] = compared(runs)
        out[kind]["same_results"] = len({each.said for some in runs.values() for each in some}) == 1
        print(kind, out[kind].get("ratio"), flush=True)
    return out


def compared(runs: Mapping[str, Sequence[Once]]) -> dict[str, Any]:
    """Spreads of both clocks, and how much of the old time the new one takes."""
    out: dict[str, Any] = {
        name: {
            "wall_s": spread([each.wall_s for each in some]),
            "cpu_s": spread([each.cpu_s for each in some]),
        }
        for name, some in runs.items()
    }
    if "old" in out:
        new, old = out["new"], out["old"]
        out["ratio"] = {c: new[c]["median"] / old[c]["median"] for c in ("wall_s", "cpu_s")}
    return out


def indexings(
    sources: Mapping[str, Path], folder: Path, root: Path, rounds: int
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Seconds to index a folder into a new store, in turns; and the stores."""
    runs: dict[str, list[Once]] = {name: [] for name in sources}
    stores = {name: root / f"store-{name}" for name in sources}
    for _ in range(rounds):
        for name, source in sources.items():
            shutil.rmtree(stores[name], ignore_errors=True)
            done = isthmus(source, "index", str(folder), "--store", str(stores[name]), "--json")
            runs[name].append(done)
            print(f"{name}: {done.wall_s:.1f} s, {done.cpu_s:.1f} s of processors", flush=True)
    return compared(runs), stores
