"""Records with several views of one modality, whose names may hold anything."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import isthmus as ist
from isthmus.cli.main import app
from isthmus.core.errors import InputError
from isthmus.core.record import Dataset, Record
from isthmus.core.view import Direction, all_directions
from isthmus.space.report import SpaceReport

FRONT, BACK, CAPTION, ANSWER = "photo_a", "photo → b", "caption – en", "the answer"
ENCODERS = {FRONT: "color-hog", BACK: "color-hog", CAPTION: "tfidf", ANSWER: "tfidf"}


@pytest.fixture(scope="module")
def four(shapes: Dataset) -> Dataset:
    """Two pictures, a caption and an answer a record."""
    records = shapes.records
    return Dataset(
        "four",
        [
            Record(
                record.id,
                {
                    FRONT: record.items["image"],
                    BACK: _alike(record, records).items["image"],
                    CAPTION: record.items["text"],
                    ANSWER: ist.MediaItem.from_text(str(record.group), source=f"answer {row}"),
                },
            )
            for row, record in enumerate(records)
        ],
    )


def _alike(record: Record, records: list[Record]) -> Record:
    """Another record of the same colour and shape, if there is one."""
    others = [each for each in records if each.group == record.group and each is not record]
    return others[0] if others else record


@pytest.fixture(scope="module")
def space(four: Dataset) -> ist.Space:
    return ist.align(four, ENCODERS, aligner="cca", by_group=False)


def test_each_view_keeps_its_modality_and_every_direction_is_measured(space: ist.Space) -> None:
    assert space.modalities == {
        CAPTION: "text",
        ANSWER: "text",
        BACK: "image",
        FRONT: "image",
    }
    assert isinstance(space.report, SpaceReport)
    measured = set(space.report.held_out)
    assert measured == set(all_directions(space.views))
    assert not space.emergent(measured)
    front = space.report.held_out[Direction(FRONT, BACK)].instance
    assert front.r1.mean > 2 * front.chance_r1.mean


def test_it_is_saved_and_loaded_whole(space: ist.Space, four: Dataset, tmp_path: Path) -> None:
    again = ist.Space.load(space.save(tmp_path / "space"))
    assert (again.views, again.fingerprint) == (space.views, space.fingerprint)
    assert again.calibration.keys() == space.calibration.keys()
    assert again.report == space.report
    picture = [four.records[0].items[FRONT]]
    for view in (FRONT, BACK):
        np.testing.assert_array_equal(
            again.embed(picture, view).vectors, space.embed(picture, view).vectors
        )
    assert not np.allclose(again.embed(picture, FRONT).vectors, again.embed(picture, BACK).vectors)


def test_a_view_that_is_not_named_is_asked_for(space: ist.Space) -> None:
    with pytest.raises(InputError, match=f"the views {BACK} and {FRONT} all read image; name"):
        space.view_of("image")
    assert space.view_of("image", [FRONT, ANSWER]) == FRONT
    with pytest.raises(InputError, match="the space has no view of audio; its views are"):
        space.view_of("audio")


def test_columns_of_a_table_become_views_by_their_encoders(four: Dataset, tmp_path: Path) -> None:
    table = tmp_path / "four.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", *ENCODERS])
        for record in four.records:
            row = [record.id]
            for view in ENCODERS:
                item = record.items[view]
                if item.modality == "text":
                    row.append(item.captions[0])
                    continue
                (tmp_path / f"{item.id}.png").write_bytes(item.read())
                row.append(f"{item.id}.png")
            writer.writerow(row)
    named = [part for view, each in ENCODERS.items() for part in ("-e", f"{view}={each}")]
    run = CliRunner()
    made = run.invoke(
        app,
        ["align", str(table), "--out", str(tmp_path / "s"), "--aligner", "cca", *named, "--json"],
    )
    assert made.exit_code == 0, made.output
    found = run.invoke(app, ["eval", str(tmp_path / "s"), str(table), "--json"])
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)["directions"]
    assert {Direction.from_json(row["direction"]) for row in rows} == set(all_directions(ENCODERS))
