"""How long the automatic choice takes, and how well it keeps to a time budget.

Run ``python benchmarks/auto.py --json FILE`` on an idle machine. Every run is the whole of
``align`` with vectors at hand, nested ones with outer folds and refusal: by size, on Tux Paint and
Open Clip Art, of one named aligner, and by time budget, on 540 Tux Paint pairs. With ``--old SRC``
the choice of another checkout, such as ``../old/src``, takes turns with this one in processes of
their own. The JSON is written after every run; with ``--resume`` runs that it has are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import _machine
from _needs import STARTER, need
from isthmus.datasets import load
from isthmus.encoders.base import usable_cores
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.selection import align
from isthmus.selection.race import LATE
from isthmus.space.evaluate import evaluate

PAIRS, GALLERY = 540, 130
BUDGETS = (None, 60.0, 30.0, 10.0)
KINDS: dict[str, dict[str, Any]] = {
    "instance": {"readout": "instance"},
    "semantic": {"readout": "semantic"},
}


@dataclass(frozen=True)
class Size:
    """One row: a data set, how many pairs of it, and how the result is measured.

    Attributes:
        data: Name of the data set.
        pairs: Rows that the choice is made on.
        gallery: Other rows, on which recall@10 of the space is measured.
        seeds: Of the rows and the folds.
        nested: Whether outer folds are run.
        aligner: ``"auto"`` or the short id of one.
    """

    data: str
    pairs: int
    gallery: int
    seeds: int
    nested: bool
    aligner: str = "auto"

    @property
    def name(self) -> str:
        """For the JSON and for ``--only``."""
        found = f"{self.pairs} {'nested' if self.nested else 'plain'}"
        return found if self.aligner == "auto" else f"{found} {self.aligner}"


SIZES = (
    Size("tuxpaint", 540, 130, 5, nested=False),
    Size("tuxpaint", 540, 130, 1, nested=True),
    Size("openclipart", 1000, 500, 2, nested=False),
    Size("openclipart", 1000, 500, 1, nested=True),
    Size("openclipart", 3000, 500, 1, nested=False),
    Size("openclipart", 3000, 500, 1, nested=True),
    *(
        Size("tuxpaint", 540, 130, 1, nested=True, aligner=name)
        for name in ("kernel-cca", "anchors", "ridge", "procrustes")
    ),
    *(
        Size("tuxpaint", 540, 130, 3, nested=True, aligner=name)
        for name in ("cca", "contrastive", "cm-gnn")
    ),
)


def measured(size: Size, seed: int) -> dict[str, Any]:
    """Wall and CPU seconds of one choice, and recall@10 of its space on the gallery."""
    ready = prepare(load(size.data), by_group=False, cache=default_cache())
    order = np.random.default_rng(seed).permutation(len(ready.pairs))
    chosen = ready.take(order[size.gallery : size.gallery + size.pairs])
    started, worked = time.perf_counter(), time.process_time()
    space = align(chosen, aligner=size.aligner, seed=seed, nested=size.nested)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    held = ready.take(order[: size.gallery]).pairs
    found = evaluate(space.heads, space.banks, held, csls_strength=space.csls_strength)
    r10 = np.mean([row.instance.r10 for row in found.directions.values()])
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "cpu": round(cpu, 1),
        "r10": round(float(r10), 4),
        "chosen": space.report.chosen.label,
        "blas_threads": max((pool["num_threads"] for pool in threadpool_info()), default=0),
    }


Runs = dict[str, dict[str, dict[str, Any]]]
"""By name of the size, then by whose code it was and the seed: ``"new 0"``."""


def by_size(size: Size, old: Path | None, known: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Run what is not known yet; stops after every run."""
    sources = {"new": Path(sys.path[0]).parent / "src", **({"old": old} if old else {})}
    for seed in range(size.seeds):
        for name, source in sources.items():
            if f"{name} {seed}" not in known:
                known[f"{name} {seed}"] = _elsewhere(size, seed, source)
                print(size.name, name, known[f"{name} {seed}"], flush=True)
                yield


