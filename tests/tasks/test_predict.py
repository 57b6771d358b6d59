"""From a table with texts and plain columns to answers that know their worth."""

from __future__ import annotations

import csv
import json
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tasks.reviews import write_reviews

import isthmus as ist
from isthmus.core.errors import (
    ArtifactError,
    DataError,
    FingerprintError,
    InputError,
    IntegrityError,
    NoSignalError,
)
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.encoders import load as load_encoder
from isthmus.fusion import Target
from isthmus.predictor.abstain import abstaining
from isthmus.predictor.answer import Answer
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.predictor import Predictor

LATE = {"fusions": ["late"], "folds": 3}
NEW = {"review": "I think that this awful thing came", "price": 5.5, "colour": "purple"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("predict") / "reviews.csv")


@pytest.fixture(scope="module")
def made(table: Path) -> Predictor:
    return ist.predict.fit({"review": "tfidf"}, table, "mood", group="shop", **LATE)


def test_a_table_becomes_a_predictor(made: Predictor) -> None:
    assert made.views == ("review", "columns")
    assert made.sources.columns["columns"].names == ("price", "weight", "colour")
    assert made.names == ("bad", "fine", "good") and made.asked.kind == "classes"
    report = made.report
    assert report is not None and report.target.name == "mood"
    assert report.data.groups == 45 and report.estimate.figure("accuracy").value > 0.7
    assert "target 'mood': 3 classes" in made.asked.notes


def test_answers_say_what_they_are_worth(made: Predictor, table: Path) -> None:
    answers = made.predict(table)
    assert [answer.id for answer in answers[:2]] == ["r0", "r1"]
    truth = [row["mood"] for row in csv.DictReader(table.open(encoding="utf-8"))]
    right = [a.value == mood for a, mood in zip(answers, truth, strict=True)]
    assert np.mean(right) > 0.8
    for answer in answers:
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.probability == answer.probabilities[str(answer.value)]
    assert answers[4].missing == ("review",) and answers[3].notes == ("price is missing",)
    json.dumps([answer.to_json() for answer in answers], allow_nan=False)


def test_it_abstains_where_it_is_less_sure_than_asked_for(made: Predictor, table: Path) -> None:
    every = made.predict(table)
    some = made.predict(table, risk=0.02)
    assert not any(answer.abstained for answer in every)
    gone = [answer.sure for answer in some if answer.abstained]
    assert gone and max(gone) < min(answer.sure for answer in some if not answer.abstained)


def test_what_abstaining_takes_is_said(made: Predictor) -> None:
    some = made.abstaining(0.02)
    assert some.said.startswith("asked for at most 0.02 wrong: it answers where it is at least 0.")
    assert "% of held-out records" in some.said and some.said.endswith(
        "of these answers were wrong"
    )
    scores = np.zeros((80, 2))
    truth = Target("classes", np.arange(80) % 2, ("a", "b"))
    none = abstaining(Outcome.fit(scores, truth), 0.1, "mood")
    assert none.least == np.inf
    assert "even of the surest answers to held-out records 0.5 were wrong" in none.said
    empty = replace(Outcome.fit(scores, truth), answered=np.zeros((0, 2)))
    with pytest.raises(InputError, match="risk: which answers about 'mood' are wrong is not known"):
        abstaining(empty, 0.1, "mood")


def test_one_record_by_view_and_column(made: Predictor) -> None:
    (answer,) = made.predict(NEW)
    assert answer.value == "bad" and answer.missing == ()
    assert answer.notes == ("colour: 'purple' is new, taken as 'other'", "weight is missing")
    (alone,) = made.predict({"price": "9.5", "weight": None})
    assert alone.value == "good" and alone.missing == ("review",)
    nothing, again = made.predict([{}, NEW])
    assert nothing.missing == ("review", "columns") and again.id == "2"
    assert again.probabilities == pytest.approx(answer.probabilities)
    assert max(nothing.probabilities.values()) < 0.5
    with pytest.raises(DataError, match=r"no view and no column 'prize'.*Did you mean 'price'\?"):
        made.predict({"prize": 3})
    with pytest.raises(DataError, match=r"row 1, column price: need a number such as 1234.5"):
        made.predict({"price": "9,5"})
    with pytest.raises(InputError, match="need a path, a Dataset, records"):
        made.predict(3)  # type: ignore[arg-type]
    assert made.predict([]) == []


