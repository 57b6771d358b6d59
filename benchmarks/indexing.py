"""How long indexing takes when nothing, or one file, has changed, and what memory it needs.

python benchmarks/indexing.py --json FILE [--old SRC]

First it indexes pictures, short sounds and texts, and searches in a process of its own. With
``--old``, the folder ``src`` of another checkout, both take turns.

Half of the files are small drawn pictures, half are short texts. The command line is run as a
user runs it; memory is that of the process and of all its children together.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from _machine import spread, write
from _needs import STARTER, need
from _turns import WORDS, indexings, mixed, searches

SEED, REPETITIONS = 0, 5
PERIOD = 0.25
"""Seconds between two looks at memory."""


def draw(folder: Path, n: int) -> None:
    """``n`` files, half pictures, half texts, no two alike, in folders of a hundred."""
    rng = np.random.default_rng(SEED)
    for number in range(n // 2):
        place = folder / f"{number // 50:03d}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (96, 96), tuple(rng.integers(0, 255, 3).tolist()))
        pen = ImageDraw.Draw(picture)
        for _ in range(6):
            left, top = rng.integers(0, 80, 2).tolist()
            box = (left, top, left + 16, top + 16)
            pen.ellipse(box, fill=tuple(rng.integers(0, 255, 3).tolist()))
        picture.save(place / f"图{number}.png")
        words = " ".join(rng.choice(WORDS, 8).tolist())
        (place / f"{number}.txt").write_text(f"{words} {number}", encoding="utf-8")


def resident(root: int) -> float:
    """Megabytes that a process and all its descendants have in memory of their own."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(entry.name)] = int(stat[1])
    family, size = {root}, 0
    while size != len(family):
        size = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    pages = 0
    for pid in family:
        try:
            statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        except OSError:
            continue
        pages += int(statm[1]) - int(statm[2])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(folder: Path, store: Path) -> tuple[dict[str, Any], float, list[float]]:
    """Index once: what it said, seconds, and memory from beginning to end."""
    command = [sys.executable, "-m", "isthmus", "index", str(folder), "--store", str(store)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True)
    memory: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(PERIOD):
            memory.append(resident(process.pid))

    looking = threading.Thread(target=look)
    looking.start()
    said, _ = process.communicate()
    took = time.perf_counter() - start
    ended.set()
    looking.join()
    return json.loads(said), took, memory


def cold(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Files a second, and seconds of the first search, next to another checkout if one is named."""
    folder = root / "mixed"
    mixed(folder, options.mixed, SEED)
    sources = {"old": options.old} if options.old else {}
    sources["new"] = Path(__file__).resolve().parents[1] / "src"
    for source in sources.values():  # what the cache holds of models is made before
        run_folder = root / "warm"
        indexings({"new": source}, folder / "000", run_folder, 1)
        shutil.rmtree(run_folder, ignore_errors=True)
    indexing, stores = indexings(sources, folder, root, options.rounds)
    count = 3 * options.mixed
    found = searches(sources, stores, folder / "000" / "p0.png", options.searches)
    return {
        "files": count,
        "files_per_second": {name: count / indexing[name]["wall_s"]["median"] for name in sources},
        "indexing": indexing,
        "cold_search_s": {name: found["words"][name]["wall_s"]["median"] for name in sources},
        "cold_search": found,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--old", type=Path, help="src of another checkout, to take turns with")
    parser.add_argument("--mixed", type=int, default=1_000, help="pictures, sounds, and texts")
    parser.add_argument("--rounds", type=int, default=2, help="of indexing them")
    parser.add_argument("--searches", type=int, default=7, help="of each kind")
    parser.add_argument("--only-cold", action="store_true", help="leave the rest as it was")
    options = parser.parse_args()
    need(encoders=STARTER, packages=("lancedb", "faiss"), space=True)
    half = options.files // 2
    load_before = os.getloadavg()[0]
    root = Path(tempfile.mkdtemp(prefix="isthmus-indexing-"))
    try:
        first_answers = cold(options, root)
        if options.only_cold:
            if options.json:
                known = json.loads(options.json.read_text(encoding="utf-8"))
                known["cold"] = {"load_1min": load_before, **first_answers}
                text = json.dumps(known, indent=1, ensure_ascii=False) + "\n"
                options.json.write_text(text, encoding="utf-8")
            return
        folder, store = root / "files", root / "store"
        draw(folder, options.files)
        first, took, memory = run(folder, store)
        print(f"{first['added']} items in {took:.0f} s, {max(memory):.0f} MB at most", flush=True)
        quarters = [float(np.median(q)) for q in np.array_split(np.array(memory), 4)]
        print("memory by quarters of the run, MB:", [round(q) for q in quarters], flush=True)

        shutil.rmtree(store)
        for place in sorted(folder.iterdir())[half // 50 // 2 :]:
            shutil.rmtree(place)
        run(folder, store)
        again = [run(folder, store) for _ in range(REPETITIONS)]
        unchanged = [seconds for _, seconds, _ in again]
        count = again[0][0]["unchanged"]
        print(f"{count} unchanged files: {spread(unchanged)['median']:.2f} s", flush=True)

        changed: list[float] = []
        encoded: list[int] = []
        for number in range(REPETITIONS):
            (folder / "000" / "0.txt").write_text(f"another text {number}", encoding="utf-8")
            said, seconds, _ = run(folder, store)
            changed.append(seconds)
            encoded.append(said["added"])
        print(f"one changed: {spread(changed)['median']:.2f} s, encoded {encoded}", flush=True)
        if options.json:
            results = {
                "seed": SEED,
                "cold": {"load_1min": load_before, **first_answers},
                "first": {
                    "files": options.files,
                    "items": first["added"],
                    "seconds": took,
                    "peak_mb": max(memory),
                    "median_mb_by_quarter": quarters,
                },
                "unchanged": {"files": count, "seconds": spread(unchanged)},
                "one_changed": {"encoded": encoded, "seconds": spread(changed)},
            }
            write(options.json, results, load_1min=load_before)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
