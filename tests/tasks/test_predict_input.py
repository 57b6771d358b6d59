"""What is handed in to be learned from: targets of every kind, and what is wrong with them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.space.forging import forge
from tests.tasks.reviews import write_reviews
from tests.tasks.tables import rows

import isthmus as ist
from isthmus.core.errors import ArtifactError, DataError, InputError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.core.wording import speaking
from isthmus.report import write_prediction
from isthmus.tasks.predict.loading import Columned, chosen_views, grouped
from isthmus.tasks.predict.target import Known, Wanted, read_target


def read(values: Sequence[Value | None], **wanted: Any) -> Known:
    return read_target(rows(y=values), Wanted("y", **wanted))


def test_texts_are_classes_in_order() -> None:
    known = read(["b", "a", None, "b", "a"])
    assert known.target.kind == "classes" and known.target.names == ("a", "b")
    assert known.target.codes.tolist() == [1, 0, 1, 0] and known.rows.tolist() == [0, 1, 3, 4]
    assert known.notes == ["1 record left out: the target 'y' is missing", "target 'y': 2 classes"]


def test_whole_numbers_are_classes_with_a_word() -> None:
    known = read([10.0, 2.0, 10.0, 2.0])
    assert known.target.kind == "classes" and known.target.names == ("2", "10")
    assert known.notes == [
        "target 'y': 2 whole numbers, taken as classes; if they count, say kind='grades' or "
        "kind='number'"
    ]
    with speaking("shell"):
        assert "--kind grades or --kind number" in read([10.0, 2.0, 10.0, 2.0]).notes[0]
    grades = read([10.0, 2.0, 10.0, 2.0], kind="grades").target
    assert grades.names == ("2", "10") and grades.matrix.tolist() == [[1], [0], [1], [0]]


def test_floats_are_a_number_and_may_be_names() -> None:
    values = [0.5, 1.5, 0.5, 1.5]
    assert read(values).target.kind == "number"
    assert read(values, kind="classes").target.names == ("0.5", "1.5")
    assert read([float(i) for i in range(30)]).target.kind == "number"


def test_texts_with_bars_are_labels() -> None:
    known = read(["a|b", "a", "b", "c|a", "b"])
    assert known.target.kind == "labels" and known.target.names == ("a", "b")
    assert known.target.values.tolist() == [[1, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    assert known.notes[-1] == "1 label left out, of hardly any or nearly all records: c"
    with pytest.raises(DataError, match="no label that some records have and others lack"):
        read(["a|b", "a|b", "a|b"])


def test_one_example_a_class_is_left_out_or_refused() -> None:
    known = read(["a", "b", "a", "c", "b", "a"])
    assert known.target.names == ("a", "b") and known.rows.tolist() == [0, 1, 2, 4, 5]
    assert known.notes[-1] == "1 class left out, of one record each: c"
    with pytest.raises(DataError, match="one class of more than one record"):
        read(["a", "a", "a", "b"])
    with pytest.raises(DataError, match=r"4 different values in 4 .* say kind='number'"):
        read(["a", "b", "c", "d"])


@pytest.mark.parametrize("value", ["a", 3.5])
def test_a_constant_target_is_refused(value: Value) -> None:
    with pytest.raises(DataError, match="in every record; there is nothing to predict"):
        read([value] * 5)


def test_a_target_that_is_missing() -> None:
    with pytest.raises(DataError, match=r"no column 'yy', or it is empty; it has y.*mean 'y'"):
        read_target(rows(y=["a", "b"]), Wanted("yy"))
    with pytest.raises(DataError, match="the target 'target' is missing in every record"):
        read_target(rows(y=["a", "b"]), Wanted(values=[None, float("nan")]))
    with pytest.raises(DataError, match="the target has 1 value, and there are 2 records"):
        read_target(rows(y=["a", "b"]), Wanted(values=["a"]))
    text = Record("0", {"review": MediaItem.from_text("fine")})
    with pytest.raises(DataError, match="'review' is a view of text, and a target is a column"):
        read_target(Dataset("d", [text]), Wanted("review"))
    with pytest.raises(InputError, match="say which column is to be predicted: target="):
        Wanted()


def test_kinds_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"got 'clases'. Did you mean 'classes'\?"):
        Wanted("y", kind="clases")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'y' holds 'many', which is no number"):
        read([1.0, "many"], kind="number")
    with pytest.raises(DataError, match=r"grades that are texts \(hi, lo\) need their order"):
        read(["lo", "hi", "lo", "hi"], kind="grades")
    with pytest.raises(DataError, match="holds 'hi', which is none of the grades lo, high"):
        read(["lo", "hi", "lo", "hi"], kind="grades", grades=("lo", "high"))
    made = read(["lo", "hi", "lo", "hi"], kind="grades", grades=("lo", "mid", "hi")).target
    assert made.names == ("lo", "hi") and made.codes.tolist() == [0, 1, 0, 1]


def test_survival() -> None:
    data = rows(t=[3.0, 1.0, None, 2.0], e=["yes", "no", "yes", 1.0])
    known = read_target(data, Wanted(time="t", event="e"))
    assert known.target.values.tolist() == [[3, 1], [1, 0], [2, 1]]
    assert known.notes == [
        "1 record left out: the time or the event is missing", "2 events in 3 records",
    ]  # fmt: skip
    with pytest.raises(InputError, match="survival needs both a column of times and one"):
        Wanted(time="t")
    with pytest.raises(InputError, match="survival needs time='months', event='died'"):
        Wanted("y", kind="survival")
    with pytest.raises(DataError, match="'e' holds 'perhaps'; an event is 1 or 0"):
        read_target(rows(t=[1.0, 2.0], e=["perhaps", "no"]), Wanted(time="t", event="e"))
    with pytest.raises(DataError, match="a time until an event is not below 0"):
        read_target(rows(t=[-1.0, 2.0], e=["yes", "no"]), Wanted(time="t", event="e"))
    with pytest.raises(DataError, match=r"e': 1 event in 2 records; .*Add records with the event"):
        read_target(rows(t=[1.0, 2.0], e=["yes", "no"]), Wanted(time="t", event="e"))
    with pytest.raises(DataError, match=r"row 1 \(from 0\) of the target 't' lies beyond"):
        read_target(rows(t=[1.0, 1e31], e=["yes", "no"]), Wanted(time="t", event="e"))


@pytest.mark.parametrize(
    ("times", "had", "said"),
    [
        ([5.0] * 4, [1, 0, 1, 0], "'t' is 5 in every record.*predict 'e' alone: target='e'"),
        ([5.0, 2, 5, 1], [1, 0, 1, 0], "'t': every event happened at 5, when nobody else was"),
        ([5.0, 2, 5, 1], [0, 0, 0, 0], "'e': 0 events in 4 records.*Add records with the event"),
    ],
)
def test_survival_of_which_no_order_can_be_learned(
    times: list[float], had: list[float], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read_target(rows(t=times, e=had), Wanted(time="t", event="e"))
    known = read_target(rows(t=[5.0, 2, 5, 1], e=[1.0, 0, 1, 1]), Wanted(time="t", event="e"))
    assert known.target.ordered


def test_too_few_events_for_the_folds_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(2, 60))
    had = [float(v > np.sort(x[0])[-3]) for v in x[0]]
    data = rows(x=x[0].tolist(), t=(100 - x[0] + x[1]).tolist(), e=had)
    with pytest.raises(
        DataError, match=r"e: 2 events in 60 records are too few: in \d+ of 20 fold"
    ):
        ist.predict.fit(None, data, time="t", event="e", fusions=["late"])
    copies = rows(x=x[0].tolist(), t=(100 - x[0]).tolist(), e=had)
    with pytest.raises(DataError, match="no view can be used; column x left out: it says the same"):
        ist.predict.fit(None, copies, time="t", event="e", fusions=["late"])


def test_which_columns_and_views() -> None:
    item = MediaItem.from_text("words")
    records = [
        Record(str(i), {"text": item}, fields={"age": i, "g1": 1.0, "g2": 2.0, "y": "a"})
        for i in range(3)
    ]
    data = Dataset("d", records)

    def views(
        columns: Any, wanted: Sequence[str] | None = None
    ) -> tuple[list[str], Mapping[str, Any]]:
        return chosen_views(data, Columned.of(columns), wanted, ["y"])

    assert views(None) == (["text"], {"columns": ["age", "g1", "g2"]})
    assert views([]) == (["text"], {})
    assert views({"clinical": ["age"], "genes": ["g*"]}, ["genes"]) == ([], {"genes": ["g1", "g2"]})
    with pytest.raises(DataError, match=r"no column is called 'agee'.*Did you mean 'age'"):
        views(["agee"])
    with pytest.raises(DataError, match="the column 'y' says what is to be predicted"):
        views(["y"])
    with pytest.raises(DataError, match="has a view 'text' already"):
        views({"text": ["age"]})
    with pytest.raises(DataError, match="no view 'photo', or it is empty everywhere; it has text"):
        views(None, ["photo"])
    with pytest.raises(InputError, match="columns of 'genes': need a list of names, got a text"):
        views({"genes": "g1"})
    with pytest.raises(DataError, match="nothing to predict from"):
        chosen_views(rows(y=["a"]), Columned.of(None), None, ["y"])


def test_groups_of_a_column() -> None:
    data = rows(patient=["p", 2.0, None], y=["a", "b", "a"])
    assert [r.group for r in grouped(data, "patient", "y").records] == ["p", "2.0", None]
    with pytest.raises(
        DataError, match=r"no column 'patent' to group by; .*Did you mean 'patient'"
    ):
        grouped(data, "patent", "y")
    with pytest.raises(InputError, match="cannot be what keeps records together"):
        grouped(data, "y", "y")
    own = Dataset("d", [Record("0", {}, group="cats")])
    assert grouped(own, None, "group").records[0].group is None


def test_mistakes_are_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no fusion 'lat'; .* Did you mean 'late'\?"):
        ist.predict.fit(None, "none", "y", fusions=["lat"])
    with pytest.raises(InputError, match="a card is one of medical, got 'cheap'"):
        ist.predict.fit(None, "none", "y", card="cheap")
    with pytest.raises(DataError, match="4 records of d can be learned from; at least 20"):
        ist.predict.fit(None, rows(y=["a", "b", "a", "b"], x=[1.0, 2.0, 3.0, 4.0]), "y")


def test_a_view_that_is_empty_everywhere(tmp_path: Path) -> None:
    lines = [f",{i * i % 11},{'ab'[i % 2]}" for i in range(30)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["photo,n,y", *lines]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"given for 'photo', but no record of t\.csv"):
        ist.predict.fit({"photo": "color-hog"}, path, "y", columns=["n"])


def counting(path: Path, first: int = 1) -> Path:
    """A table whose column ``n`` counts the rows, and whose column ``y`` follows it."""
    rng = np.random.default_rng(0)
    lines = [f"{i + first},{i + rng.normal():.3f},{'ab'[i > 19]}" for i in range(40)]
    path.write_text("\n".join(["n,x,y", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_target_that_counts_the_rows_is_a_target(tmp_path: Path) -> None:
    made = ist.predict.fit(None, counting(tmp_path / "t.csv"), "n", fusions=["late"], folds=3)
    assert made.asked.target == "n" and made.asked.kind == "number"
    assert not any("left out" in note for note in made.asked.notes)


def test_a_column_that_counts_the_rows_is_kept_if_it_is_named(tmp_path: Path) -> None:
    late = {"fusions": ["late"], "folds": 3}
    path = counting(tmp_path / "t.csv", 7)
    made = ist.predict.fit(None, path, "y", **late)
    assert made.sources.columns["columns"].names == ("x",)
    assert any(
        "column n: left out: it counts the rows. To keep it, name it: ['*', 'n']" in note
        for note in made.asked.notes
    )
    kept = ist.predict.fit(None, path, "y", columns=["*", "n"], **late)
    assert kept.sources.columns["columns"].names == ("n", "x")
    assert "n" not in kept.predict(path)[0].missing


def test_columns_are_taken_out_by_name() -> None:
    data = rows(y=["a"], age=[1.0], g1=[2.0], g2=[3.0])

    def names(*patterns: str) -> list[str]:
        return list(chosen_views(data, Columned.of(patterns), None, ["y"])[1]["columns"])

    assert names("!age") == ["g1", "g2"] and names("g*", "!g2") == ["g1"]
    assert Columned.of(["!age"]).every and Columned.of(["*", "age"]).every
    assert Columned.of(["!age"]).fields(["y"]) == ["*", "!age", "y"]
    others = Columned.of({"a": ["!age"], "b": ["age"]})
    assert others.fields(["y"]) == ["*", "age", "y"]  # what one view leaves out another may take
    with pytest.raises(DataError, match=r"no column is called 'agee'.*Did you mean 'age'"):
        names("!agee")


def test_a_column_that_cannot_be_read_is_left_out_or_told(tmp_path: Path) -> None:
    lines = [f"7,{i:03};{i % 28 + 1}.07.2024;{i % 9 + 0.5};{'ab'[i % 9 > 4]}" for i in range(60)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["menge;geliefert;x;y", *lines]) + "\n", encoding="utf-8")
    late = {"fusions": ["late"], "folds": 3}
    made = ist.predict.fit(None, path, "y", columns=["!menge", "!geliefert"], **late)
    assert made.sources.columns["columns"].names == ("x",)
    with pytest.raises(DataError, match=r"no column 'z'; it has menge, geliefert, x, y\."):
        ist.predict.fit(None, path, "z", **late)
    said = r"the column 'geliefert' of t\.csv is left out: dates such as '1\.07\.2024' may be read"
    with pytest.raises(DataError, match=said + " in several ways; write 2026-01-31"):
        ist.predict.fit(None, path, "geliefert", columns=["x"], **late)
    with pytest.raises(DataError, match=said):
        ist.predict.fit(None, path, "y", columns=["geliefert"], **late)
    with pytest.raises(DataError, match=said):
        ist.predict.fit(None, path, "y", columns=["x"], group="geliefert", **late)
    with pytest.raises(DataError, match="no column is called 'mange'"):
        ist.predict.fit(None, path, "y", columns=["!menge", "!mange"], **late)


def test_a_number_that_cannot_be_read_is_not_called_missing(tmp_path: Path) -> None:
    lines = [f"{i % 9 + 0.5};{i};{'ab'[i % 9 > 4]}" for i in range(0, 160, 2)]
    for row in (3, 8, 11, 20):
        lines[row] = lines[row].replace(".5;", ",5 kg;", 1)
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["weight;k;y", *lines]) + "\n", encoding="utf-8")
    made = ist.predict.fit(None, path, "y", fusions=["late"], folds=3)
    told = [note for note in made.asked.notes if "is not a number" in note]
    assert told[0] == "t.csv, row 4, column weight: '6,5 kg' is not a number; write 6.5"
    assert len(told) == 3 and "and 1 more cell of this kind" in made.asked.notes
    assert made.predict(path)[3].notes == (told[0],)
    target = ist.predict.fit(None, path, "weight", fusions=["late"], folds=3)
    assert "4 records left out: the target 'weight' cannot be read" in target.asked.notes
    assert told[0] in target.asked.notes and not any("missing" in n for n in target.asked.notes)


def test_a_grade_is_named_once() -> None:
    with pytest.raises(InputError, match="grades: 'low' is there twice; name each once"):
        ist.predict.FitOptions(grades=["low", "mid", "low"])


def test_a_horizon_that_nobody_was_followed_up_to_is_refused() -> None:
    rows = [
        Record(f"r{i}", {}, fields={"months": 1.0 + i, "died": float(i % 2), "age": float(i % 5)})
        for i in range(40)
    ]
    with pytest.raises(DataError, match="nobody was followed up to 5000; the last time is 40"):
        ist.predict.fit(None, Dataset("d", rows), time="months", event="died", horizon=5000)


def test_a_record_may_have_what_the_predictor_does_not_use() -> None:
    rng = np.random.default_rng(0)
    x, n = rng.normal(size=60).tolist(), 60
    data = rows(x=x, same=["one"] * n, copy=[v > 0 for v in x], y=["ab"[v > 0] for v in x])
    made = ist.predict.fit(None, data, "y", fusions=["late"], folds=3)
    assert made.sources.columns["columns"].names == ("x",)
    assert set(made.asked.unused) == {"same", "copy"}
    (plain,) = made.predict({"x": 1.0})
    (whole,) = made.predict({"x": 1.0, "same": "another", "copy": 1, "y": "b"})
    assert whole == plain
    data = replace(data, kinds={"counts": "number", "x": "number"})
    made = ist.predict.fit(None, data, "y", fusions=["late"], folds=3)
    assert made.asked.unused == ("counts", "same", "copy")
    assert made.predict({"x": 1.0, "counts": 7}) == [plain]
    with pytest.raises(DataError, match=r"no column 'sume'"):
        made.predict({"x": 1.0, "sume": "one"})


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "reviews.csv", 60)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    shuffled = tmp_path / "shuffled.csv"
    order = np.random.default_rng(1).permutation(len(lines))
    shuffled.write_text("\n".join([head, *(lines[i] for i in order)]) + "\n", encoding="utf-8")
    options: dict[str, Any] = {"fusions": ["late"], "folds": 3, "group": "shop"}
    made, again = (
        ist.predict.fit({"review": "tfidf"}, each, "mood", **options) for each in (path, shuffled)
    )
    assert again.predict(path) == made.predict(path)
    assert again.report is not None and made.report is not None
    assert again.report.estimate == made.report.estimate


@pytest.fixture(scope="module")
def titled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose text is in a column of another name, and a predictor that was told so."""
    folder = tmp_path_factory.mktemp("titled")
    table = write_reviews(folder / "训练.csv", 60)
    told = table.read_text(encoding="utf-8").replace("review", "评论", 1)
    table.write_text(told, encoding="utf-8")
    options = {"columns": {"评论": "text", "shop": "group"}}
    made = ist.predict.fit({"text": "tfidf"}, table, "mood", fusions=["late"], data_options=options)
    made.save(folder / "mine")
    return folder