def row(size: Size, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means of a size, and the ratios to the other checkout over the seeds that both ran."""
    found: dict[str, Any] = {
        "name": size.name,
        "pairs": size.pairs,
        "data": size.data,
        "nested": size.nested,
        "aligner": size.aligner,
    }
    seeds = {
        side: {key.split()[1] for key in known if key.startswith(side)} for side in ("new", "old")
    }
    both = sorted(seeds["new"] & seeds["old"])
    mean = {
        side: _means([known[f"{side} {seed}"] for seed in both or sorted(seeds[side])])
        for side in seeds
        if seeds[side]
    }
    found |= {side: mean[side] for side in mean}
    if both:
        found["seeds in both"] = len(both)
        found["ratio"] = {k: round(mean["new"][k] / mean["old"][k], 3) for k in ("seconds", "cpu")}
        found["r10_gained"] = round(mean["new"]["r10"] - mean["old"]["r10"], 4)
    return found


def _elsewhere(size: Size, seed: int, source: Path) -> dict[str, Any]:
    """One measurement in a process of its own, by the code of a checkout."""
    command = [sys.executable, __file__, "--one", size.name, "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(source.resolve())}
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return result


def _means(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {
        key: round(float(np.mean([one[key] for one in runs])), 4)
        for key in ("seconds", "cpu", "r10")
    }


def run(ready: Prepared, seed: int, budget: float | None, **options: Any) -> dict[str, Any]:
    """Seconds of one whole choice, and what it had no time for."""
    rows = np.random.default_rng(seed).permutation(len(ready.pairs))[GALLERY : GALLERY + PAIRS]
    started = time.perf_counter()
    report = align(ready.take(rows), seed=seed, budget=budget, **options).report
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "over": None if budget is None else round(seconds / budget - 1, 3),
        "chosen": report.chosen.label,
        "tried": sum(trial.reason != LATE for trial in report.choice.tried),
        "no time for": sum(trial.reason == LATE for trial in report.choice.tried),
        "outer folds": report.estimate.folds,
    }


def main() -> None:
    """Print the times and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seeds", type=int, default=3, help="of the runs with a budget")
    parser.add_argument("--old", type=Path, help="src of another checkout, to take turns with")
    parser.add_argument("--resume", action="store_true", help="keep the runs that FILE has")
    parser.add_argument("--only", nargs="*", help="sizes, such as '540 nested', or 'budget'")
    parser.add_argument("--one", choices=[size.name for size in SIZES], help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    wanted = arguments.only or [*(size.name for size in SIZES), "budget"]
    asked = [arguments.one] if arguments.one else wanted
    data = {size.data for size in SIZES if size.name in asked}
    need(datasets=sorted(data | {"tuxpaint"}), encoders=STARTER)
    if arguments.one:
        size = next(each for each in SIZES if each.name == arguments.one)
        print(json.dumps(measured(size, arguments.seed)))
        return
    path: Path | None = arguments.json
    results: dict[str, Any] = {"pairs": PAIRS, "cores": usable_cores(), "runs": {}}
    if arguments.resume and path is not None and path.exists():
        results = {k: v for k, v in json.loads(path.read_text()).items() if k != "machine"}
    for size in SIZES:
        if size.name in wanted:
            for _ in by_size(size, arguments.old, results["runs"].setdefault(size.name, {})):
                results["sizes"] = [
                    row(s, runs) for s in SIZES if (runs := results["runs"].get(s.name))
                ]
                if path is not None:
                    _machine.write(path, results)
    if "budget" in wanted:
        results |= by_budget(arguments.seeds)
    if path is not None:
        _machine.write(path, results)


def by_budget(seeds: int) -> dict[str, Any]:
    """Times and what was tried, by read-out and time budget."""
    ready = prepare(load("tuxpaint"), by_group=False, cache=default_cache())
    results: dict[str, Any] = {}
    for kind, options in KINDS.items():
        for budget in BUDGETS:
            name = f"{kind}, {'no budget' if budget is None else f'{budget:g} s'}"
            runs = [run(ready, seed, budget, **options) for seed in range(seeds)]
            seconds = _machine.spread([one["seconds"] for one in runs])
            results[name] = {"budget": budget, "seconds": seconds, "runs": runs}
            print(name, seconds, [one["over"] for one in runs], flush=True)
    return results


if __name__ == "__main__":
    main()
