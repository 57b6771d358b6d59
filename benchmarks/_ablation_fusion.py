"""What augmentation is worth to a predictor: more to learn from, measured on held-out records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from _fusion_sets import TASKS, Task
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target, make
from isthmus.fusion.inner import deal

SETS = ("qabcs", "wesnoth")
NEEDED = ("qabcs", "wesnoth")
MOST = 100
"""Records a class; all but the largest classes have fewer."""


@dataclass(frozen=True)
class Augmentation:
    """One setting.

    Attributes:
        dataset: Name of the set.
        records: At most so many of a class are learned from.
        missing: Whether half of those lack their picture.
        augment: How late fusion gets more to learn from; empty for not at all.
    """

    dataset: str
    records: int
    missing: bool
    augment: str

    @property
    def base(self) -> Augmentation:
        """The same without more to learn from."""
        return replace(self, augment="")


def settings() -> Iterator[Augmentation]:
    """Every setting, that without augmentation first."""
    for dataset in SETS:
        for records in (10, 30, MOST):
            for how in ("", "mixup"):
                yield Augmentation(dataset, records, False, how)
        for how in ("", "mean", "nearest", "mean+mixup"):
            yield Augmentation(dataset, MOST, True, how)


def measure(seeds: int) -> list[dict[str, Any]]:
    """Accuracy of every setting, and its change against the same without augmentation."""
    tasks = {name: TASKS[name]() for name in SETS}
    runs: dict[Augmentation, list[tuple[float, float]]] = {}
    found = []
    for setting in settings():
        task = tasks[setting.dataset]
        runs[setting] = [accuracy(setting, task, seed) for seed in range(seeds)]
        values, seconds = np.array(runs[setting]).T
        change = values - np.array(runs[setting.base])[:, 0]
        entry = {
            **asdict(setting),
            "accuracy": round(float(values.mean()), 4),
            "change": round(float(change.mean()), 4),
            "change_sd": round(float(change.std(ddof=1)), 4) if seeds > 1 else None,
            "seconds": round(float(seconds.mean()), 3),
            "runs": [round(float(value), 4) for value in values],
        }
        found.append(entry)
        print({key: value for key, value in entry.items() if key != "runs"}, flush=True)
    return found


def accuracy(setting: Augmentation, task: Task, seed: int) -> tuple[float, float]:
    """Share of records told right by what has not seen their fold, and CPU seconds of a fit."""
    rows = replace(task.rows, groups=task.links)
    labels = deal(rows, task.target, task.folds, seed)
    right, seconds = np.zeros(len(rows), dtype=bool), []
    for fold in range(int(labels.max()) + 1):
        rng = np.random.default_rng([seed, fold])
        known = _some(np.flatnonzero(labels != fold), task.target, setting.records, rng)
        learned = _thinned(rows.take(known), rng) if setting.missing else rows.take(known)
        started = time.process_time()
        fusion = make("augmented", augment=setting.augment).fit(learned, task.target.take(known))
        seconds.append(time.process_time() - started)
        held = np.flatnonzero(labels == fold)
        said = fusion.scores(rows.take(held)).argmax(axis=1)
        right[held] = said == task.target.codes[held]
    return float(right.mean()), float(np.mean(seconds))


def _some(rows: Any, target: Target, most: int, rng: np.random.Generator) -> Any:
    """At most so many records of each class."""
    drawn = rng.permutation(rows)
    kept = [drawn[target.codes[drawn] == code][:most] for code in range(len(target.names))]
    return np.sort(np.concatenate(kept))


def _thinned(rows: PairedVectors, rng: np.random.Generator) -> PairedVectors:
    """The same records, half of them without their picture."""
    return replace(rows, present={**rows.present, "image": rng.random(len(rows)) < 0.5})


HEAD = """
## More to learn from

A predictor can be given more than the records there are ([Fusion](fusion.md)). `mixup` adds records
between two of one class. `mean` and `nearest` fill in views that are missing: with their mean given
the other views, or with the vector of the nearest complete record in the joint space.

Each row learns from at most so many records a class; where it says so, half of them lack their
picture. Held-out records are whole. The numbers are accuracies of late fusion on held-out records
over {seeds} deals of five folds. Beside each is the change against late fusion that is not given
more, with its standard deviation over the deals. If a change is smaller than its deviation, it
tells you nothing.

| set | records a class | learned from | given more by | accuracy | change | CPU |
|---|---:|---|---|---:|---:|---:|
"""


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table in words and figures."""
    seeds = len(rows[0]["runs"])
    lines = []
    for row in rows:
        plain = not row["augment"]
        cells = [
            row["dataset"],
            f"at most {row['records']}",
            "half lack the picture" if row["missing"] else "whole records",
            "nothing" if plain else f"`{row['augment']}`",
            f"{row['accuracy']:.3f}",
            "" if plain else f"{row['change']:+.3f} ± {row['change_sd'] or 0:.3f}",
            f"{row['seconds']:.2f} s",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD.format(seeds=seeds) + "\n".join(lines) + "\n"
