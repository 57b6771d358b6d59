"""Classes and labels for scenes that the space has not seen, by the colour of their shapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus.core.errors import InputError, IsthmusError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.media import decode
from isthmus.space import Space
from isthmus.store.filters import parse
from isthmus.tasks import Store, annotate, annotate_store, classifier, classify
from isthmus.tasks.zeroshot.options import ClassifyOptions

COLOURS = ["black", "blue", "green", "orange", "purple", "red", "yellow"]


def colour(record: Record) -> str:
    return str(record.group).split()[0]


@pytest.fixture(scope="module")
def new(scenes: Dataset) -> list[Record]:
    return list(scenes.records[80:])


@pytest.fixture(scope="module")
def asked(new: list[Record]) -> list[MediaItem]:
    return [record.items["image"] for record in new[20:]]


@pytest.fixture(scope="module")
def shots(new: list[Record]) -> dict[str, list[MediaItem]]:
    """Two or more pictures of most colours, new to the space."""
    made: dict[str, list[MediaItem]] = {}
    for record in new[:20]:
        made.setdefault(colour(record), []).append(record.items["image"])
    return made


def share(labels: list[str | None], records: list[Record]) -> float:
    return float(np.mean([a == colour(r) for a, r in zip(labels, records, strict=True)]))


def test_words_alone_beat_chance_and_probabilities_add_up(
    space: Space, asked: list[MediaItem], new: list[Record]
) -> None:
    said = classify(space, asked, COLOURS)
    assert said.classes == tuple(COLOURS) and said.chance == pytest.approx(1 / 7)
    assert share(said.labels, new[20:]) > 3 * said.chance
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1.0)
    for item in said.items:
        assert item.probability == item.probabilities.max() and item.views == ("image",)
        assert item.likely is None and item.unlike is None  # nothing was left out
    assert said.learned[0].method == "zero-shot"


def test_classes_in_another_language_and_in_several(space: Space, new: list[Record]) -> None:
    """The captions that the space has learned from are English and Chinese."""
    items = [r.items["image"] for r in new if colour(r) in ("red", "yellow")]
    truth = [colour(r) for r in new if colour(r) in ("red", "yellow")]
    chinese = classify(space, items, ["红色", "黄色"]).labels
    words = {"red": ["red", "红色"], "yellow": ["yellow", "黄色"]}
    both = classify(space, items, words).labels
    told = {"红色": "red", "黄色": "yellow"}
    assert np.mean([told[str(a)] == b for a, b in zip(chinese, truth, strict=True)]) > 0.6
    assert np.mean([a == b for a, b in zip(both, truth, strict=True)]) > 0.6


def test_examples_teach_more_than_words(
    space: Space, asked: list[MediaItem], new: list[Record], shots: dict[str, list[MediaItem]]
) -> None:
    said = classify(space, asked, COLOURS, shots=shots)
    learned = said.learned[0]
    assert learned.shots == 20 and learned.left_out >= 9 and learned.tried
    bare = classify(space, asked, COLOURS)
    assert share(said.labels, new[20:]) >= share(bare.labels, new[20:])
    for item in said.items:
        assert item.likely is not None and said.classes[item.probabilities.argmax()] in item.likely
    by_items = classify(space, asked, shots)  # as classes that have no words
    assert share(by_items.labels, new[20:]) > 2 * said.chance


def test_what_was_learned_serves_again_and_any_named_method(
    space: Space, asked: list[MediaItem], shots: dict[str, list[MediaItem]]
) -> None:
    options = ClassifyOptions(method="text+mean")
    learned = classifier(space, COLOURS, shots=shots, options=options)
    whole = learned(asked[:4])
    parts = [learned(item).items[0] for item in asked[:4]]
    assert whole.learned[0].method == "text+mean"
    for a, b in zip(whole.items, parts, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-5)


def test_views_add_up_and_a_missing_view_is_left_out(space: Space, new: list[Record]) -> None:
    images = [record.items["image"] for record in new[:6]]
    sounds = [record.items["audio"] for record in new[:6]]
    both = classify(space, {"image": [None, *images[1:]], "audio": sounds}, COLOURS)
    seen = classify(space, images, COLOURS).probabilities
    heard = classify(space, sounds, COLOURS).probabilities
    assert [item.views for item in both.items[:2]] == [("audio",), ("image", "audio")]
    np.testing.assert_allclose(both.probabilities[0], heard[0], atol=1e-9)
    product = seen[1:] * heard[1:]
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(both.probabilities[1:], expected, atol=1e-9)
    with pytest.raises(InputError, match="image has 1, audio has 6"):
        classify(space, {"image": images[:1], "audio": sounds}, COLOURS)


def test_examples_of_one_stem_say_how_much_each_view_counts(
    space: Space, new: list[Record]
) -> None:
    """Sounds of the scenes do not tell their colour, and examples that are one record show it."""
    taught, rest = new[:24], new[24:]
    items = {view: [r.items[view] for r in rest] for view in ("image", "audio")}
    said = {}
    for name, stem in (("paired", "{}"), ("strangers", "{}-{}")):
        shots: dict[str, list[MediaItem]] = {}
        for number, record in enumerate(taught):
            for view in ("image", "audio"):
                source = stem.format(number, view) + "." + view
                shots.setdefault(colour(record), []).append(
                    replace(record.items[view], source=source)
                )
        said[name] = classify(space, items, COLOURS, shots=shots)
    alone = classify(space, items["image"], COLOURS, shots=shots)
    truth = [COLOURS.index(colour(r)) for r in rest]
    own = {k: np.log(x.probabilities[np.arange(len(truth)), truth]).mean() for k, x in said.items()}
    assert own["paired"] > own["strangers"]
    assert share(said["paired"].labels, rest) >= share(alone.labels, rest) - 0.05


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a//b", "c"], "an empty part"),
        (["/a", "c"], "an empty part"),
        (["é", "e\u0301"], "two classes are called"),
        (["x" * 501, "c"], "501 characters"),
        (["/".join("a" * 17), "c"], "17 parts"),
        (["\ud800", "c"], "half of a character"),
    ],
)
def test_names_that_cannot_be_used(
    space: Space, asked: list[MediaItem], names: list[str], said: str
) -> None:
    with pytest.raises(IsthmusError, match=said):
        classify(space, asked[:1], names)


@pytest.mark.parametrize("most", [0, -1, 1.5, "x"])
def test_most_labels_is_a_whole_number(space: Space, asked: list[MediaItem], most: Any) -> None:
    with pytest.raises(InputError, match="most must be a whole number"):
        annotate(space, asked[:1], ["red"], most=most)


def test_arguments_of_another_kind_are_named(space: Space) -> None:
    with pytest.raises(InputError, match="items: need a file"):
        classify(space, None, ["red", "blue"])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="least must be a number"):
        classify(space, [], ["red", "blue"], least="0.5")


def test_a_class_above_others_is_named(space: Space, asked: list[MediaItem]) -> None:
    said = classify(space, asked[:1], ["red", "red/circle", "blue"])
    assert any("'red' is a class beside 'red/circle'" in note for note in said.notes)


def test_a_tree_has_a_probability_at_each_level(space: Space, asked: list[MediaItem]) -> None:
    said = classify(space, asked[:5], ["warm/red", "warm/yellow", "cold/blue"])
    for item in said.items:
        top, leaf = item.levels
        assert {top.name, leaf.name.split("/")[0]} <= {"warm", "cold"}
        expected = item.probabilities[:2].sum() if top.name == "warm" else item.probabilities[2]
        assert top.probability == pytest.approx(expected)
        assert leaf.probability == pytest.approx(item.probability)


def test_none_of_these_by_a_threshold_and_by_shots(
    space: Space, asked: list[MediaItem], shots: dict[str, list[MediaItem]]
) -> None:
    said = classify(space, asked, COLOURS, least=0.999)
    assert None in said.labels
    by_shots = classify(space, asked, COLOURS, shots=shots, none=0.3)
    told = [item for item in by_shots.items if item.label is None]
    assert all(item.unlike is not None and item.unlike < 0.3 for item in told)
    assert all(x.label is not None for x in by_shots.items if x.unlike and x.unlike >= 0.3)


def test_shots_of_the_space_itself_are_told(space: Space, scenes: Dataset) -> None:
    own = {name: [] for name in ("red", "blue")}
    for record in scenes.records[:80]:
        if colour(record) in own:
            own[colour(record)].append(record.items["image"])
    said = classify(space, scenes.records[90].items["image"], shots=own)
    assert any("the space has learned from" in note for note in said.notes)
    assert said.items[0].likely is None


def test_one_shot_beside_many_says_so(
    space: Space, asked: list[MediaItem], new: list[Record]
) -> None:
    pictures = [record.items["image"] for record in new[:14]]
    said = classify(
        space, asked[:2], ["red", "blue"], shots={"red": pictures[:1], "blue": pictures[1:]}
    )
    assert any("'red' has 1 example of image and 'blue' has 13" in note for note in said.notes)


def test_near_duplicates_are_told(space: Space, asked: list[MediaItem]) -> None:
    said = classify(space, asked[:1], ["red square", "square red", "blue"])
    assert any("'red square' and 'square red' nearly mean the same" in x for x in said.notes)


@pytest.mark.starter
def test_translations_are_near_duplicates(starter: None, asked: list[MediaItem]) -> None:
    said = classify(Space.load("starter"), asked[0], ["猫", "貓", "cat", "dog"])
    told = [note for note in said.notes if "nearly mean the same" in note]
    assert len(told) == 3 and not any("dog" in note for note in told)


def test_shots_in_a_folder_and_what_cannot_be_read(
    space: Space, new: list[Record], asked: list[MediaItem], tmp_path: Path
) -> None:
    numbers: Counter[str] = Counter()
    for record in new[:20]:
        place = tmp_path / colour(record)
        place.mkdir(exist_ok=True)
        numbers[place.name] += 1
        decode(record.items["image"]).save(place / f"{numbers[place.name]}.png")
    whole = (tmp_path / "red" / "1.png").read_bytes()
    (tmp_path / "red" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "red" / "empty.png").write_bytes(b"")
    (tmp_path / "stray.png").write_bytes(whole)
    said = classify(space, asked[:3], shots=tmp_path)
    assert set(said.classes) == set(numbers) and said.learned[0].shots == 20
    reasons = {Path(f.source).name: f.reason for f in said.failures}
    assert set(reasons) == {"broken.png", "empty.png", "stray.png"}
    assert reasons["stray.png"] == "lies in no folder of a class"


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "need two classes or more to choose from, got none"),
        (["cat"], "got only 'cat'"),
        (["cat", "cat"], "two classes are called 'cat'"),
        (["cat", " "], "a class has a blank name"),
        ("cat", "need a list of names, got a text"),
        ([1, 2], "a class: need its name as text, got an int"),
        ({"cat": [], "dog": "dog"}, "the class 'cat' has neither words nor an example"),
        ({"cat": " ", "dog": "dog"}, "the class 'cat' has blank words"),
    ],
)
def test_bad_classes(space: Space, asked: list[MediaItem], classes: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classify(space, asked[0], classes)  # type: ignore[arg-type]


def test_bad_shots_items_and_options(space: Space, asked: list[MediaItem], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'rde', which is none of the classes.*'red'"):
        classify(space, asked[0], COLOURS, shots={"rde": [asked[1]]})
    with pytest.raises(InputError, match="holds no example that can be read"):
        classify(space, asked[0], shots=tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        classify(space, asked[0], shots=tmp_path / "none")
    with pytest.raises(InputError, match="none of the items can be used"):
        classify(space, tmp_path / "none.png", COLOURS)
    with pytest.raises(InputError, match="no templates in the language 'xx'"):
        classify(space, asked[0], COLOURS, language="xx")
    with pytest.raises(InputError, match=r"no option 'metod'.*'method'"):
        classify(space, asked[0], COLOURS, metod="gda")
    with pytest.raises(InputError, match=r"method must be one of .*'gad'.*'gda'"):
        classify(space, asked[0], COLOURS, method="gad")
    with pytest.raises(InputError, match="coverage must lie between 0 and 1, got 90"):
        classify(space, asked[0], COLOURS, coverage=90)


def test_ten_thousand_classes(space: Space, asked: list[MediaItem]) -> None:
    names = [f"red {number}" for number in range(10_000)]
    said = classify(space, asked[:2], names, prompts="name")
    assert said.probabilities.shape == (2, 10_000)
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1.0)


def test_labels_have_the_probability_of_a_search(
    space: Space, asked: list[MediaItem], new: list[Record]
) -> None:
    said = annotate(space, asked, COLOURS, least=0.0)
    rows = [{x.name: x.probability for x in item.labels} for item in said.items]
    table = np.array([[row[name] for name in COLOURS] for row in rows])
    right = np.array([[colour(r) == c for c in COLOURS] for r in new[20:]])
    assert table[right].mean() > table[~right].mean()
    for item in annotate(space, asked, COLOURS, least=0.3, most=1).items:
        assert len(item.labels) <= 1 and all(x.probability >= 0.3 for x in item.labels)
    with pytest.raises(InputError, match="need at least one label"):
        annotate(space, asked, [])
    bare = Space(space.heads, space.banks, space.encoders)
    with pytest.raises(InputError, match="no calibration from text to image"):
        annotate(bare, asked, ["red"])


def test_a_store_keeps_labels_and_searches_filter_by_them(
    space: Space, library: Path, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "store", space) as store:
        store.add(library)
        said = annotate_store(store, ["red", "yellow triangle"], least=0.0, most=1)
        assert len(said.items) == 24 and "12 items of text got no label" in said.notes[0]
    with Store.open(tmp_path / "store", space) as again:
        entries = again.backend.snapshot().entries()
        labels = {entry.id: entry.labels for entry in entries}
        assert sum(map(bool, labels.values())) == 24
        found = again.search("red", where="label:red", k=50, words=False)
        assert found.hits and all(labels[hit.id][0][0] == "red" for hit in found.hits)
        more = list(again.backend.snapshot().entries(parse("label~TRIANGLE and view:image")))
        assert more and all(each.labels[0][0] == "yellow triangle" for each in more)
        annotate_store(again, ["red"], least=1.0, where="label:red")
        assert not list(again.backend.snapshot().entries(parse("label:red")))
        assert again.check(deep=True) == []


def test_the_names_are_public() -> None:
    assert isthmus.classify is classify and isthmus.annotate is annotate
    assert replace(isthmus.ClassifyOptions(), least=0.5).least == 0.5
