"""Small predictors, made without a race."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.conftest import CLASSIC

from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.fusion import Target, make
from isthmus.pipeline import prepare
from isthmus.predictor.asked import Asked
from isthmus.predictor.columns import Columns
from isthmus.predictor.memory import remembered
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.sources import groups_of
from isthmus.space.encoder_ref import EncoderRef

HOSTILE = "<script>window.attacked = 9</script>"


def shapes_with_columns(scenes: Dataset) -> list[Record]:
    """Scenes with their shape and two plain columns."""
    return [
        replace(
            record,
            group=None,
            fields={
                "shape": str(record.group).split()[1],
                "corners": float(len(str(record.group)) + i % 3),
                "finish": ("matt", "glossy", HOSTILE)[i % 3],
            },
        )
        for i, record in enumerate(scenes.records)
    ]


def shape_predictor(scenes: Dataset, *, card: str = "") -> Predictor:
    """Which shape is drawn, named and sung; calibrated on what it learned from, so too sure."""
    records = shapes_with_columns(scenes)
    ready = prepare(replace(scenes, records=records), CLASSIC, by_group=False)
    columns = Columns.fit(records, ["corners", "finish"])
    x = columns.transform(records)
    here = columns.present(records)
    vectors = {**ready.pairs.vectors, "columns": x}
    rows = PairedVectors(
        vectors, {**ready.pairs.present, "columns": here}, ready.pairs.ids, groups_of(scenes)
    )
    names = tuple(sorted({str(record.fields["shape"]) for record in records}))
    codes = [names.index(str(record.fields["shape"])) for record in records]
    target = Target("classes", np.array(codes, dtype=np.float64)[:, None], names)
    fusion = make("late", ridge=1.0).fit(rows, target)
    outcome = Outcome.fit(fusion.scores(rows), target)
    refs = {view: EncoderRef.of(e, CLASSIC[view]) for view, e in ready.encoders.items()}
    kinds = {"corners": "number", "finish": "category"}
    asked = Asked("shape", "classes", "shapes", kinds=kinds, card=card)
    made = Predictor(
        refs, {"columns": columns}, fusion, outcome, asked=asked, memory=remembered(rows, seed=0)
    )
    for view, encoder in ready.encoders.items():
        made.attach(encoder, view)
    return made
