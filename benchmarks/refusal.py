"""Does ``align`` refuse what carries no signal, and accept what does?

Run ``python benchmarks/refusal.py --json FILE``. Draws of Tux Paint pairs are given to
``align`` as they are, and with their partners shuffled. With shuffled partners every
acceptance is a mistake; as they are, every refusal is one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import STARTER, need
from isthmus.core.document import to_document
from isthmus.core.errors import NoSignalError
from isthmus.datasets import load
from isthmus.pipeline import Prepared, default_cache, prepare
from isthmus.selection import align
from isthmus.selection.null import shuffled


def refused(ready: Prepared, seed: int, aligner: str) -> dict[str, Any]:
    """Whether ``align`` refuses these pairs, and how long it took."""
    started = time.perf_counter()
    try:
        space = align(ready, aligner=aligner, seed=seed)
    except NoSignalError as error:
        found: dict[str, Any] = {"refused": True, "said": str(error)}
    else:
        found = {"refused": False, "p_values": to_document(space.report.estimate.p_values)}
    return {"seed": seed, **found, "seconds": round(time.perf_counter() - started, 2)}


def main() -> None:
    """Print the counts and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--pairs", type=int, nargs="*", default=[100])
    parser.add_argument("--aligner", default="auto")
    arguments = parser.parse_args()
    need(datasets=("tuxpaint",), encoders=STARTER)
    whole = prepare(load("tuxpaint"), cache=default_cache())
    results: dict[str, Any] = {"aligner": arguments.aligner, "level": "p ≤ 0.01"}
    for pairs in arguments.pairs:
        runs: dict[str, list[dict[str, Any]]] = {"true": [], "shuffled": []}
        for seed in range(arguments.draws):
            rng = np.random.default_rng(seed)
            drawn = whole.take(rng.permutation(len(whole.pairs))[:pairs])
            false = replace(drawn, pairs=shuffled(drawn.pairs, rng))
            for kind, ready in (("true", drawn), ("shuffled", false)):
                runs[kind].append(refused(ready, seed, arguments.aligner))
        counts = {kind: sum(run["refused"] for run in found) for kind, found in runs.items()}
        results[str(pairs)] = {"draws": arguments.draws, "refused": counts, "runs": runs}
        print(f"{pairs} pairs, {arguments.draws} draws, refused: {counts}", flush=True)
    if arguments.json:
        _machine.write(arguments.json, results)


if __name__ == "__main__":
    main()
