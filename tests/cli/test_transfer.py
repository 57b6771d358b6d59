"""``isthmus transfer``: from folders of examples to a report and a library."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.running import run

from isthmus.core.artifact import load_artifact, save_artifact
from isthmus.core.errors import FingerprintError, InputError
from isthmus.core.record import Dataset
from isthmus.media import decode
from isthmus.prompts.transfer import Library, Source
from isthmus.prompts.transfer.library import KIND
from isthmus.space import Space
from isthmus.tasks import transferring
from isthmus.tasks.transferring import transfer_to

COLOURS, SHAPES = ("red", "blue", "green", "yellow"), ("circle", "square", "triangle")


@pytest.fixture(scope="module")
def shots(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes that the space has not seen: some by colour, some by shape, some by shape to test."""
    root = tmp_path_factory.mktemp("shots")
    for number, record in enumerate(scenes.records[80:]):
        words = record.items["text"].captions[0].lower().split()
        picture = decode(record.items["image"])
        task = ("colours", "shapes", "test")[number % 3]
        classes = COLOURS if task == "colours" else SHAPES
        named = [each for each in classes if each in words]
        if len(named) == 1:
            folder = root / task / named[0]
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def saved(space: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The space in a folder."""
    return space.save(tmp_path_factory.mktemp("space") / "space")


def test_a_task_is_transferred_measured_and_kept(shots: Path, saved: Path, tmp_path: Path) -> None:
    library = tmp_path / "prompts"
    done = run(
        "transfer", shots / "shapes", "--from", shots / "colours", "--library", library,
        "--keep", "shapes", "--test", shots / "test", "--space", saved, "--no-cache", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["view"] == "image" and len(said["classes"]) >= 2
    assert [each["name"] for each in said["sources"]] == ["colours"]
    starts = {each["start"] for each in said["trials"]}
    assert starts == {"none", "nearest", "mixture", "rank-one"}
    assert set(said["tested"]) == {"transfer", "none", "words"}
    for each in said["tested"].values():
        assert 0 <= each["macro_f1"] <= 1 and each["chance"] == 1 / len(said["classes"])
    if said["start"] == "none":
        assert said["tested"]["transfer"] == said["tested"]["none"]
    assert said["learned_from"] == 0
    assert said["library"] == ["colours", "shapes"]
    assert [each.name for each in Library.load(library).sources] == ["colours", "shapes"]
    # The task itself is no source of itself, and the library serves without --from.
    again = run("transfer", shots / "shapes", "--library", library, "--keep", "shapes",
                "--space", saved, "--no-cache")  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "Nearest source tasks, by class names: colours" in again.stdout
    assert not re.search(r" -\d|[-−]0\.0+\b", again.stdout)
    assert "holds 2 tasks" in again.stdout and "chance" not in again.stderr


def test_what_is_missing_is_said(shots: Path, saved: Path, tmp_path: Path) -> None:
    none = run("transfer", shots / "shapes", "--space", saved, "--no-cache")
    assert none.returncode == 1 and "no source task was given" in none.stderr
    assert "isthmus transfer shots/food --from shots/animals" in none.stderr
    lost = run("transfer", shots / "shapes", "--library", tmp_path / "nolib", "--space", saved)
    assert lost.returncode == 1 and f"no library in {tmp_path / 'nolib'}" in lost.stderr
    assert "isthmus.transfer_to" not in lost.stderr + none.stderr
    away = run("transfer", tmp_path / "nothing", "--from", shots / "colours", "--space", saved)
    assert away.returncode == 1 and "is no folder" in away.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    kept = run("transfer", shots / "shapes", "--from", shots / "colours", "--library",
               tmp_path / "mine", "--space", saved)  # fmt: skip
    assert kept.returncode == 1 and "is not a saved prompt library" in kept.stderr


def test_a_library_of_another_space_is_refused(shots: Path, space: Space) -> None:
    other = Library("0" * 32, "image", space.dim)
    with pytest.raises(FingerprintError, match="learn its sources again"):
        transfer_to(space, shots / "shapes", sources=[shots / "colours"], library=other)
    with pytest.raises(InputError, match="single path"):
        transfer_to(space, shots / "shapes", sources=str(shots / "colours"))
    with pytest.raises(InputError, match="two source folders are called 'colours'"):
        transfer_to(space, shots / "shapes", sources=[shots / "colours", shots / "colours"])


def test_examples_that_the_space_has_learned_from_are_told(
    scenes: Dataset, space: Space, shots: Path, tmp_path: Path
) -> None:
    for record in scenes.records[:40]:
        words = record.items["text"].captions[0].lower().split()
        named = [each for each in COLOURS[:2] if each in words]
        if len(named) == 1:
            (tmp_path / named[0]).mkdir(exist_ok=True)
            decode(record.items["image"]).save(tmp_path / named[0] / f"{record.id}.png")
    done = transfer_to(space, tmp_path, sources=[shots / "shapes"])
    assert done.seen == sum(1 for _ in tmp_path.glob("*/*.png")) > 3


def test_what_was_learned_from_the_same_examples_takes_no_part(
    shots: Path, space: Space, tmp_path: Path
) -> None:
    # A copy has another name and the same content.
    shutil.copytree(shots / "shapes", tmp_path / "copy")
    both = {"copy": tmp_path / "copy", "colours": shots / "colours"}
    done = transfer_to(space, shots / "shapes", sources=both, test=shots / "test")
    assert [name for name, _ in done.transfer.sources] == ["colours"]
    files = sum(1 for _ in (shots / "shapes").glob("*/*.png"))
    assert done.notes == (
        f"the source copy was learned from {files} examples of this task, so it is left out",
    )
    kept = Library.load(done.library.save(tmp_path / "prompts"))
    assert [len(each.items) for each in kept.sources if each.name == "copy"] == [files]
    with pytest.raises(InputError, match=r"every source \(copy\) was learned from examples of"):
        transfer_to(space, shots / "shapes", sources={"copy": tmp_path / "copy"})
    typed = ("transfer", shots / "shapes", "--from", shots / "shapes", "--no-cache")
    assert "every source (shapes)" in run(*typed, "--space", space.save(tmp_path / "space")).stderr


def test_only_new_test_items_count(shots: Path, space: Space, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(shots / "test", mixed)
    old = next((shots / "shapes").glob("*/*.png"))
    shutil.copy(old, mixed / old.parent.name / "old.png")
    made = [
        transfer_to(space, shots / "shapes", sources=[shots / "colours"], test=test)
        for test in (shots / "test", mixed)
    ]
    total = 1 + sum(1 for _ in (shots / "test").glob("*/*.png"))
    assert made[0].tested == made[1].tested and made[0].notes == ()
    assert made[1].notes[0].startswith(f"1 test item of {total} do")
    with pytest.raises(InputError, match="each test item is an example"):
        transfer_to(space, shots / "shapes", sources=[shots / "colours"], test=shots / "shapes")


def test_a_library_without_content_ids_still_serves_with_a_note(
    shots: Path, space: Space, tmp_path: Path
) -> None:
    words = np.eye(space.dim)[:2]
    source = Source("old", ("a", "b"), words, np.zeros_like(words), 4, frozenset({"x"}))
    folder = Library("0" * 32, "image", space.dim, (source,)).save(tmp_path / "prompts")
    assert Library.load(folder).sources[0].items == {"x"}
    document, tensors = load_artifact(folder, KIND)
    del document["sources"][0]["items"]
    save_artifact(folder, KIND, document, tensors)
    older = Library.load(folder)
    assert older.sources[0].items == frozenset()
    older = replace(older, space=space.fingerprint)
    done = transfer_to(space, shots / "shapes", library=older)
    assert "source old does not tell which examples it was learned from" in done.notes[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "moment", ["isthmus.prompts.transfer.transfer:_nested", "isthmus.core.artifact:_swap"]
)
def test_ctrl_c_leaves_the_library_as_it_was(
    shots: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    module, _, name = moment.partition(":")
    home = importlib.import_module(module)
    library = tmp_path / "prompts"
    typed = ("transfer", shots / "shapes", "--from", shots / "colours", "--library", library)
    more = ("--keep", "shapes", "--space", saved, "--no-cache")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(home, name, stop)
        done = run(*typed, *more)
        assert done.returncode == 130 and "Interrupted" in done.stderr
        assert "no vectors are kept" in done.stderr and "made so far" not in done.stderr
        kept = run(*typed, *more[:-1])
        assert "Vectors made so far are kept" in kept.stderr
        assert list(tmp_path.iterdir()) == []
    assert run(*typed, *more).returncode == 0
    before = contents(library)
    with monkeypatch.context() as patch:
        patch.setattr(home, name, stop)
        assert run(*typed, *more, "--json").returncode == 130
    assert contents(library) == before and list(tmp_path.iterdir()) == [library]


def test_progress_is_told_to_its_end(shots: Path, saved: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def progress(phase: str, done: int, total: int) -> None:
        told.setdefault(phase, []).append((done, total))

    transfer_to(Space.load(saved), shots / "shapes", sources=[shots / "colours"], progress=progress)
    assert set(told) >= {"encode image", "try starts"}
    tried = told["try starts"]
    assert [done for done, _ in tried] == list(range(1, len(tried) + 1))
    assert tried[-1][0] == tried[-1][1]


def test_what_another_process_keeps_meanwhile_stays(
    shots: Path, saved: Path, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, whole = tmp_path / "prompts", transferring.transfer_to
    words = np.eye(space.dim)[:2]
    other = Source("other", ("a", "b"), words, np.zeros_like(words), 4)

    def slow(*given: Any, **named: Any) -> Any:
        done = whole(*given, **named)
        replace(done.library, sources=(other,)).save(library)
        return done

    monkeypatch.setattr(transferring, "transfer_to", slow)
    typed = ("transfer", shots / "shapes", "--from", shots / "colours", "--library", library)
    assert run(*typed, "--keep", "mine", "--space", saved).returncode == 0
    assert {each.name for each in Library.load(library).sources} >= {"other", "mine"}


def test_what_cannot_be_kept_is_refused(shots: Path, saved: Path, tmp_path: Path) -> None:
    typed = ("transfer", shots / "shapes", "--from", shots / "colours", "--space", saved)
    lone = run(*typed, "--keep", "mine")
    assert lone.returncode == 1 and "--library DIR" in lone.stderr
    long = run(*typed, "--library", tmp_path / "new", "--keep", "n" * 201)
    assert long.returncode == 1 and "1 to 200" in long.stderr and not (tmp_path / "new").exists()
