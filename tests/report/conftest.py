"""A small space of three modalities, a data set that attacks, and a browser."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.core.view import IMAGE, TEXT, Direction
from isthmus.datasets import load
from isthmus.pipeline import prepare
from isthmus.report import Report, examples, map_points, text_queries
from isthmus.selection import align
from isthmus.space import Evaluation, Space, evaluate

SCRIPT = "<script>window.attacked = 1</script>"
HANDLER = 'a"><img src=x onerror="window.attacked = 2">.png'
EMERGENT = frozenset({Direction("image", "audio"), Direction("audio", "image")})


@dataclass(frozen=True, eq=False)
class Made:
    """A space made from 60 scenes, and 30 scenes that it has not seen."""

    space: Space
    trained: PairedVectors
    train: Dataset
    held: PairedVectors
    test: Dataset
    evaluation: Evaluation

    def report(self, records: Dataset, title: str, **more: object) -> Report:
        """All that can be said of the unseen scenes, as these records show them."""
        typed = [("en", "a red star"), ("zh", "红色的星形")]
        parts: dict[str, object] = {
            "modalities": self.space.modalities,
            "space_report": self.space.report,
            "evaluation": self.evaluation,
            "emergent": EMERGENT,
            "points": map_points(self.space, self.held, records),
            "queries": [
                *text_queries(self.space, typed, self.held, records, ["image", "audio"]),
                *examples(self.space, self.held, records),
            ],
        }
        return Report(title=title, **{**parts, **more})


@pytest.fixture(scope="session")
def made() -> Made:
    scenes = load("shapes", n=90, seed=1)
    encoders = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
    ready = prepare(scenes, encoders, by_group=False)
    rows = np.arange(90)
    trained = replace(ready, pairs=ready.pairs.take(rows < 60), links=ready.links[:60])
    space = align(trained, aligner="ridge", params={"ridge": 1.0})
    held = ready.pairs.take(rows >= 60)
    test = scenes.take(range(60, 90))
    found = evaluate(space.heads, space.banks, held)
    return Made(space, trained.pairs, scenes.take(range(60)), held, test, found)


@pytest.fixture(scope="session")
def hostile(made: Made) -> Dataset:
    """The unseen scenes with captions, file names and categories that are markup."""
    records = []
    for record in made.test.records:
        picture = record.items[IMAGE]
        items = {
            **record.items,
            TEXT: MediaItem.from_text([SCRIPT, "x' onmouseover='window.attacked=3"]),
            IMAGE: MediaItem(picture.id, IMAGE, HANDLER, picture.payload),
        }
        records.append(Record(record.id, items, group='</title></svg><svg onload="attacked=4">'))
    return Dataset(SCRIPT, records)
