"""Class prompts from glosses, captions and a language model: when they are kept, and when not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.prompts.test_generate import says, server
from tests.tasks.test_classify import colour

from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.prompts import Captions, read_glosses
from isthmus.space import Space
from isthmus.tasks import Store, captions_of, classify

NAMES = ["alpha", "beta"]
"""Names that say nothing of the colours that they stand for."""
TRUE = {"alpha": "red", "beta": "blue"}


@pytest.fixture(scope="module")
def shots(scenes: Dataset) -> dict[str, list[MediaItem]]:
    """All new pictures of two colours."""
    told = {value: key for key, value in TRUE.items()}
    made: dict[str, list[MediaItem]] = {name: [] for name in NAMES}
    for record in scenes.records[80:]:
        if colour(record) in told:
            made[told[colour(record)]].append(record.items["image"])
    assert min(map(len, made.values())) >= 4
    return made


def glosses(tmp_path: Path, texts: dict[str, Any]) -> Path:
    path = tmp_path / "glosses.json"
    path.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    return path


def test_glosses_that_say_something_are_kept(
    space: Space, shots: dict[str, list[MediaItem]], tmp_path: Path
) -> None:
    good = glosses(tmp_path, {name: [f"a {word} shape", word] for name, word in TRUE.items()})
    items = [item for some in shots.values() for item in some]
    truth = [name for name, some in shots.items() for _ in some]
    said = classify(space, items, NAMES, shots=shots, glosses=good, method="zero-shot")
    made = said.learned[0].generated
    assert made is not None and made.kept and made.sources == ("glosses",)
    assert made.accuracy is not None and made.null is not None and made.accuracy > made.null
    assert any("red" in text for text in made.prompts["alpha"])
    plain = classify(space, items, NAMES, shots=shots, method="zero-shot")
    right = [np.mean([a == b for a, b in zip(x.labels, truth, strict=True)]) for x in (said, plain)]
    assert right[0] > right[1] and plain.learned[0].generated is None
    document = json.loads(json.dumps(said.to_json()))
    assert document["learned"][0]["generated"]["kept"] is True


def test_glosses_that_say_nothing_change_nothing(
    space: Space, shots: dict[str, list[MediaItem]], tmp_path: Path
) -> None:
    bad = glosses(tmp_path, {"alpha": "qwrtzp", "beta": "lkjhgf"})
    item = shots["alpha"][0]
    said = classify(space, item, NAMES, shots=shots, glosses=bad)
    made = said.learned[0].generated
    assert made is not None and not made.kept and "did not surely beat" in made.reason
    assert made.prompts == {}
    plain = classify(space, item, NAMES, shots=shots)
    np.testing.assert_allclose(said.probabilities, plain.probabilities)
    forced = classify(space, item, NAMES, shots=shots, glosses=bad, keep_generated=True)
    kept = forced.learned[0].generated
    assert kept is not None and kept.kept and "as you asked" in kept.reason


def test_without_examples_nothing_is_kept_unless_asked(
    space: Space, shots: dict[str, list[MediaItem]], tmp_path: Path
) -> None:
    good = glosses(tmp_path, dict(TRUE))
    item = shots["alpha"][0]
    said = classify(space, item, NAMES, glosses=good)
    made = said.learned[0].generated
    assert made is not None and not made.kept and "no examples to judge them by" in made.reason
    plain = classify(space, item, NAMES)
    np.testing.assert_allclose(said.probabilities, plain.probabilities)
    forced = classify(space, item, NAMES, glosses=good, keep_generated=True)
    assert forced[0].label == "alpha"
    assert forced.learned[0].generated is not None
    assert forced.learned[0].generated.reason == "kept as you asked, without examples"


def test_a_language_model_describes_classes(
    space: Space, shots: dict[str, list[MediaItem]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_LLM_KEY", "k3y")

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        asked = body["messages"][0]["content"]
        name = "alpha" if "alpha" in asked else "beta"
        return says(f"A {TRUE[name]} shape.\nI'm sorry, as an AI.\n{TRUE[name]} and nothing else")(
            body
        )

    told: list[tuple[str, int, int]] = []
    with server(answer) as (address, seen):
        said = classify(
            space, shots["beta"][:3], NAMES, shots=shots, llm=address, llm_model="tiny",
            progress=lambda *step: told.append(step),
        )  # fmt: skip
    made = said.learned[0].generated
    assert made is not None and made.sources == ("language model",) and made.accuracy is not None
    assert [step for step in told if step[0].startswith("ask")][-1] == (
        "ask the language model", 2, 2
    )  # fmt: skip
    assert {key for *_, key in seen} == {"Bearer k3y"} and len(seen) == 4
    assert any("a refusal" in note for note in said.notes)
    with pytest.raises(InputError, match="cannot be reached"):
        classify(space, shots["beta"][0], NAMES, shots=shots, llm=address, llm_model="tiny")


def test_captions_of_a_store_near_the_examples(
    space: Space, shots: dict[str, list[MediaItem]], library: Path
) -> None:
    store = Store.in_memory(space)
    with pytest.raises(InputError, match="no texts to take captions from"):
        captions_of(store)
    store.add(library)
    captions = captions_of(store)
    assert len(captions.texts) == 12 and captions.vectors.shape == (12, space.dim)
    said = classify(space, shots["alpha"][0], NAMES, shots=shots, captions=captions)
    made = said.learned[0].generated
    assert made is not None and made.sources == ("captions",) and made.null is not None
    strange = Captions(("a",), np.eye(1, space.dim + 1))
    with pytest.raises(InputError, match="take them from a store of this space"):
        classify(space, shots["alpha"][0], NAMES, shots=shots, captions=strange)


def test_options_that_cannot_be_used_are_refused(
    space: Space, shots: dict[str, list[MediaItem]], tmp_path: Path
) -> None:
    item = shots["alpha"][0]
    for options, match in (
        ({"llm": "http://localhost:1/v1"}, "has an address and a name; give both"),
        ({"llm_model": "tiny"}, "give both"),
        ({"keep_generated": True}, "no generated prompts to keep"),
        ({"glosses": glosses(tmp_path, {"gamma": "x"})}, "'gamma', which is none of the classes"),
        ({"glosses": tmp_path / "none.toml"}, "cannot be read"),
    ):
        with pytest.raises(InputError, match=match):
            classify(space, item, NAMES, **options)
    with pytest.raises(InputError, match="'beta' has none"):
        given = {"alpha": "alpha", "beta": shots["beta"]}
        classify(space, item, given, glosses=glosses(tmp_path, {"alpha": "x"}))
    with pytest.raises(InputError, match="two classes are called 'x' in words"):
        classify(space, item, ["a/x", "b/x"], glosses=glosses(tmp_path, {"a/x": "y"}))


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", 'class,gloss\ncat,"a small, furry pet"\ncat,a hunter\n猫,宠物\n', 2),
        ("a.tsv", "cat\ta small pet\n", 1),
        ("a.json", '{"cat": ["a small pet", "a hunter"], "dog": "a pet"}', 2),
        ("a.toml", 'cat = "a small pet"', 1),
    ],
)
def test_glosses_in_each_format(tmp_path: Path, name: str, text: str, found: int) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig" if name != "a.toml" else "utf-8")
    read = read_glosses(path)
    assert len(read) == found and all(isinstance(each, str) for each in read["cat"])
    if name == "a.csv":
        assert read == {"cat": ("a small, furry pet", "a hunter"), "猫": ("宠物",)}


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.csv", "cat\n", "row 1 has 1 cells, need a class and a gloss"),
        ("a.csv", 'cat,"open\n', "is not CSV"),
        ("a.json", '["cat"]', "holds no glosses by name"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.json", '{"cat": 3}', "needs a gloss"),
        ("a.csv", "cat, \n", "needs a gloss"),
        ("a.txt", "cat", "glosses are a .toml, .json, .csv or .tsv file"),
    ],
)
def test_files_that_hold_no_glosses(tmp_path: Path, name: str, text: str, match: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=match):
        read_glosses(tmp_path / name)