def test_a_table_that_lacks_views_and_columns(made: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("id,price,other\na,4,x\nb,5,y\nc,6,z\n", encoding="utf-8")
    answers = made.predict(path)
    assert [a.missing for a in answers] == [("review",)] * 3
    assert answers == made.predict([{"id": "abc"[i], "price": 4 + i} for i in range(3)])


def test_saved_and_read_again(made: Predictor, table: Path, tmp_path: Path) -> None:
    folder = made.save(tmp_path / "p")
    again = ist.predict.load(folder)
    assert again.fingerprint == made.fingerprint and again.report == made.report
    assert again.predict(table) == made.predict(table)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "mood from review + columns" in card and "majority" in card
    assert "medical" not in card
    made.save(folder)  # in its own place


def test_a_card_that_says_that_it_is_no_medical_device(made: Predictor, tmp_path: Path) -> None:
    asked = replace(made.asked, card="medical")
    own = Predictor(
        made.sources.encoders, made.sources.columns, made.fusion, made.outcome, asked=asked
    )
    own.attach(made.encoder("review"))
    card = (own.save(tmp_path / "p") / "README.md").read_text(encoding="utf-8")
    assert "**This is no medical device.**" in card and "Not measured." in card


def test_folders_that_cannot_be_read(made: Predictor, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds no predictor.*Make one with"):
        Predictor.load(tmp_path / "none")
    folder = made.save(tmp_path / "p")
    document = json.loads((folder / "isthmus.json").read_text(encoding="utf-8"))
    (folder / "isthmus.json").write_text(json.dumps({**document, "format_version": 99}))
    with pytest.raises(ArtifactError, match="has format 99"):
        Predictor.load(folder)
    document["document"]["asked"]["target"] = "other"
    (folder / "isthmus.json").write_text(json.dumps(document))
    with pytest.raises(IntegrityError, match="checksum of its document"):
        Predictor.load(folder)


def test_another_encoder_is_refused(made: Predictor, tmp_path: Path) -> None:
    again = Predictor.load(made.save(tmp_path / "p"))
    other = load_encoder("tfidf")
    other.fit(["some other words", "that it never saw"])  # type: ignore[attr-defined]
    with pytest.raises(FingerprintError, match="the predictor was made with tfidf"):
        again.attach(other)


def test_an_encoder_of_the_users_must_be_attached(table: Path, tmp_path: Path) -> None:
    encoder = load_encoder("tfidf")
    texts = [row["review"] for row in csv.DictReader(table.open(encoding="utf-8"))]
    encoder.fit([text for text in texts if text])  # type: ignore[attr-defined]
    fitted = ist.predict.fit({"review": encoder}, table, "mood", columns=[], **LATE)
    assert fitted.views == ("review",)
    again = Predictor.load(fitted.save(tmp_path / "p"))
    with pytest.raises(InputError, match=r"a predictor cannot load it; attach it: predictor\.att"):
        again.predict(table)
    again.attach(encoder)
    assert again.predict(table) == fitted.predict(table)


def test_an_account_sums_to_the_score(made: Predictor) -> None:
    account = made.explain(NEW)
    assert account.about == "bad"
    assert set(account.others) == {"fine", "good"}
    assert list(account.others.values()) == sorted(account.others.values(), reverse=True)
    assert account.others["good"] == pytest.approx(made.explain(NEW, about="good").score)
    assert account.score == pytest.approx(account.rest + sum(v.share for v in account.views))
    raised = {
        name: np.exp(each) for name, each in [("bad", account.score), *account.others.items()]
    }
    for name, p in made.predict(NEW)[0].probabilities.items():
        assert raised[name] / sum(raised.values()) == pytest.approx(p)
    review, columns = account.views
    for view in (review, columns):
        total = view.baseline + sum(part.value for part in view.parts)
        assert total == pytest.approx(view.share)
    words = {part.label.strip(): part.value for part in review.parts}
    assert max(words, key=lambda word: words[word]) == "awful"
    assert columns.method == "exact: the parts sum"
    assert [part.label for part in columns.parts] == [
        "price = 5.5", "weight is missing", "colour = purple",
    ]  # fmt: skip
    json.dumps(account.to_json(), allow_nan=False)


def test_what_a_missing_view_would_change(made: Predictor, table: Path) -> None:
    account = made.explain({"price": 7.0})
    (gone,) = account.missing
    assert gone.view == "review" and gone.neighbours == 15
    assert gone.change > 0 and gone.turned is not None and 0 < gone.turned <= 1
    assert gone.instead in ("bad", "fine", "good")
    assert made.explain(table, row="r0").missing == []


def test_which_record_and_class_are_explained(made: Predictor, table: Path) -> None:
    about = made.explain(NEW, about="good")
    assert about.about == "good" and about.score < made.explain(NEW).score
    with pytest.raises(InputError, match=r"there are 90 records; name one: row='…' \(ids: r0"):
        made.explain(table)
    told = r"no record 'r900' among 90; there are ids: r0, r1, r2, …, r89\."
    with pytest.raises(InputError, match=told):
        made.explain(table, row="r900")
    with pytest.raises(InputError, match=r"no 'goood'.*Did you mean 'good'"):
        made.explain(NEW, about="goood")


def test_measured_on_records_that_it_never_saw(made: Predictor, tmp_path: Path) -> None:
    fresh = write_reviews(tmp_path / "fresh.csv", 60, seed=9, gaps=False)
    found = made.evaluate(fresh)
    first = found.figures[0]
    assert found.records == 60 and first.metric == "accuracy"
    assert first.value is not None and first.low is not None and first.plain is not None
    assert first.value > 0.7 and first.low < first.value and first.plain == pytest.approx(1 / 3)
    truth = [row["mood"] for row in csv.DictReader(fresh.open(encoding="utf-8"))]
    assert first.value == np.mean(
        [a.value == mood for a, mood in zip(made.predict(fresh), truth, strict=True)]
    )
    strange = ["weird" if i == 0 else mood for i, mood in enumerate(truth)]
    again = made.evaluate(fresh, strange)
    assert again.records == 59 and "1 record left out, of classes that it never saw: weird" in (
        again.notes
    )
    with pytest.raises(DataError, match="no record is of a class that the predictor knows"):
        made.evaluate(fresh, ["weird"] * 60)
    json.dumps(found.to_json(), allow_nan=False)
    assert found.seen == 0


def test_records_that_it_learned_from_are_told(
    made: Predictor, table: Path, tmp_path: Path
) -> None:
    own = made.evaluate(table)
    assert own.seen == own.records == 90
    assert own.notes[0] == (
        "90 records of 90 are the same as ones that it learned from, so these figures flatter it; "
        "there are no others"
    )
    few = copy(made)
    assert made.memory is not None
    few.memory = made.memory.take(range(30))
    (said, *_) = few.evaluate(table).notes
    assert said.startswith(
        "30 records of 90 are the same as ones that it learned from (it keeps 30 of the 90 to know "
        "them again), so these figures flatter it; accuracy of the other 60 records: "
    )
    fresh = write_reviews(tmp_path / "fresh.csv", 60, seed=9, gaps=False)
    head, *lines = fresh.read_text(encoding="utf-8").splitlines()
    old = table.read_text(encoding="utf-8").splitlines()[1:11]
    both = tmp_path / "both.csv"
    mixed = [f"x{i}{line[line.index(',') :]}" for i, line in enumerate(old + lines)]
    both.write_text("\n".join([head, *mixed]), encoding="utf-8")
    found = made.evaluate(both)
    assert found.seen == 10 and "accuracy of the other 60 records: 0." in found.notes[0]


def test_shuffled_answers_are_refused(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "t.csv", 60)
    rng = np.random.default_rng(1)
    moods = [["bad", "good"][code] for code in rng.integers(0, 2, 60)]
    with pytest.raises(NoSignalError):
        ist.predict.fit({"review": "tfidf"}, path, moods, columns=["weight"], **LATE)


def test_vectors_and_numbers() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 4)), rng.normal(size=(60, 3))
    y = a[:, 0] + b[:, 1] + 0.1 * rng.normal(size=60)
    made = ist.predict.fit(None, {"a": a, "b": b}, y, **LATE)
    assert made.asked.kind == "number" and made.views == ("a", "b")
    (answer, *_) = made.predict({"a": a, "b": b})
    assert isinstance(answer.value, float) and answer.interval is not None
    low, high = answer.interval
    assert low is not None and high is not None and low < answer.value < high
    account = made.explain({"a": a[:1], "b": b[:1]})
    (view, _) = account.views
    assert view.method == "all of it is this item's share: vectors of yours have no parts"
    assert not view.parts and view.baseline == view.share
    with pytest.raises(DataError, match="a: the predictor takes vectors of 4 numbers, got 3"):
        made.predict({"a": b, "b": b})


