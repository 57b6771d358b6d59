"""Labels by examples, for scenes that the space has not seen, by the colour of their shapes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tasks.test_classify import colour

from isthmus.core.errors import ArtifactError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import l2_normalize
from isthmus.core.record import Dataset, Record
from isthmus.core.view import Direction
from isthmus.media import decode
from isthmus.space import Space
from isthmus.store._database import Database
from isthmus.tasks import Annotation, Store, annotate, annotate_store
from isthmus.tasks.zeroshot.judging import Judges
from isthmus.tasks.zeroshot.options import ClassifyOptions

COLOURS = ["black", "blue", "green", "orange", "purple", "red", "yellow"]


@pytest.fixture(scope="module")
def new(scenes: Dataset) -> list[Record]:
    return list(scenes.records[80:])


@pytest.fixture(scope="module")
def shots(new: list[Record]) -> dict[str, list[MediaItem]]:
    """Two or more pictures of most colours, new to the space."""
    made: dict[str, list[MediaItem]] = {}
    for record in new[:20]:
        made.setdefault(colour(record), []).append(record.items["image"])
    return {name: some for name, some in made.items() if len(some) > 1}


KILLED = """
import os, signal, sys
from isthmus.store._database import Database
from isthmus.tasks import Store, annotate_store
Database.merge = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with Store.open(sys.argv[1]) as store:
    annotate_store(store, ["blue"], least=0.0, replace=True)
