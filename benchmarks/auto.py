"""How long the automatic choice takes, and how well it keeps to a time budget.

Run ``python benchmarks/auto.py --json FILE`` on an idle machine. Every run is the whole of
``align`` on 540 Tux Paint pairs, outer folds and refusal included, vectors at hand.
"""

from __future__ import annotations

import argparse
import time
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

PAIRS, GALLERY = 540, 130
BUDGETS = (None, 60.0, 30.0, 10.0)
KINDS: dict[str, dict[str, Any]] = {
    "instance": {"readout": "instance"},
    "semantic": {"readout": "semantic"},
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
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER)
    ready = prepare(load("tuxpaint"), by_group=False, cache=default_cache())
    results: dict[str, Any] = {"pairs": PAIRS, "cores": usable_cores()}
    for kind, options in KINDS.items():
        for budget in BUDGETS:
            name = f"{kind}, {'no budget' if budget is None else f'{budget:g} s'}"
            runs = [run(ready, seed, budget, **options) for seed in range(arguments.seeds)]
            seconds = _machine.spread([one["seconds"] for one in runs])
            results[name] = {"budget": budget, "seconds": seconds, "runs": runs}
            print(name, seconds, [one["over"] for one in runs], flush=True)
    if arguments.json:
        _machine.write(arguments.json, results)


if __name__ == "__main__":
    main()
