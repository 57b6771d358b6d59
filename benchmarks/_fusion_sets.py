"""The sets that fusion is measured on: their views as vectors, and what is predicted of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.datasets import load
from isthmus.fusion import Target
from isthmus.pipeline import default_cache, prepare
from isthmus.predictor.columns import Columns

CLINICAL = ("age", "diameter", "nodes", "oestrogen receptor", "grade")
SIGNS = "tfidf?dim=1024&shortest=1&longest=3"
"""The encoder of kaomoji: single signs tell an emotion, so n-grams begin at one."""
FILMS = "motion"
"""The encoder of attacks: how they move. Frames of units tell the unit, which is not asked."""
LEAST = 10
"""Records that a class of wesnoth needs."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is predicted, and from what.

    Attributes:
        name: Of the set, in the table.
        rows: ``n`` records.
        target: Of the same records.
        links: ``(n,)``; records with one label stay together.
        metric: The headline, as the selection names it.
        folds: Outer folds.
        horizon: Of survival: the time by which the event is predicted; None for the median.
    """

    name: str
    rows: PairedVectors
    target: Target
    links: NDArray[np.intp]
    metric: str = "accuracy"
    folds: int = 5
    horizon: float | None = None


def qabcs() -> Task:
    """Category of the things that have a noise of their own, and not that of another thing."""
    data = load("qabcs")
    noises = (record.items.get("noise") for record in data.records)
    own = [
        row
        for row, (record, noise) in enumerate(zip(data.records, noises, strict=True))
        if noise is not None and Path(noise.source).stem == record.id
    ]
    return _task("qabcs", data.take(own), "category")


def wesnoth() -> Task:
    """Race of units, of races with ten units and more; lines of advancement stay together."""
    data = load("wesnoth")
    races = Counter(record.fields.get("race") for record in data.records)
    kept = [row for row, r in enumerate(data.records) if races[r.fields.get("race")] >= LEAST]
    return _task("wesnoth", data.take(kept), "race")


def nki70() -> Task:
    """Whether a metastasis was found."""
    data = load("nki70")
    names = {1.0: "spread", 0.0: "none"}
    known = [
        replace(record, fields={**record.fields, "outcome": names[float(record.fields["event"])]})
        for record in data.records
    ]
    told = replace(data, records=known)
    return _task("nki70", told, "outcome", metric="AUC", folds=4, columns=CLINICAL)


def nki70_survival() -> Task:
    """When a metastasis is found, and whether within five years."""
    data = load("nki70")
    task = _task("nki70 survival", data, "event", columns=CLINICAL, folds=4, metric="concordance")
    times = [[float(r.fields["time"]), float(r.fields["event"])] for r in data.records]
    target = Target("survival", np.array(times), ("time", "event"))
    return replace(task, target=target, horizon=5.0)


def nutrimouse() -> Task:
    """Diet of mice, which one view tells alone."""
    return _task("nutrimouse", load("nutrimouse"), "diet")


def wdbc() -> Task:
    """Diagnosis of tumours."""
    return _task("wdbc", load("wdbc"), "diagnosis")


def kaomoji(field: str) -> Callable[[], Task]:
    """Emotion or valence of faces made of signs."""

    def made() -> Task:
        data = load("kaomoji")
        told = replace(data, records=[r for r in data.records if field in r.fields])
        name, encoders = f"kaomoji {field}", {"signs": SIGNS}
        return _task(name, told, field, encoders=encoders, metric="balanced accuracy")

    return made


def hedgewars() -> Task:
    """Valence of shouts; voices stay together, so each is tested by strangers."""
    data = load("hedgewars")
    told = [record for record in data.records if "valence" in record.fields]
    records = [
        replace(r, items={"whisper": r.items["speech"], "mfcc": r.items["speech"]}) for r in told
    ]
    encoders = {"whisper": "whisper-tiny", "mfcc": "mfcc"}
    return _task(
        "hedgewars",
        replace(data, records=records),
        "valence",
        encoders=encoders,
        metric="balanced accuracy",
    )


def attacks(field: str) -> Callable[[], Task]:
    """Which damage an attack does, or from how near, from its film and its sound alone.

    54 sounds are those of nearly all attacks. By line and sound together, 545 of 589 attacks would
    be one group; so folds are of sounds, and each is tested on sounds that it never heard.
    """

    def made() -> Task:
        data = load("wesnoth", animations=True).select(("video", "audio"))
        heard = [replace(r, group=r.fields.get("sound")) for r in data.records]
        counts = Counter(record.fields.get(field) for record in heard)
        told = replace(data, records=[r for r in heard if counts[r.fields.get(field)] >= LEAST])
        encoders = {"video": FILMS}
        return _task(f"wesnoth {field}", told, field, encoders=encoders, metric="balanced accuracy")

    return made


def mood() -> Task:
    """Mood of a scene, of which its colour says one half and its tempo the other."""
    return _task("shapes mood", load("shapes-mood"), "mood")


def energy() -> Task:
    """Energy of a scene, in five grades: its tempo and whether its colour is warm."""
    task = _task("shapes energy", load("shapes-mood"), "energy", metric="kappa")
    return replace(task, target=Target("grades", task.target.values, task.target.names))


TASKS: Mapping[str, Callable[[], Task]] = {
    "qabcs": qabcs,
    "wesnoth": wesnoth,
    "nki70": nki70,
    "nki70 survival": nki70_survival,
    "nutrimouse": nutrimouse,
    "wdbc": wdbc,
    "hedgewars": hedgewars,
    "kaomoji valence": kaomoji("valence"),
    "kaomoji emotion": kaomoji("emotion"),
    "wesnoth damage": attacks("damage"),
    "wesnoth range": attacks("range"),
    "shapes mood": mood,
    "shapes energy": energy,
}
NEEDED = ("hedgewars", "kaomoji", "nki70", "nutrimouse", "qabcs", "wdbc", "wesnoth")


def _task(
    name: str,
    data: Dataset,
    field: str,
    *,
    encoders: Mapping[str, str] | None = None,
    columns: Sequence[str] = (),
    metric: str = "accuracy",
    folds: int = 5,
) -> Task:
    """A target of classes from a field; some fields may be a view of their own."""
    prepared = prepare(data, encoders, cache=default_cache())
    record_of = {record.id: record for record in data.records}
    records = [record_of[key] for key in prepared.pairs.ids]
    rows = prepared.pairs
    if columns:
        rows = replace(rows, vectors={"clinical": _columns(records, columns), **rows.vectors})
    names, codes = np.unique([str(r.fields[field]) for r in records], return_inverse=True)
    target = Target("classes", codes.astype(np.float64), tuple(map(str, names)))
    return Task(name, rows, target, prepared.links, metric, folds)


def _columns(records: Sequence[Record], names: Sequence[str]) -> F32:
    return Columns.fit(records, names).transform(records)