def test_survival() -> None:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=80)
    time = rng.exponential(np.exp(-1.5 * risk))
    rows = [
        Record(str(i), {}, fields={"gene": risk[i], "age": rng.normal(), "t": time[i], "died": d})
        for i, d in enumerate(rng.choice(["true", "false"], 80, p=[0.8, 0.2]))
    ]
    made = ist.predict.fit(None, Dataset("d", rows), time="t", event="died", **LATE)
    assert made.asked.kind == "survival" and made.sources.columns["columns"].names == (
        "gene", "age",
    )  # fmt: skip
    high, low = made.predict([{"gene": 2.0, "age": 0}, {"gene": -2.0, "age": 0}])
    assert isinstance(high.value, float) and isinstance(low.value, float)
    assert high.value > low.value and high.likely == ()
    assert made.evaluate(Dataset("d", rows)).figures[0].metric == "concordance"
    soon = ist.predict.fit(
        None,
        Dataset("d", rows),
        time="t",
        event="died",
        horizon=0.1,
        metric="AUC at horizon",
        **LATE,
    )
    assert soon.report is not None and soon.report.target.horizon == 0.1
    assert soon.report.estimate.headline == "AUC at horizon"
    asked = {"gene": 2.0, "age": 0}
    assert float(soon.predict(asked)[0].value) < float(made.predict(asked)[0].value)


