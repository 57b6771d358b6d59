"""isthmus against its peers: the same vectors, the same splits, one run.

Run ``python benchmarks/peers.py --json FILE``; the peers' packages are listed in
``benchmarks/requirements.txt``. Every method chooses its hyper-parameters on the training
pairs of the task and is fitted in a process of its own. Peers are scored by cosine, as
published, and once more with the hub correction that isthmus uses.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import _machine
from _needs import STARTER, need
from _peers.run import context, run
from _peers.table import table
from _peers.tasks import PROTOCOLS, Protocol, asked, encoder_ids
from isthmus.pipeline import Prepared

Job = tuple[str, int, int, str]
"""Data set, number of pairs, seed, method."""
Row = dict[str, Any]
PACKAGES = ("cca-zoo", "mvlearn", "POT", "scikit-learn", "torch")
MODULES = ("cca_zoo", "mvlearn", "ot", "sklearn", "torch")


class Results:
    """Rows in a file, written after every fit, so that a run can be taken up again."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        self.path = path
        self.rows: list[Row] = []
        self.encoders: dict[str, dict[str, str]] = {}
        if resume and path is not None and path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            self.rows, self.encoders = known["rows"], known["encoders"]

    def has(self, dataset: str, pairs: int, seed: int, name: str) -> bool:
        """Whether a method was run; one that did not finish is run anew."""
        return any(
            (row["dataset"], row["pairs"], row["seed"]) == (dataset, pairs, seed)
            and row["entry"] == name
            and row["r1"] is not None
            for row in self.rows
        )

    def add(self, name: str, rows: list[Row]) -> None:
        """Replace what is known of a fit, and write."""
        where = {(row["dataset"], row["pairs"], row["seed"]) for row in rows}
        self.rows = [
            row
            for row in self.rows
            if row["entry"] != name or (row["dataset"], row["pairs"], row["seed"]) not in where
        ]
        self.rows += [{**row, "entry": name} for row in rows]
        self.write()

    def use(self, dataset: str, encoders: dict[str, str]) -> None:
        """Note the encoders of a data set; refuse to mix those of two runs."""
        known = self.encoders.setdefault(dataset, encoders)
        if known != encoders:
            raise SystemExit(f"{self.path} has {dataset} with {known}, this run has {encoders}")

    def write(self) -> None:
        """Write all rows with the machine."""
        if self.path is None:
            return
        versions = {name: _machine.version(name) for name in PACKAGES}
        found = {"packages": versions, "encoders": self.encoders, "rows": self.rows}
        scratch = self.path.with_name(self.path.name + ".part")
        _machine.write(scratch, found)
        scratch.replace(self.path)


class Clock:
    """Says how long the rest takes, if all of it goes as what was done."""

    def __init__(self, todo: list[Job]) -> None:
        self.todo, self.done_so_far = len(todo), 0
        self.started = time.monotonic()

    def done(self) -> str:
        """Count a finished job; elapsed and remaining time in words."""
        self.done_so_far += 1
        spent = time.monotonic() - self.started
        left = spent / self.done_so_far * (self.todo - self.done_so_far)
        return f"{spent / 60:5.1f} min, {left / 60:5.1f} left"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--datasets", nargs="*", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--pairs", nargs="*", type=int, help="only these numbers of pairs")
    parser.add_argument("--methods", nargs="*", help="only these rows of the table")
    parser.add_argument("--seeds", type=int, default=5, help="at most; some sets have 3")
    parser.add_argument(
        "--encoders", nargs="*", default=[], metavar="MODALITY=ID", help="instead of the default"
    )
    parser.add_argument("--cap", type=float, default=120.0, help="seconds that a fit may take")
    parser.add_argument("--jobs", type=int, default=1, help="fits side by side; costs suffer")
    parser.add_argument("--resume", action="store_true", help="keep the rows of FILE")
    return parser.parse_args()


def known(methods: list[str] | None) -> list[str]:
    """The methods that are asked for, all by default; those of peers import their packages."""
    from _peers.entries import ENTRIES

    wrong = [name for name in methods or () if name not in ENTRIES]
    if wrong:
        raise SystemExit(f"there is no method {wrong[0]!r}; there are {', '.join(ENTRIES)}")
    return methods or list(ENTRIES)


def describe(job: Job, rows: list[Row]) -> str:
    """One fit in a line."""
    figures = " ".join(f"{row['r1']:.3f}/{row['r10']:.3f}" for row in rows if row["r1"] is not None)
    dataset, pairs, seed, name = job
    return f"{dataset} {pairs} seed {seed}  {name:26} {figures or rows[0]['note']}"


def main() -> None:
    """Run what is asked for and not yet known; print the table."""
    options = parse()
    datasets = [name.partition("-")[0] for name in options.datasets]
    need(datasets=datasets, encoders=STARTER, packages=MODULES)
    methods = known(options.methods)
    specs = dict(each.split("=", 1) for each in options.encoders)
    results = Results(options.json, resume=options.resume)
    cells = asked(options.datasets, options.pairs, options.seeds)
    todo = [(*cell, name) for cell in cells for name in methods if not results.has(*cell, name)]
    clock, processes = Clock(todo), context(options.jobs)
    for dataset in options.datasets:
        jobs = [job for job in todo if job[0] == dataset]
        if not jobs:
            continue
        protocol = PROTOCOLS[dataset]
        ready = protocol.source(specs)
        results.use(dataset, encoder_ids(ready))

        def work(job: Job, protocol: Protocol = protocol, ready: Prepared = ready) -> list[Row]:
            _, pairs, seed, name = job
            task = protocol.task(job[0], ready, pairs, seed)
            return run(processes, name, task, options.cap)

        with ThreadPoolExecutor(options.jobs) as pool:
            waiting = {pool.submit(work, job): job for job in jobs}
            for future in as_completed(waiting):
                rows, job = future.result(), waiting[future]
                results.add(job[3], rows)
                print(f"{clock.done()}  {describe(job, rows)}", flush=True)
    print(f"\n{table(results.rows)}")


if __name__ == "__main__":
    main()
