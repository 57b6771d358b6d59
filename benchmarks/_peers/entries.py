"""Everything that stands in the table: isthmus, its peers, and what no signal looks like."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from _peers import formulas, learned, packages
from _peers.method import READOUTS, Heads, Method, choose, measure, pair_scores, rows_of
from _peers.table import NULLS, OURS
from _peers.tasks import Task
from isthmus.aligners import CCA, Aligner
from isthmus.encoders.vectors import VectorEncoder
from isthmus.pipeline import Prepared
from isthmus.selection import align
from isthmus.selection.null import random_encoders, shuffled
from isthmus.space import Space


@dataclass(frozen=True)
class Entry:
    """One method: what is timed, and the rows that come of it.

    Attributes:
        name: What users ask for.
        fit: Chooses and fits on the training pairs of a task.
        rows: From what was fitted and the task to rows of the table.
    """

    name: str
    fit: Callable[[Task], Any]
    rows: Callable[[Any, Task], list[dict[str, Any]]]


def _align(aligner: str, task: Task) -> Space:
    """As :func:`isthmus.align` does with a data set, whose vectors are at hand here."""
    widths = {m: x.shape[1] for m, x in task.train.vectors.items()}
    encoders = {m: VectorEncoder(width, f"{task.dataset}: {m}") for m, width in widths.items()}
    specs = dict.fromkeys(encoders, "vectors")
    ready = Prepared(task.dataset, task.train, task.families, encoders, specs)
    return align(ready, aligner=aligner, nested=False, seed=task.seed)


def _space_rows(name: str, cosine: bool, space: Space, task: Task) -> list[dict[str, Any]]:
    """A row under the instance read-out, and one under the cosine if asked."""
    first, second = task.test.views
    a, b = (space.transform(task.test.vectors[m], m) for m in (first, second))
    found = {each: space.score(a, first, b, second, readout=each) for each in READOUTS}
    chosen = space.report.chosen.label
    names = {"instance": name, **({"semantic": f"{name}, cosine"} if cosine else {})}
    return [
        {
            "method": label,
            **measure(found[readout], found["semantic"], task.groups),
            "chosen": chosen,
        }
        for readout, label in names.items()
    ]


def _null(kind: str, task: Task) -> tuple[Aligner, Task]:
    """CCA learned from shuffled pairs, or with random vectors in place of the encoders'."""
    rng = np.random.default_rng(1000 + task.seed)
    train, test = task.train, task.test
    if kind == NULLS[0]:
        train = shuffled(train, rng)
    else:
        train, test = random_encoders(train, rng), random_encoders(test, rng)
    return CCA(ridge=3.0, power=1.0).fit(train), replace(task, train=train, test=test)


def _null_rows(name: str, fitted: tuple[Aligner, Task], _: Task) -> list[dict[str, Any]]:
    aligner, task = fitted
    heads = Heads(*(partial(aligner.transform, modality=m) for m in task.test.views))
    scores = pair_scores(heads, task.views(task.train), task.views(task.test))
    found = measure(scores["instance"], scores["semantic"], task.groups)
    return [{"method": name, **found, "chosen": repr(aligner)}]


def _methods() -> list[Method]:
    """Those of the peers; ``peers.py`` asks for all their packages, tests do without some."""
    extras: Sequence[Method] = ()
    if all(importlib.util.find_spec(name) for name in ("mvlearn", "ot")):
        from _peers import extras as installed

        extras = installed.METHODS
    return [*formulas.METHODS, *packages.METHODS, *extras, *learned.METHODS]


def _peer(method: Method) -> Entry:
    return Entry(method.name, partial(choose, method), partial(rows_of, method.name))


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(OURS, partial(_align, "auto"), partial(_space_rows, OURS, True)),
        Entry(f"{OURS} cca", partial(_align, "cca"), partial(_space_rows, f"{OURS} cca", False)),
        *map(_peer, _methods()),
        *(Entry(kind, partial(_null, kind), partial(_null_rows, kind)) for kind in NULLS),
    )
}