def test_what_columns_hold_is_remembered(titled: Path) -> None:
    made = ist.Predictor.load(titled / "mine")
    assert made.asked.columns == {"评论": "text", "shop": "group"}
    answers = made.predict(titled / "训练.csv")
    assert sum(not each.missing for each in answers) > 50
    found = made.evaluate(titled / "训练.csv")
    assert found.seen > 50 and found.figures[0].value > 0.7
    assert {each.view for each in made.explain(titled / "训练.csv", row="r1").views} >= {"text"}


def test_a_column_that_is_gone_is_told_and_may_be_another(titled: Path) -> None:
    made = ist.Predictor.load(titled / "mine")
    other = titled / "other.csv"
    text = (titled / "训练.csv").read_text(encoding="utf-8")
    other.write_text(text.replace("评论", "words", 1), encoding="utf-8")
    dataset = made.dataset(other)
    assert (
        "no record has the view 'text', which was read from the column '评论'"
        in (dataset.notes[-1])
    )
    assert all(each.missing == ("text",) for each in made.predict(dataset))
    named = made.dataset(other, options={"columns": {"words": "text"}})
    assert not named.notes and "text" in named.views


def test_what_columns_hold_is_checked_and_may_be_missing(titled: Path, tmp_path: Path) -> None:
    for columns, said in (
        ({"评论": "txt"}, "no modality 'txt'"),
        ({"评论": "text:image"}, "'评论' is of 'text:image', which nothing reads"),
        ({"评论": 3}, "need str, got 3"),
        (None, ""),
    ):
        folder = Path(shutil.copytree(titled / "mine", tmp_path / f"f{len(said)}"))
        forge(folder, partial(_with_columns, columns))
        if columns is None:
            assert ist.Predictor.load(folder).asked.columns == {}
            continue
        with pytest.raises(ArtifactError, match=re.escape(said)):
            ist.Predictor.load(folder)


def _with_columns(columns: object, document: Any) -> None:
    asked = document["asked"]
    del asked["columns"]
    asked |= {} if columns is None else {"columns": columns}


def test_a_date_is_told_as_a_date(tmp_path: Path) -> None:
    days = [f"2026-0{month}-{day:02}" for month in (1, 7) for day in range(1, 26)]
    rng = np.random.default_rng(0)
    rows = [f"{d},{rng.normal():.3f},{'ab'[i > 24]}" for i, d in enumerate(days)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["日期,n,y", *rows]) + "\n", encoding="utf-8")
    made = ist.predict.fit(None, table, "y", fusions=["late"], folds=3)
    (view,) = made.explain({"日期": "2026-01-20", "n": 1.5}).views
    assert {part.label for part in view.parts} == {"日期 = 2026-01-20", "n = 1.5"}
    records = made.dataset(table).records
    page = write_prediction(tmp_path / "page.html", made, records=records).read_text("utf-8")
    assert re.search(r"日期 2026-0[17]-\d\d ·", page) and "日期 2.0" not in page
