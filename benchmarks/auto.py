"""How long the automatic choice takes, and how well it keeps to a time budget.

Run ``python benchmarks/auto.py --json FILE`` on an idle machine. Every run is the whole of
``align`` with vectors at hand, nested ones with outer folds and refusal: by size, on Tux Paint and
Open Clip Art, and by time budget, on 540 Tux Paint pairs. With ``--old SRC`` the choice of another
checkout, such as ``../old/src``, takes turns with this one in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    """

    data: str
    pairs: int
    gallery: int
    seeds: int
    nested: bool

    @property
    def name(self) -> str:
        """For the JSON and for ``--only``."""
        return f"{self.pairs} {'nested' if self.nested else 'plain'}"


SIZES = (
    Size("tuxpaint", 540, 130, 5, nested=False),
    Size("tuxpaint", 540, 130, 1, nested=True),
    Size("openclipart", 1000, 500, 2, nested=False),
    Size("openclipart", 1000, 500, 1, nested=True),
    Size("openclipart", 3000, 500, 1, nested=False),
    Size("openclipart", 3000, 500, 1, nested=True),
)


def measured(size: Size, seed: int) -> dict[str, Any]:
    """Wall and CPU seconds of one choice, and recall@10 of its space on the gallery."""
    ready = prepare(load(size.data), by_group=False, cache=default_cache())
    order = np.random.default_rng(seed).permutation(len(ready.pairs))
    chosen = ready.take(order[size.gallery : size.gallery + size.pairs])
    started, worked = time.perf_counter(), time.process_time()
    space = align(chosen, seed=seed, nested=size.nested)
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
    }


def by_size(size: Size, old: Path | None) -> dict[str, Any]:
    """The row of a size, and the same of another checkout with the ratios."""
    sources = {"new": Path(sys.path[0]).parent / "src", **({"old": old} if old else {})}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sources}
    for seed in range(size.seeds):
        for name, source in sources.items():
            runs[name].append(_elsewhere(size, seed, source))
            print(size.name, name, runs[name][-1], flush=True)
    row = {"pairs": size.pairs, "data": size.data, "nested": size.nested, "runs": runs["new"]}
    mean = {n: {k: _mean(found, k) for k in ("seconds", "cpu", "r10")} for n, found in runs.items()}
    row |= mean["new"]
    if old is not None:
        ratios = {k: round(mean["new"][k] / mean["old"][k], 3) for k in ("seconds", "cpu")}
        row |= {"old": {**mean["old"], "runs": runs["old"]}, "ratio": ratios}
        row["r10_gained"] = round(mean["new"]["r10"] - mean["old"]["r10"], 4)
    return row


def _elsewhere(size: Size, seed: int, source: Path) -> dict[str, Any]:
    """One measurement in a process of its own, by the code of a checkout."""
    command = [sys.executable, __file__, "--one", size.name, "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(source.resolve())}
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return result


def _mean(runs: list[dict[str, Any]], key: str) -> float:
    return round(float(np.mean([one[key] for one in runs])), 4)


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
    parser.add_argument("--only", nargs="*", help="sizes, such as '540 nested', or 'budget'")
    parser.add_argument("--one", choices=[size.name for size in SIZES], help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        size = next(each for each in SIZES if each.name == arguments.one)
        print(json.dumps(measured(size, arguments.seed)))
        return
    wanted = arguments.only or [*(size.name for size in SIZES), "budget"]
    rows = [by_size(size, arguments.old) for size in SIZES if size.name in wanted]
    results: dict[str, Any] = {"pairs": PAIRS, "cores": usable_cores(), "sizes": rows}
    if "budget" in wanted:
        results |= by_budget(arguments.seeds)
    if arguments.json:
        _machine.write(arguments.json, results)


def by_budget(seeds: int) -> dict[str, Any]:
    """Times and what was tried, by read-out and time budget."""
    need(datasets=("tuxpaint",), encoders=STARTER)
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
