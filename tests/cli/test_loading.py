"""Tables that are read as the one that a space was made from, some columns of which moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.running import run

import isthmus as ist
from isthmus.cli.loading import load_as
from isthmus.core.errors import DataError
from isthmus.core.record import Dataset
from isthmus.core.wording import speaking
from isthmus.space import Space
from isthmus.tasks.predict.loading import Columned, load_records

SHAPES = ("circle", "square", "triangle", "hexagon", "star", "cross")
COLUMNS = {"ask": "question:text", "reply": "answer:text", "shop": "group"}


@pytest.fixture(scope="module")
def place(shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of questions and answers, a space of it, and other tables."""
    folder = tmp_path_factory.mktemp("tables")
    said = [record.items["text"].captions[0] for record in shapes.records]
    replies = [f"{text} {n} it is" for n, text in enumerate(said)]
    others = [replies[-1], *replies]  # of the row before
    rows = [f"{said[n]} {n},{replies[n]},s{n},{others[n]}" for n in range(len(said))]
    for name, head in (("t", "ask,reply,shop,label"), ("u", "a,b,c,d"), ("v", "ask,answer,shop,d")):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    data = ist.load_dataset(folder / "t.csv", columns=COLUMNS)
    encoders, params = {"question": "tfidf", "answer": "tfidf"}, {"ridge": 3.0, "power": 1.0}
    ist.align(data, encoders, aligner="cca", params=params, nested=False).save(folder / "sp")
    return folder


def _captions(place: Path, table: str, *columns: str) -> dict[str, tuple[str, ...]]:
    read = load_as(Space.load(place / "sp"), str(place / table), (), columns)
    return {view: item.captions for view, item in read.records[0].items.items()}


def test_a_view_that_is_named_is_read_from_no_remembered_column(place: Path) -> None:
    before = _captions(place, "t.csv")
    assert len(before["answer"]) == 1 and before["answer"][0].endswith(" it is")
    other = _captions(place, "t.csv", "label=answer:text")
    assert other["question"] == before["question"] and other["answer"] != before["answer"]
    assert len(other["answer"]) == 1 and _captions(place, "v.csv", "d=answer:text") == other
    both = _captions(place, "t.csv", "label=answer:text", "reply=answer:text")
    assert both["answer"] == (*before["answer"], *other["answer"])
    found = []
    for more in ((), ("--column", "label=answer:text")):
        done = run("eval", "sp", "t.csv", *more, "--no-cache", "--json", cwd=place)
        assert done.returncode == 0, done.stderr
        found.append([row["instance"]["r1"] for row in json.loads(done.stdout)["directions"]])
    assert min(found[0]) > 0.5 and max(found[1]) < 0.2, found


def test_a_column_that_is_named_anew_loses_its_old_meaning(place: Path) -> None:
    before = _captions(place, "t.csv")
    turned = _captions(place, "t.csv", "reply=question:text", "ask=answer:text")
    assert turned == {"question": before["answer"], "answer": before["question"]}
    assert _captions(place, "t.csv", "reply=question:text") == {"question": before["answer"]}
    read = load_as(Space.load(place / "sp"), str(place / "t.csv"), (), ["label=group"])
    assert str(read.records[0].group).endswith(" it is")


def test_a_table_without_any_remembered_column_says_how_to_name_them(place: Path) -> None:
    with speaking("shell"), pytest.raises(DataError) as caught:
        _captions(place, "u.csv")
    said = str(caught.value)
    for view, column in (("question", "ask"), ("answer", "reply")):
        assert f"the view {view!r}, which was read from the column {column!r}; if" in said
        assert f"--column NAME={view}:text" in said
    assert said.endswith("It has the columns a, b, c, d")
    named = _captions(place, "u.csv", "a=question:text", "b=answer:text")
    assert named == _captions(place, "t.csv")


def _shape(line: str) -> str:
    """What the question names first."""
    return min(SHAPES, key=lambda shape: line.find(shape) if shape in line else len(line))


def test_a_predictor_reads_the_columns_that_its_space_remembers(place: Path) -> None:
    lines = (place / "t.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{line},{_shape(line)}" for line in lines[1:]]
    (place / "w.csv").write_text("\n".join([f"{lines[0]},kind", *rows]) + "\n", encoding="utf-8")
    space, late = Space.load(place / "sp"), {"fusions": ["late"], "folds": 3, "columns": []}
    made = ist.predict.fit(space, str(place / "w.csv"), "kind", **late)
    assert made.report is not None
    assert {view.name for view in made.report.data.views} == {"question", "answer"}
    assert {view.records for view in made.report.data.views} == {made.report.data.records}
    assert made.asked.columns.items() <= COLUMNS.items() and made.asked.columns["shop"] == "group"
    assert made.predict(str(place / "w.csv"))[0].missing == ()
    path, given = str(place / "w.csv"), {"columns": {"label": "answer:text"}}
    moved = load_records(path, space, Columned.of([]), ["kind"], given)
    assert moved.columns == {"ask": "question:text", "label": "answer:text", "shop": "group"}
    plain = load_records(path, space, Columned.of(["ask"]), ["kind"])
    assert plain.columns == {"reply": "answer:text", "shop": "group"}
    assert set(plain.records[0].fields) == {"ask", "kind"}
    words = "--fusion", "late", "--folds", "3", "--columns", "none", "--no-cache", "--json"
    fit = "predict", "fit", "w.csv", "--space", "sp", "--target", "kind", "-o", "p", *words
    done = run(*fit, cwd=place)
    assert done.returncode == 0, done.stderr
    views = json.loads(done.stdout)["report"]["data"]["views"]
    assert {view["name"] for view in views} == {"question", "answer"}


def test_a_predictor_is_told_of_a_view_whose_remembered_column_is_missing(place: Path) -> None:
    lines = (place / "t.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{line.split(',')[0]},{_shape(line)}" for line in lines[1:]]
    (place / "x.csv").write_text("\n".join(["ask,kind", *rows]) + "\n", encoding="utf-8")
    made = ist.predict.fit(
        Space.load(place / "sp"), str(place / "x.csv"), "kind", fusions=["late"], folds=3
    )
    assert made.views == ("question",)
    lost = "no record has the view 'answer', which was read from the column 'reply'"
    assert any(note.startswith(lost) for note in made.asked.notes)
