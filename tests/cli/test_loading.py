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