@pytest.mark.parametrize("horizon", [0, -1.0, float("nan"), float("inf"), "5"])
def test_a_horizon_is_a_time_of_survival(horizon: float, table: Path) -> None:
    with pytest.raises(InputError, match="horizon: need a positive number in the unit of times"):
        ist.predict.fit(None, table, time="price", event="mood", horizon=horizon)
    with pytest.raises(InputError, match="a horizon is of survival"):
        ist.predict.fit(None, table, "mood", horizon=5)


def test_a_metric_that_is_none_is_told_before_anything_is_encoded(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("encoded")

    monkeypatch.setattr("isthmus.tasks.predict.fitting._Records.encoded", never)
    with pytest.raises(InputError, match=r"classes has no metric 'acuracy'.*accuracy"):
        ist.predict.fit(None, table, "mood", metric="acuracy")


def test_labels_and_grades() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    tags = ["|".join(n for n, on in zip("ab", row > 0, strict=True) if on) or "none" for row in x]
    rows = [Record(str(i), {}, fields={"x": r[0], "y": r[1]}) for i, r in enumerate(x)]
    several = ist.predict.fit(None, Dataset("d", rows), tags, **LATE)
    assert several.asked.kind == "labels" and several.names == ("a", "b", "none")
    (answer,) = several.predict({"x": 2.0, "y": 2.0})
    assert isinstance(answer.value, tuple) and set(answer.value) == {"a", "b"}
    grades = [("low", "mid", "high")[int(v > -0.5) + int(v > 0.5)] for v in x[:, 0]]
    order = ["low", "mid", "high"]
    made = ist.predict.fit(None, Dataset("d", rows), grades, kind="grades", grades=order, **LATE)
    assert made.predict({"x": 2.5, "y": 0})[0].value == "high"
    account = made.explain({"x": 2.5, "y": 0})
    assert account.about == "above mid"
    assert 1 / (1 + np.exp(-account.score)) == pytest.approx(account.answer.probabilities["high"])
    account = several.explain({"x": 2.0, "y": 2.0}, about="b")
    assert 1 / (1 + np.exp(-account.score)) == pytest.approx(answer.probabilities["b"])
    assert made.evaluate(Dataset("d", rows), grades).figures[0].metric == "kappa"


def test_answers_are_kept_as_labels_of_a_store(made: Predictor, tmp_path: Path) -> None:
    texts = {"up": "I think that this lovely great thing", "down": "this awful broken thing came"}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    pairs = ist.load_dataset("shapes", n=30)
    space = ist.align(pairs, {"text": "tfidf", "image": "color-hog"}, aligner="ridge")
    with ist.Store.in_memory(space) as store:
        store.add(tmp_path)
        items = {n: MediaItem.from_path(tmp_path / f"{n}.txt", "text") for n in texts}
        records = [Record(name, {"review": item}) for name, item in items.items()]
        answers = made.predict(records)
        kept = ist.predict.keep_answers(store, made, records, answers, least=0.34)
        assert (kept.field, kept.items, kept.labelled) == ("mood", 2, 2)
        by_name = {Path(e.source).stem: e for e in store.backend.snapshot().entries()}
        assert by_name["up"].labels[0][0] == "mood=good"
        hits = store.search("thing", where="label:mood=bad", k=5).hits
        assert [Path(hit.source).stem for hit in hits] == ["down"]
        for field in ("mood", "x y=z", 'a "b" (c) \\', "и"):
            kept = ist.predict.keep_answers(store, made, records, answers, field=field, least=0.34)
            (hit,) = store.search("thing", where=kept.where, k=5).hits
            assert Path(hit.source).stem == "up" and kept.to_json()["where"] == kept.where
        for refused in ("a\nb", "a\u202eb"):
            with pytest.raises(InputError, match="a sign that is not shown; name another: field="):
                ist.predict.keep_answers(store, made, records, answers, field=refused)
        unsure = [replace(answer, abstained=True) for answer in answers]
        none = ist.predict.keep_answers(store, made, records, unsure)
        assert (none.labelled, none.where) == (0, "")
        assert by_name["up"].labels != store.get(by_name["up"].id).labels


def test_texts_of_a_table_are_found_in_the_files_of_a_store(
    made: Predictor, tmp_path: Path
) -> None:
    long = "this lovely great thing " * 300
    texts = {"up": "this lovely great thing", "down": "this awful broken thing", "long": long}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
    (tmp_path / "near.txt").write_text(f"{long}and more\n", encoding="utf-8")
    pairs = ist.load_dataset("shapes", n=30)
    space = ist.align(pairs, {"text": "tfidf", "image": "color-hog"}, aligner="ridge")
    with ist.Store.in_memory(space) as store:
        store.add(tmp_path)
        things = [{"review": text} for text in [*texts.values(), "this is nowhere"]]
        dataset = made.dataset(things)
        answers = made.predict(dataset)
        kept = ist.predict.keep_answers(store, made, dataset.records, answers, least=0.34)
        assert (kept.items, kept.labelled, kept.unsure, kept.absent) == (3, 3, 0, 1)
        named = {Path(e.source).stem: e.labels for e in store.backend.snapshot().entries()}
        assert named["up"][0][0] == named["long"][0][0] == "mood=good"
        assert named["down"][0][0] == "mood=bad" and not named["near"]
        kept = ist.predict.keep_answers(store, made, dataset.records, answers, least=1.0)
        assert (kept.items, kept.labelled, kept.unsure, kept.absent) == (3, 0, 3, 1)
        plain = made.dataset([{"price": 4}])
        kept = ist.predict.keep_answers(store, made, plain.records, made.predict(plain))
        assert (kept.items, kept.absent) == (0, 0)


def test_an_answer_as_a_row() -> None:
    answer = Answer("a", "number", 1.5, None, {}, (), (1.0, None), 0.25)
    assert answer.row()["low"] == 1.0 and answer.row()["high"] is None
