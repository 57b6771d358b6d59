"""What a classification is worth, on scenes that the space has not seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.prompts.curve import ShotCurve
from isthmus.prompts.stability import Stability
from isthmus.space import Space
from isthmus.tasks import (
    ClassificationReport,
    Store,
    annotate,
    classification_report,
    classifier,
    classify,
    keep_labels,
)
from isthmus.tasks.zeroshot.reporting.model import Rivals, Skipped
from isthmus.tasks.zeroshot.reporting.rivals import worse_than_words
from isthmus.tasks.zeroshot.truth import TrueClasses
from isthmus.tasks.zeroshot.words import sentences

COLOURS = ["black", "blue", "green", "orange", "purple", "red", "yellow"]
QUICK = {"method": "text+mean"}
"""One method, so that nothing has to be chosen at each step."""


def colour(record: Record) -> str:
    return str(record.group).split()[0]


@pytest.fixture(scope="module")
def new(scenes: Dataset) -> list[Record]:
    return list(scenes.records[80:])


@pytest.fixture(scope="module")
def shots(new: list[Record]) -> dict[str, list[MediaItem]]:
    made: dict[str, list[MediaItem]] = {}
    for record in new[:20]:
        made.setdefault(colour(record), []).append(record.items["image"])
    return made


@pytest.fixture(scope="module")
def asked(new: list[Record]) -> list[Record]:
    return new[15:]


@pytest.fixture(scope="module")
def report(
    space: Space, asked: list[Record], shots: Mapping[str, list[MediaItem]]
) -> ClassificationReport:
    """Five of the items are examples as well."""
    items, truth = [r.items["image"] for r in asked], [colour(r) for r in asked]
    return classification_report(space, items, COLOURS, shots=shots, truth=truth, **QUICK)


def test_figures_are_of_items_that_nothing_was_learned_from(
    report: ClassificationReport,
    asked: list[Record],
    space: Space,
    shots: dict[str, list[MediaItem]],
) -> None:
    said = classify(space, [r.items["image"] for r in asked[5:]], COLOURS, shots=shots, **QUICK)
    right = [a == colour(r) for a, r in zip(said.labels, asked[5:], strict=True)]
    found = report.evaluated
    assert found is not None and found.figures.items == 20 and len(report.said) == 25
    answered = [a is not None for a in said.labels]
    best = [said.classes[i.probabilities.argmax()] for i in said.items]
    hits = [b == colour(r) for b, r in zip(best, asked[5:], strict=True)]
    assert found.figures.accuracy.value == pytest.approx(np.mean(hits))
    assert found.refused == 20 - sum(answered)
    if found.answered is not None:
        assert found.answered.value == pytest.approx(np.sum(right) / sum(answered))
    assert "no figure counts 5 items" in report.notes[0]
    assert found.figures.accuracy.value > 2 * found.figures.chance


def test_the_matrix_counts_each_item_once_and_shows_one_of_each_cell(
    report: ClassificationReport,
) -> None:
    for found in (report.evaluated, report.left_out):
        assert found is not None
        counts, examples = found.confusion.counts, found.confusion.examples
        assert counts.sum() == found.figures.items
        assert counts.diagonal().sum() / counts.sum() == pytest.approx(found.figures.accuracy.value)
        assert {(int(a), int(b)) for a, b in np.argwhere(counts)} == set(examples)


def test_rivals_stand_on_the_same_items(report: ClassificationReport) -> None:
    found = report.rivals
    assert isinstance(found, Rivals) and not found.left_out and found.items == 20
    assert report.evaluated is not None
    assert found.accuracy.value == pytest.approx(report.evaluated.figures.accuracy.value)
    rows = {row.kind: row for row in found.rows}
    assert list(rows) == ["words", "names", "random-words", "shuffled", "majority"]
    for row in found.rows:
        assert row.lead.value == pytest.approx(found.accuracy.value - row.accuracy.value)
        assert row.beaten == (row.lead.low > 0)
    assert rows["majority"].macro_recall < rows["words"].macro_recall
    assert rows["shuffled"].accuracy.value < found.accuracy.value


def test_the_curve_and_the_examples_left_out_know_nothing_of_the_items(
    report: ClassificationReport, space: Space, shots: dict[str, list[MediaItem]], new: list[Record]
) -> None:
    other = classification_report(
        space, new[-1].items["image"], COLOURS, shots=shots, truth=["red"], **QUICK
    )
    assert isinstance(report.curve, ShotCurve) and other.curve == report.curve
    assert other.left_out is not None and report.left_out is not None
    assert other.left_out.figures == report.left_out.figures


def test_shares_of_sentences_add_up_to_the_score(
    space: Space, asked: list[Record], report: ClassificationReport
) -> None:
    learner = classifier(space, COLOURS)
    given = learner.embed([r.items["image"] for r in asked])
    x = given.rows["image"].vectors
    known = sentences(space, learner.specs, "image", "text", learner.options)
    words = learner.support("image").words
    for number in range(len(COLOURS)):
        np.testing.assert_allclose(
            known.shares(number, x).sum(axis=1), x @ words[number], atol=1e-5
        )
    for each in report.prompts:
        assert sum(row.share for row in each.sentences) == pytest.approx(each.cosine)
        assert len(each.sentences) == 7 and each.items > 0


def test_what_an_answer_is_made_of_adds_up(
    space: Space,
    report: ClassificationReport,
    asked: list[Record],
    shots: dict[str, list[MediaItem]],
) -> None:
    learner = classifier(space, COLOURS, shots=shots, **QUICK)
    x = learner.embed([r.items["image"] for r in asked]).rows["image"].vectors
    said = np.sort(learner.choice("image").log_probabilities(x), axis=1)
    assert report.margin is not None
    whole = report.margin.words + report.margin.examples
    assert whole == pytest.approx(float((said[:, -1] - said[:, -2]).mean()), rel=1e-6)


def test_sure_items_are_surer_and_no_example_is_shown(
    report: ClassificationReport, shots: dict[str, list[MediaItem]]
) -> None:
    known = {item.id for items in shots.values() for item in items}
    shown = (*report.sure, *report.unsure, *report.refused)
    assert report.sure and not known & {each.item.id for each in shown}
    assert len({each.item.id for each in shown}) == len(shown)
    assert all(each.said.label is None for each in report.refused)
    if report.unsure:
        least = min(each.said.probability for each in report.sure)
        assert least >= min(each.said.probability for each in report.unsure)


def test_an_answer_as_probable_as_was_asked_for_is_not_unsure(
    report: ClassificationReport, space: Space, asked: list[Record]
) -> None:
    assert all(each.said.probability < report.options.coverage for each in report.unsure)
    items = [r.items["image"] for r in asked[:6]]
    least = [
        len(classification_report(space, items, COLOURS, coverage=share).unsure)
        for share in (0.01, 0.99)
    ]
    assert least == [0, 3]


def test_examples_that_do_harm_are_told(
    space: Space, asked: list[Record], shots: Mapping[str, list[MediaItem]]
) -> None:
    turned = dict(zip(shots, [*list(shots.values())[1:], next(iter(shots.values()))], strict=True))
    own = asked[5:]
    items, truth = [r.items["image"] for r in own], [colour(r) for r in own]
    found = classification_report(space, items, COLOURS, shots=turned, truth=truth, **QUICK)
    assert isinstance(found.rivals, Rivals)
    words = next(row for row in found.rivals.rows if row.kind == "words")
    assert words.lead.value < 0
    right = [round(20 * share.value) for share in (words.accuracy, found.rivals.accuracy)]
    told = f"by words alone {right[0]} of 20 items are right, with the examples {right[1]}"
    assert [note for note in found.notes if note.startswith(told)]
    better = Rivals("image", 20, False, words.accuracy, 0.5, 0.5, (), 0.1)
    assert worse_than_words(better) == worse_than_words(Skipped("")) == []


def test_mistakes_are_found_before_anything_is_encoded(space: Space, asked: list[Record]) -> None:
    def encoded(*_: object) -> None:
        raise AssertionError

    items = [asked[0].items["image"]]
    for truth, message in (
        ("no.csv", "no.csv cannot be read"),
        (["rde"], "no label of the list is one of the classes.*Did you mean 'red'"),
        ({"x.png": "red"}, "the mapping says the true class of none.*it names x.png. Give their"),
    ):
        with pytest.raises(InputError, match=message):
            classification_report(space, items, COLOURS, truth=truth, progress=encoded)
    with pytest.raises(InputError, match="least must lie in 0"):
        annotate(space, items, ["red"], least=2, progress=encoded)


def test_other_languages_and_words_are_tried_where_each_class_has_them(
    space: Space, asked: list[Record]
) -> None:
    words = {"red": ["red", "scarlet", "红色"], "blue": ["blue", "navy", "蓝色"]}
    own = [r for r in asked if colour(r) in words]
    items, truth = [r.items["image"] for r in own], [colour(r) for r in own]
    found = classification_report(space, items, words, truth=truth).stability
    assert isinstance(found, Stability)
    changes = {(row.change, row.how): row for row in found.rows}
    assert ("language", "zh") in changes and changes["synonyms", ""].variants == 1
    assert changes["order", ""].agreement == 1.0


def test_without_labels_or_examples_it_says_what_is_missing(
    space: Space, asked: list[Record]
) -> None:
    found = classification_report(space, [r.items["image"] for r in asked[:4]], COLOURS)
    assert found.judged is None and found.margin is None
    for part in (found.rivals, found.stability):
        assert isinstance(part, Skipped) and "nobody says the true classes" in part.reason
    assert isinstance(found.curve, Skipped) and "there are 0 examples in all" in found.curve.reason
    assert len(found.sure) + len(found.unsure) == 4
    json.dumps(found.to_json(), allow_nan=False)


def test_examples_alone_are_judged_by_leaving_them_out(
    space: Space, asked: list[Record], shots: dict[str, list[MediaItem]]
) -> None:
    found = classification_report(space, asked[-1].items["image"], shots=shots, **QUICK)
    assert found.evaluated is None and found.judged is found.left_out is not None
    assert isinstance(found.rivals, Rivals) and found.rivals.left_out
    assert found.rivals.items == found.left_out.figures.items
    assert isinstance(found.stability, Stability)
    json.dumps(found.to_json(), allow_nan=False)


def test_items_of_no_class_are_told_apart(space: Space, asked: list[Record]) -> None:
    items, truth = [r.items["image"] for r in asked], [colour(r) for r in asked]
    two = ["red", "blue"]
    found = classification_report(space, items, two, truth=truth, least=0.6)
    assert found.strangers is not None and found.evaluated is not None
    assert found.strangers.items + found.evaluated.figures.items == len(asked)
    assert not {"red", "blue"} & set(found.strangers.names)
    own = [i for i, name in zip(found.said.items, truth, strict=True) if name not in two]
    assert found.strangers.refused.value == pytest.approx(np.mean([i.label is None for i in own]))


def test_sounds_and_pictures_are_asked_together(space: Space, new: list[Record]) -> None:
    items = [r.items["image"] for r in new[:6]] + [r.items["audio"] for r in new[:3]]
    truth = [colour(r) for r in (*new[:6], *new[:3])]
    found = classification_report(space, items, COLOURS, truth=truth)
    assert found.view == "image" and found.evaluated is not None
    assert found.evaluated.figures.items == 9
    assert isinstance(found.rivals, Rivals) and found.rivals.items == 6


def test_true_classes_from_a_table_beside_its_files(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("\ufefflabel,source,rest\ncat,a/1.png,x\n ,a/2.png,\ndog,a/3.png,\n", "utf-8")
    sources = [str(tmp_path / f"a/{n}.png") for n in (1, 2, 3)]
    assert TrueClasses.read(table).of(sources, ["cat", "dog"]) == ["cat", None, "dog"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\na,b\n", r"has no column 'source'; it has path, label"),
        ("source,lable\na,b\n", r"no column 'label'.*Did you mean 'lable'"),
        (
            "source,label\nx.png,cat\n",
            "none of the items: items look like 1.png, and it names x.png",
        ),
        (None, r"cannot be read .*or truth='folders'"),
    ],
)
def test_tables_that_say_nothing(tmp_path: Path, content: str | None, message: str) -> None:
    table = tmp_path / "truth.csv"
    if content is not None:
        table.write_text(content, "utf-8")
    with pytest.raises(InputError, match=message):
        TrueClasses.read(table).of(["1.png"], ["cat"])


def test_true_classes_from_folders() -> None:
    classes = ["cat", "birds", "birds/owl"]
    sources = [f"/home/cat/photos/{name}/1.png" for name in ("cat", "birds/owl", "birds/old", "x")]
    assert TrueClasses.read("folders").of(sources, classes) == ["cat", "birds/owl", "birds", "x"]
    assert TrueClasses.read("folders").of(["/a/birds/owl/1.png"], classes) == ["birds/owl"]
    with pytest.raises(InputError, match=r"look like 1.png, and the classes are cat, birds"):
        TrueClasses.read("folders").of(["1.png"], classes)


def test_a_list_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="truth: 1 label for 2 items"):
        TrueClasses.read(["cat"]).of(["1.png", "2.png"], ["cat"])


def test_a_store_keeps_what_items_were_said_to_be(
    space: Space, library: Path, tmp_path: Path
) -> None:
    pictures = sorted(library.glob("*.png"))
    said = classify(space, pictures, ["red", "blue"])
    none = replace(said.items[0], label=None)
    said = replace(said, items=[none, *said.items[1:]])
    with Store.open(tmp_path / "store", space) as store:
        assert keep_labels(store, said).items == 0
        store.add(library)
        kept = keep_labels(store, said)
        assert (kept.items, kept.labelled, kept.unsure, kept.none_of_these) == (12, 11, 0, 1)
        found = {e.source: e.labels for e in store.backend.snapshot().entries() if e.labels}
    assert len(found) == 11
    kept = found[str(pictures[1])]
    assert kept == ((said.items[1].label, round(said.items[1].probability, 4)),)


def test_labels_that_are_less_probable_are_not_kept_and_labels_of_other_names_are(
    space: Space, library: Path
) -> None:
    pictures = sorted(library.glob("*.png"))[:3]
    said = classify(space, pictures, ["red", "blue", "green"])
    sure, unsure, none = said.items
    rows = [
        replace(sure, label="red", probability=0.5),
        replace(unsure, label="blue", probability=0.36),
        replace(none, label=None),
    ]
    said = replace(said, items=rows)
    store = Store.in_memory(space)
    store.add(pictures)
    old = (("garden", 0.9), ("blue", 0.8))
    store.backend.amend([replace(each, labels=old) for each in store.backend.entries()])
    kept = keep_labels(store, said)
    assert kept.to_json() == {
        "items": 3, "labelled": 1, "unsure": 1, "none_of_these": 1, "least": 0.5,
    }  # fmt: skip
    labels = {e.source: dict(e.labels) for e in store.backend.entries()}
    others = {"garden": 0.9}
    assert labels[str(pictures[0])] == {"red": 0.5, **others}
    assert labels[str(pictures[1])] == labels[str(pictures[2])] == others
    assert keep_labels(store, said, least=0.3).labelled == 2
    with pytest.raises(InputError, match="least must lie in 0 … 1, got 2"):
        keep_labels(store, said, least=2)
