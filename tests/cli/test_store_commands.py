"""index, search, status, forget and doctor, as typed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli import running
from tests.conftest import CLASSIC
from tests.waiting import PATIENCE

from isthmus.core.record import Dataset
from isthmus.core.view import Direction
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.retrieval.index import _Run
from isthmus.tasks.retrieval.plan import Found


@pytest.fixture(scope="module")
def home(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space, pictures with Chinese names, and a broken one."""
    root = tmp_path_factory.mktemp("home")
    space.save(root / "space")
    folder = root / "图片"
    folder.mkdir()
    for number, record in enumerate(scenes.records[80:90]):
        decode(record.items["image"]).save(folder / f"图{number}.png")
        caption = record.items["text"].captions[0]
        (folder / f"词{number}.txt").write_text(caption, encoding="utf-8")
    whole = (folder / "图0.png").read_bytes()
    (folder / "坏.png").write_bytes(whole[: len(whole) // 2])
    (folder / "readme.pdf").write_bytes(b"%PDF-1.7")
    return root


def run(home: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    done = running.run(*arguments, cwd=home, ISTHMUS_STORE=str(home / "店"), COLUMNS="200")
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout, done.stderr


def answer(home: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(run(home, *arguments, "--json", code=code)[0])


def test_an_unusual_picture_is_named_and_an_impossible_one_is_damaged(
    home: Path, tmp_path: Path
) -> None:
    whole = (home / "图片/图0.png").read_bytes()
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "odd.jpg").write_bytes(b"\0\5\16\7\0\2\0\0" + bytes(40))
    index = ("index", str(tmp_path), "--space", "space", "--store", str(tmp_path / "s"))
    said, _ = run(home, *index)
    assert "1 file is not read:" in said and "odd.jpg: cannot be read: its name ends with" in said
    assert "a format that this space does not read" not in said
    (tmp_path / "noise.png").write_bytes(whole[9:])
    _, listed = run(home, *index, code=4)
    assert "noise.png: cannot be read: its name ends with .png, but it does not begin" in listed


def test_a_dry_run_writes_nothing(home: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(home / "图片", pictures)
    (pictures / "empty").mkdir()
    new = ("--space", str(home / "space"), "--dry-run", "--store")
    fresh = "would read 22 new or changed files"
    for folder in (tmp_path / "new", pictures / "empty"):
        before = everything(tmp_path)
        said, _ = run(home, "index", str(pictures), *new, str(folder))
        assert fresh in said and "Nothing was written." in said
        assert everything(tmp_path) == before
    run(home, "index", str(pictures), *new, str(pictures), code=1)  # is not empty

    store = ("--store", str(tmp_path / "store"))
    run(home, "index", str(pictures / "empty"), "--space", str(home / "space"), *store)
    for fresh in (22, 0):
        before = everything(tmp_path)
        said, _ = run(home, "index", str(pictures), *store, "--dry-run")
        assert f"would read {fresh} new or changed files" in said
        assert everything(tmp_path) == before
        run(home, "index", str(pictures), *store, code=4)


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """Files and folders under one, when they changed, and what they hold."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }


def test_the_whole_way(home: Path) -> None:
    todo = answer(home, "index", "图片", "--space", "space", "--dry-run")
    assert len(todo["fresh"]) == 22
    said, listed = run(home, "index", "图片", "--space", "space", code=4)
    assert (
        "Added 20 items" in said
        and "1 file has a format that isthmus does not read: 1 .pdf" in said
    )
    assert "坏.png: " in listed
    again = answer(home, "index", "图片", code=4)
    assert (again["added"], again["unchanged"], len(again["broken"])) == (0, 22, 1)
    assert again["broken"][0]["source"].endswith("坏.png")

    status = answer(home, "status", "--failed")
    assert status["items"] == {"image": 10, "text": 10} and status["failed"] == 2
    assert any("坏.png" in line for line in status["lists"]["failed"])

    caption = (home / "图片/词3.txt").read_text(encoding="utf-8")
    by_meaning = ("--view", "image", "--no-words", "--nearest")
    found = answer(home, "search", caption, *by_meaning, "-k", "10")
    assert {Path(h["source"]).suffix for h in found["hits"]} == {".png"}
    by_name = answer(home, "search", "图3", "-k", "3")
    assert by_name["hits"][0]["named"]
    assert any(hit["named"] and "图3" in hit["source"] for hit in by_name["hits"])
    shown, _ = run(home, "search", "图3", "-k", "2")
    assert "by its name" in shown and "图3.png" in shown
    by_picture = answer(home, "search", "图片/图4.png", "--view", "image", "-k", "3")
    assert by_picture["hits"][0]["source"].endswith("图4.png")
    found = answer(home, "search", caption, *by_meaning, "-k", "1")
    made = answer(home, "explain", caption, f"id:{found['hits'][0]['id']}")
    assert abs(made["probability"] - found["hits"][0]["probability"]) < 1e-3
    _, said = run(home, "explain", caption, "id:none", code=1)
    assert "holds no item" in said

    sound = answer(home, "doctor", "--deep")
    assert sound["sound"] and sound["damages"] == []
    assert answer(home, "forget", "图片/图4.png")["removed"] == 1
    assert answer(home, "status")["items"]["image"] == 9
    assert (home / "图片/图4.png").is_file()


def test_errors_say_the_way_out(home: Path, tmp_path: Path) -> None:
    _, said = run(home, "search", "cat", "--store", str(tmp_path / "none"), code=1)
    assert "isthmus index PATHS" in said
    _, said = run(home, "index", "nowhere", "--space", "space", "--store", "s2", code=1)
    assert "no file or folder 'nowhere'" in said
    _, said = run(home, "forget", code=1)
    assert "name the files or folders" in said
    _, said = run(home, "index", "图片", "--store", "图片", "--space", "space", code=1)
    assert "not empty and is not a store" in said
    _, said = run(home, "explain", "cat", "nowhere.png", "--space", "space", code=1)
    assert """if you mean words, type '"nowhere.png"'""" in said


def test_serve_makes_no_store_in_a_folder_that_is_not_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Path] = []
    monkeypatch.setattr(
        "isthmus.server.run.serve", lambda store, *_, **__: served.append(store.folder)
    )
    empty, typed = tmp_path / "pictures", tmp_path / "pictures2"
    empty.mkdir()
    serve = ("serve", "--space", "space", "--store")
    _, said = run(home, *serve, str(typed), code=1)
    assert f"{typed} holds no store. Did you mean '{empty}'? Make a store with: isthmus" in said
    assert f"isthmus index PATHS --store {typed}" in said
    assert not typed.exists() and not any(empty.iterdir())

    _, said = run(home, *serve, str(empty))
    assert f"There was no store in {empty}, so an empty one was made." in said
    own = tmp_path / "own"
    done = running.run(*serve[:3], cwd=home, ISTHMUS_STORE=str(own))
    assert done.returncode == 0 and f"There was no store in {own}" in done.stderr
    assert served == [empty, own]


def test_forgetting_what_is_not_there_is_an_error(home: Path, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    Image.new("RGB", (30, 30), "red").save(tmp_path / "some" / "a.png")
    store = ("--store", str(tmp_path / "s"))
    run(home, "index", str(tmp_path / "some"), "--space", "space", *store)
    for what in (("nothere",), ("--id", "none")):
        _, said = run(home, "forget", *what, *store, code=1)
        assert "holds nothing of what you named" in said
    (manifest, *_) = (tmp_path / "s" / "tables" / "items.lance" / "data").iterdir()
    manifest.write_bytes(b"x" * 99)
    said, _ = run(home, "doctor", "--deep", *store, code=1)
    assert f"isthmus doctor --repair --deep --store {tmp_path / 's'}" in said


def test_an_empty_folder_and_an_empty_store(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store = ("--store", str(tmp_path / "s"))
    done = answer(home, "index", str(tmp_path / "empty"), "--space", "space", *store)
    assert (done["added"], done["items"]) == (0, 0)
    said, _ = run(home, "search", "cat", *store, code=5)
    assert "The store is empty" in said


@pytest.mark.parametrize("batches", [0, 1])
def test_a_run_that_was_interrupted_says_how_to_go_on(
    home: Path, tmp_path: Path, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20 files, the first 16 are written before the others are read."""
    whole, done = _Run.batch, []

    def batch(run: _Run, some: Sequence[Found]) -> None:
        if len(done) == batches:
            raise KeyboardInterrupt
        whole(run, some)
        done.append(len(some))

    folder, store = tmp_path / "my pictures", ("--store", str(tmp_path / "s"))
    folder.mkdir()
    for path in sorted((home / "图片").glob("*[0-9].*")):
        shutil.copy(path, folder)
    typed = ("index", str(folder), *store, "--exclude", "a b*")
    with monkeypatch.context() as patch:
        patch.setattr(_Run, "batch", batch)
        _, said = run(home, *typed, "--space", "space", code=130)
    assert "can be searched" in said and done == [16] * batches
    way = f"isthmus index '{folder}' --store {tmp_path / 's'} --exclude 'a b*'"
    found, beside = run(home, "search", "红", *store, "--nearest", code=5)
    status, _ = run(home, "status", *store)
    for text in (beside if batches else found, status):
        assert (
            f"{folder} has not finished. If it is not running any more, go on with: {way}" in text
        )
    assert ("The store is empty" in found) == (not batches) and ("nothing yet" in status) != batches
    assert answer(home, *shlex.split(way)[1:])["added"] == 20 - 16 * batches
    assert answer(home, "status", *store)["unfinished"] == ""
    assert "not finished" not in "".join(run(home, "search", "红", *store, code=5))


def test_another_space_is_refused_with_the_way_out(home: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    shutil.copytree(home / "图片", tmp_path / "p")
    run(home, "index", str(tmp_path / "p"), "--space", "space", "--store", store, code=4)
    other = load("shapes", n=40, seed=6)
    align(other, CLASSIC, aligner="ridge", nested=False).save(tmp_path / "other")
    _, said = run(
        home,
        "index",
        str(tmp_path / "p"),
        "--space",
        str(tmp_path / "other"),
        "--store",
        store,
        code=1,
    )
    own = Space.load(home / "space").fingerprint[:12]
    known = ", ".join(f"{view}: {encoder}" for view, encoder in CLASSIC.items())
    assert f"made with the space {store}/space ({known}; fingerprint {own})" in said
    assert f"and not with {tmp_path / 'other'} ({known}; fingerprint " in said
    assert said.rstrip().endswith(f"--store OTHER --space {tmp_path / 'other'}")


def test_the_shipped_space_loads_and_names_its_encoders() -> None:
    space = Space.load("starter")
    assert set(space.views) == {"text", "image", "audio"}
    assert space.encoders["text"].spec == "universal"
    assert {
        Direction("text", "image"),
        Direction("image", "text"),
        Direction("text", "audio"),
    } <= set(space.calibration)
    folder = Path(sys.modules["isthmus"].__file__ or "").parent / "space/_starter"
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 12 * 2**20


def test_an_empty_folder_is_said_to_be_empty(home: Path) -> None:
    (home / "空").mkdir()
    said, _ = run(home, "index", "空", "--space", "space", "--store", "empty")
    assert said.startswith("There are no files to index")


@pytest.mark.parametrize("columns", [90, 0])
def test_thumbnails_in_a_terminal_that_says_nothing_of_itself(home: Path, columns: int) -> None:
    """It draws with coloured half blocks where it has a width; no library talks in between."""
    import fcntl
    import struct
    import termios

    pytest.importorskip("textual_image", reason="the extra 'terminal' is not installed")
    run(home, "index", "图片", "--space", str(home / "space"), code=4)
    command = ["search", "a red circle", "--view", "image", "--nearest", "-k", "2", "--thumbnails"]
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 40 * (columns > 0), columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "isthmus", *command],
        cwd=home,
        stdin=writer,
        stdout=writer,
        stderr=writer,
        env={
            **os.environ,
            "ISTHMUS_STORE": str(home / "店"),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        },
    )
    os.close(writer)
    parts = []
    try:
        while part := os.read(reader, 65_536):
            parts.append(part)
    except OSError:  # the other side has closed
        pass
    os.close(reader)
    shown = b"".join(parts).decode(errors="replace")
    assert process.wait(PATIENCE) in (0, 5), shown
    assert ("▀" in shown or "▄" in shown) == (columns > 0)
    assert "Traceback" not in shown and "cell size" not in shown


def test_what_stays_and_what_is_listed(home: Path, tmp_path: Path) -> None:
    """A name that is not UTF-8 beside a good file, content in two places, a file that changed."""
    keep, private = tmp_path / "keep", tmp_path / "private"
    for folder in (keep, private):
        folder.mkdir()
        shutil.copy(home / "图片/图1.png", folder / "both.png")
    shutil.copy(home / "图片/图2.png", private / "only.png")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    shutil.copy(home / "图片/图3.png", odd)
    store = ("--store", str(tmp_path / "s"))
    some = (odd, str(keep), str(private), "--space", "space")
    done = answer(home, "index", *some, *store, code=4)
    assert (done["added"], len(done["broken"])) == (2, 1)
    assert "not UTF-8" in done["broken"][0]["reason"]
    said, _ = run(home, "forget", str(private), *store)
    assert "Removed 1 item;" in said and "1 kept, because another file holds the same" in said
    assert str(keep / "both.png") in said
    shutil.copy(home / "图片/图4.png", keep / "both.png")
    checked = answer(home, "doctor", "--deep", *store, code=1)
    assert str(keep / "both.png") in checked["damages"][0]["what"]
    newline = ("--store", str(tmp_path / "a\nb"))
    _, refused = run(home, "index", str(keep), "--space", "space", *newline, code=1)
    assert "choose another folder" in refused and "Traceback" not in refused


def test_recommend_takes_the_store_beside_it_or_as_an_option(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, store = home / "图片", tmp_path / "store"
    run(home, "index", str(media / "词1.txt"), "--space", "space", "--store", str(store))
    like = ("--like", "a red circle", "--json")
    beside = answer(home, "recommend", str(store), *like)
    assert beside["items"] and answer(home, "recommend", "-s", str(store), *like) == beside
    done = running.run("recommend", str(store), "--store", "other", *like, cwd=home)
    assert done.returncode == 1 and f"named twice, {store} and --store other" in done.stdout
    set_by_file = tmp_path / "isthmus.toml"
    set_by_file.write_text('store = "none"\n', encoding="utf-8")
    monkeypatch.setenv("ISTHMUS_CONFIG", str(set_by_file))
    found = running.run("recommend", str(store), *like, cwd=home)
    assert found.returncode == 0 and json.loads(found.stdout) == beside
