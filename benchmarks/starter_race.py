"""The starter space against heads learned from own pairs, and what ``align`` keeps of both.

Run ``python benchmarks/starter_race.py --qabcs FOLDER --json FILE`` with the Debian package
``qabcs-data`` (``apt-get download qabcs-data`` and ``dpkg-deb -x``; the folder is
``usr/share/qabcs``). Photographs and English names; 250 pairs to learn from, the rest is the
gallery. The starter space has never seen them. ``own`` is ``align`` without the starter space,
``kept`` is ``align`` as it is, and ``starter`` is the space that comes with isthmus, once with its
own bank and once with the 250 pairs as its bank.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.media.source import item_from_path
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.selection import align
from isthmus.selection.folds import bank
from isthmus.space import Space
from isthmus.space.evaluate import evaluate

PAIRS, GALLERY = 250, 72
METHODS = ("own", "starter", "starter, bank of own pairs", "kept")
_LINE = re.compile(r"(?P<category>\w+):(?P<letter>\w+)=(?P<rest>.*)$")


def photographs(folder: Path) -> Dataset:
    """Every photograph of qabcs once, with the first English name that it has."""
    base = folder / "abcs"
    records: dict[Path, Record] = {}
    for file in sorted((base / "en").glob("*.properties")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            found = _LINE.match(line.strip())
            if found is None:
                continue
            parts = found["rest"].split("=")
            picture = parts[2] if len(parts) > 2 and parts[2] else parts[0]
            path = next(iter(sorted((base / "all" / "pics").glob(f"*/{picture}.*"))), None)
            if path is not None and path not in records:
                text = MediaItem.from_text(parts[0].replace("_", " "))
                items = {"text": text, "image": item_from_path(path, "image")}
                records[path] = Record(path.stem, items, group=path.parent.name)
    if not records:
        raise SystemExit(f"{base} holds no pictures; unpack the Debian package qabcs-data")
    return Dataset("qabcs", list(records.values()))


def measured(ready: Prepared, starter: Space, seed: int) -> list[dict[str, Any]]:
    """R@1 and R@10 of every method, means of both directions, on one split."""
    order = np.random.default_rng(seed).permutation(len(ready.pairs))
    train, held = ready.take(order[GALLERY : GALLERY + PAIRS]), ready.pairs.take(order[:GALLERY])
    own = align(train, starter=False, nested=False, seed=seed)
    kept = align(train, nested=False, seed=seed)
    mine = {m: starter.transform(bank(train.pairs, m), m) for m in held.views}
    known = {m: starter.banks[m] for m in held.views}
    rows = (
        (own, own.banks, own.report.chosen.label),
        (starter, known, ""),
        (starter, mine, ""),
        (kept, kept.banks, kept.report.chosen.label),
    )
    return [
        {"method": name, "seed": seed, **_figures(space, banks, held), "chosen": chosen}
        for name, (space, banks, chosen) in zip(METHODS, rows, strict=True)
    ]


def _figures(space: Space, banks: Mapping[str, F32], held: PairedVectors) -> dict[str, float]:
    heads = {m: space.heads[m] for m in held.views}
    found = evaluate(heads, banks, held, csls_strength=space.csls_strength)
    rows = [row.instance for row in found.directions.values()]
    return {k: round(float(np.mean([getattr(row, k) for row in rows])), 4) for k in ("r1", "r10")}


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the seeds, by method."""
    found: dict[str, dict[str, float]] = {}
    for name in METHODS:
        row = found[name] = {}
        for figure in ("r1", "r10"):
            values = [each[figure] for each in rows if each["method"] == name]
            row[figure] = round(statistics.mean(values), 4)
            row[f"{figure} sd"] = round(statistics.stdev(values), 4) if len(values) > 1 else 0.0
    return found


def main() -> None:
    """Measure on every seed, print the means, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--qabcs", type=Path, default=Path("/usr/share/qabcs"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed; 100 to try things")
    arguments = parser.parse_args()
    need(encoders=STARTER, space=True)
    ready = prepare(photographs(arguments.qabcs), by_group=False, cache=default_cache())
    starter = Space.load("starter")
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        rows += measured(ready, starter, seed)
        for row in rows[-len(METHODS) :]:
            print(row, flush=True)
    for name, row in summary(rows).items():
        figures = [f"{row[key]:.3f} ± {row[f'{key} sd']:.3f}" for key in ("r1", "r10")]
        print(f"{name:30} {'  '.join(figures)}")
    if arguments.json:
        sizes = {"pairs": PAIRS, "gallery": GALLERY, "seeds": arguments.seeds}
        _machine.write(arguments.json, {**sizes, "summary": summary(rows), "rows": rows})


if __name__ == "__main__":
    main()