"""
"""Is killed as it is about to write."""


def table(said: Annotation) -> np.ndarray:
    rows = [{x.name: x.probability for x in item.labels} for item in said.items]
    return np.array([[row[name] for name in said.names] for row in rows])


def test_examples_alone_tell_a_label_from_others(
    space: Space, new: list[Record], shots: dict[str, list[MediaItem]]
) -> None:
    asked = [record.items["image"] for record in new[20:]]
    nameless = {f"label {number}": some for number, some in enumerate(shots.values())}
    said = annotate(space, asked, nameless, least=0.0)
    right = np.array([[colour(r) == name for name in shots] for r in new[20:]])
    p = table(said)
    assert p[right].mean() > 2 * p[~right].mean()
    assert ((p >= 0) & (p <= 1)).all() and not np.allclose(p.sum(axis=1), 1)  # each by itself
    assert {check.label for check in said.checks} == set(nameless)
    for check in said.checks:
        assert check.view == "image" and 0 <= check.above <= 1
    assert np.mean([check.above for check in said.checks]) > 0.7
    document = json.loads(json.dumps(said.to_json()))
    assert document["checks"][0]["chance"] == 0.5


def test_words_count_as_one_example_and_views_are_brought_together(
    space: Space, new: list[Record]
) -> None:
    picture, sound = new[0].items["image"], new[1].items["audio"]
    given = {"both": ["a red circle", picture, sound], "words": "a red circle", "one": picture}
    judges = Judges.of(space, given, None, ClassifyOptions(prompts="name"), None)
    judge = judges.judge("image")
    words = space.embed(["a red circle"], "text").vectors
    moved = [
        l2_normalize(
            space.embed([item], view).vectors + space.typical("text") - space.typical(view)
        )
        for item, view in ((picture, "image"), (sound, "audio"))
    ]
    expected = [words + moved[0] + moved[1], words, moved[0]]
    np.testing.assert_allclose(judge.vectors, l2_normalize(np.vstack(expected)), atol=1e-5)
    x = space.embed([r.items["image"] for r in new[:5]], "image").vectors
    known = space.calibration[Direction("text", "image")]
    hubness = space.hubness(x, "image")[:, space.views.index("text")]
    background = space.backgrounds(judge.vectors[2:], "text")["image"]
    alone = known.probability(judge.vectors[2:] @ x.T, hubness, background)[0]
    np.testing.assert_allclose(judge(x)[:, 2], alone, atol=1e-5)
    by_words = annotate(space, picture, ["a red circle"], least=0.0, prompts="name")
    assert judge(x)[0, 1] == pytest.approx(by_words.items[0].labels[0].probability, abs=1e-6)


def test_examples_with_nothing_in_common_are_doubted(space: Space, new: list[Record]) -> None:
    mixed = {colour(record): record.items["image"] for record in new}  # one of each colour
    said = annotate(space, new[0].items["image"], {"mixed": list(mixed.values())[:2]}, least=0.0)
    (check,) = said.checks
    if check.above < 0.75:
        assert any("have little in common" in note for note in said.notes)
    lone = annotate(space, new[0].items["image"], {"one": new[1].items["image"]}, least=0.0)
    assert lone.checks == ()  # nothing can be left out


def test_folders_names_or_both(
    space: Space, shots: dict[str, list[MediaItem]], new: list[Record], tmp_path: Path
) -> None:
    for name, some in shots.items():
        (tmp_path / name).mkdir()
        for number, item in enumerate(some):
            decode(item).save(tmp_path / name / f"{number}.png")
    (tmp_path / "stray.png").write_bytes(b"")
    item = new[0].items["image"]
    folders = annotate(space, item, shots=tmp_path, least=0.0)
    assert set(folders.names) == set(shots)
    assert any(failure.reason == "lies in no folder of a class" for failure in folders.failures)
    first, *others = shots
    mixed = annotate(space, item, [first, "star"], shots=tmp_path, least=0.0)
    assert mixed.names[:2] == (first, "star") and set(mixed.names[2:]) == set(others)
    worded = {spec.name for spec in Judges.of(
        space, [first, "star"], tmp_path, ClassifyOptions(), None).specs if spec.words}  # fmt: skip
    assert worded == {first, "star"}


def test_a_store_is_annotated_by_examples_of_its_own_kind(
    space: Space, shots: dict[str, list[MediaItem]], library: Path
) -> None:
    store = Store.in_memory(space)
    store.add(library)
    told: list[tuple[str, int, int]] = []
    said = annotate_store(
        store, {"mine": shots["red"]}, least=0.0, progress=lambda *step: told.append(step)
    )
    assert len(said.items) == 24 and said.checks[0].view == "image"
    assert told[-1] == ("label items", 24, 24)
    before = {entry.id: entry.labels for entry in store.backend.entries()}
    assert sum(map(bool, before.values())) == 24

    def stop(phase: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate_store(store, ["blue"], least=0.0, progress=stop)
    assert {entry.id: entry.labels for entry in store.backend.entries()} == before


@pytest.mark.parametrize("where", ["judging", "writing", "killed while writing"])
def test_a_run_that_ends_early_leaves_the_labels_of_a_store_on_disk(
    space: Space, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with Store.open(tmp_path / "store", space) as store:
        store.add(sorted(library.glob("*.png"))[:4])
        annotate_store(store, ["red"], least=0.0)
        before = {entry.id: entry.labels for entry in store.backend.entries()}
        assert len(before) == 4 and all(before.values())

        def fail(*_: object, **__: object) -> None:
            raise OSError("the disk is full")

        if where == "killed while writing":
            child = subprocess.run([sys.executable, "-c", KILLED, store.folder], check=False)
            assert child.returncode == -signal.SIGKILL
        else:
            given: dict[str, Any] = {"progress": fail} if where == "judging" else {}
            if where == "writing":
                monkeypatch.setattr(Database, "merge", fail)
            with pytest.raises((OSError, ArtifactError), match="the disk is full"):
                annotate_store(store, ["blue"], least=0.0, replace=True, **given)
            monkeypatch.undo()
    with Store.open(tmp_path / "store") as again:
        assert {entry.id: entry.labels for entry in again.backend.entries()} == before
        assert again.check(deep=True) == []
        annotate_store(again, ["blue"], least=0.0, replace=True)  # nothing is locked
        assert {n for e in again.backend.entries() for n, _ in e.labels} == {"blue"}


def test_labels_that_cannot_be_judged_are_refused(
    space: Space, new: list[Record], tmp_path: Path
) -> None:
    item = new[0].items["image"]
    broken = tmp_path / "broken.png"
    broken.write_bytes(decode(item).tobytes()[:50])
    text = tmp_path / "half.png"
    decode(item).save(text)
    text.write_bytes(text.read_bytes()[:100])
    for given, match in (
        ({"mine": []}, "the label 'mine' has neither words nor an example"),
        ({"mine": [broken]}, "the label 'mine' has neither words nor an example"),
        ({"mine": [text]}, "the label 'mine' has neither words nor an example that can be used"),
    ):
        with pytest.raises(InputError, match=match):
            annotate(space, item, given)
    bare = Space(space.heads, space.banks, space.encoders)
    with pytest.raises(InputError, match="no calibration from text to image"):
        annotate(bare, item, {"mine": item})


def test_examples_that_the_space_has_learned_from_are_told(
    space: Space, scenes: Dataset, new: list[Record]
) -> None:
    own = [record.items["image"] for record in scenes.records[:3]]
    said = annotate(space, new[0].items["image"], {"mine": own}, least=0.0)
    assert any("the space has learned from 3 of 3 examples" in note for note in said.notes)


def test_records_of_several_views_are_annotated_view_by_view(
    space: Space, new: list[Record]
) -> None:
    images = [record.items["image"] for record in new[:3]]
    sounds = [None, *(record.items["audio"] for record in new[1:3])]
    said = annotate(space, {"image": images, "audio": sounds}, ["red"], least=0.0)
    assert [item.view for item in said.items] == ["image", "image", "audio", "image", "audio"]


def test_views_without_a_calibration_are_passed_over_and_told(
    space: Space, new: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a red circle", encoding="utf-8")
    said = annotate(space, [tmp_path / "a.txt", new[0].items["image"]], ["red"], least=0.0)
    assert [item.view for item in said.items] == ["image"]
    assert "1 item of text got no label: the space has no calibration" in said.notes[0]
    with pytest.raises(InputError, match="no calibration from text to text"):
        annotate(space, tmp_path / "a.txt", ["red"])
