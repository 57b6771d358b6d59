from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli import running
from tests.waiting import PATIENCE, until

from isthmus import encoders
from isthmus.core.errors import MissingExtraError
from isthmus.datasets import load, shapes

WORDS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 220), "grey": (128,) * 3}


def isthmus(*arguments: str | Path, cwd: Path | None = None) -> running.Done:
    return running.run(*arguments, cwd=cwd, COLUMNS="120", NO_COLOR="1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's own folder: pictures and captions by stem, Chinese and emoji names, bad files."""
    root = tmp_path_factory.mktemp("我的照片 📷")
    for number, record in enumerate(load("shapes", n=48, seed=3).records):
        place = root / f"专辑{number % 6}"
        place.mkdir(exist_ok=True)
        stem = place / f"图片{number}🎈"
        stem.with_suffix(".png").write_bytes(record.items["image"].read())
        stem.with_suffix(".txt").write_text(record.items["text"].captions[0], encoding="utf-8")
    whole = (root / "专辑0" / "图片0🎈.png").read_bytes()
    (root / "专辑1" / "坏的.png").write_bytes(whole[: len(whole) // 2])
    (root / "专辑1" / "坏的.txt").write_text("a broken picture", encoding="utf-8")
    (root / "专辑2" / "空.png").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def space(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out") / "space"
    done = isthmus("align", folder, "-o", place, *CLASSICAL, "--aligner", "ridge", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {Path(f["source"]).name for f in found["data"]["left_out"]} == {"坏的.png", "空.png"}
    assert found["data"]["pairs"] == [{"pair": {"a": "text", "b": "image"}, "value": 48}]
    return place


CLASSICAL = ("-e", "text=tfidf", "-e", "image=color-hog")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import runpy, sys\n"
        "sys.argv = ['isthmus', '--help']\n"
        "try:\n"
        "    runpy.run_module('isthmus', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "heavy = {'torch', 'pyarrow', 'sklearn', 'onnxruntime', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "align" in done.stdout


@pytest.mark.parametrize("command", ["demo", "align", "eval", "embed", "data", "data get"])
def test_every_command_explains_itself(command: str) -> None:
    done = isthmus(*command.split(), "--help")
    assert done.returncode == 0 and "Usage" in done.stdout


def test_align_lists_what_it_left_out_and_saves_a_card(space: Path) -> None:
    card = (space / "README.md").read_text(encoding="utf-8")
    assert "| gallery | chance R@1 | chance R@10 | shuffled R@10 |" in card
    (row,) = (line for line in card.splitlines() if line.startswith("| text→image |"))
    gallery, first, tenth = (float(cell) for cell in row.split("|")[5:8])
    assert first == pytest.approx(1 / gallery, rel=0.2) and first < tenth <= 1  # folds differ


def test_eval_measures_every_direction(space: Path, folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = isthmus("eval", space, folder, "--json", "--report", report)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (row,) = (
        each["instance"]
        for each in found["directions"]
        if each["direction"] == {"query": "text", "gallery": "image"}
    )
    assert row["n_gallery"] == 48 and row["r10"] > 2 * row["chance_r10"]
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    human = isthmus("eval", space, folder)
    assert "text→image" in human.stdout and "Left out 2" in human.stderr


def test_embed_gives_unit_vectors_and_names_the_bad_file(
    space: Path, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "v.npz"
    done = isthmus("embed", space, folder, "--view", "image", "-o", target)
    assert done.returncode == 4
    assert "坏的.png" in done.stderr
    with np.load(target, allow_pickle=False) as found:
        assert found["vectors"].shape[0] == 48 == len(found["sources"])
        np.testing.assert_allclose(np.linalg.norm(found["vectors"], axis=1), 1, atol=1e-5)
    done = isthmus("embed", space, "一个红色的圆", "a red circle", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert [row["source"] for row in rows] == ["一个红色的圆", "a red circle"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("align", "no-such-folder", "-o", "s"), "no-such-folder"),
        (("align", "tuxpant", "-o", "s"), "tuxpaint"),
        (("eval", "nowhere", "shapes"), "nowhere does not exist"),
        (("align", "shapes", "-o", "s", "-d", "n"), "NAME=VALUE"),
        (("align", "shapes", "-o", "s", "-d", "colour=red"), "colour"),
        (("align", "shapes", "-o", "s", "--aligner", "magic"), "magic"),
        (("align", "shapes", "-o", "s", "-e", "text=bert"), "bert"),
        (("align", "shapes", "-o", "s", "-e", "smell=tfidf"), "smell"),
        (("embed", "nowhere", "text"), "--out FILE.npz"),
        (("data", "get", "imagenet"), "imagenet"),
    ],
)
def test_mistakes_get_a_message_and_exit_code_1(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = isthmus(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "s").exists()


def test_mistakes_are_json_where_json_is_asked_for(tmp_path: Path) -> None:
    done = isthmus("align", "no-such", "-o", tmp_path / "s", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "MissingDataError"


def test_a_foreign_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = isthmus("align", "shapes", "-o", tmp_path, *CLASSICAL)
    assert done.returncode == 1 and "choose another name" in done.stderr
    assert "encode" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = isthmus("align", tmp_path / "empty", "-o", tmp_path / "s")
    assert done.returncode == 1 and "empty" in done.stderr


def test_pairs_without_signal_are_refused_with_code_3(tmp_path: Path) -> None:
    """Captions dealt at random to plain pictures."""
    rng = np.random.default_rng(0)
    root = tmp_path / "noise"
    root.mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(root / f"{i}.png")
        (root / f"{i}.txt").write_text(" ".join(rng.choice(list(WORDS), 4)))
    done = isthmus(
        "align", root, "-o", tmp_path / "s", *CLASSICAL, "--aligner", "cca", "--no-groups"
    )
    assert done.returncode == 3, done.stderr
    assert "no better than shuffled" in done.stderr
    assert not (tmp_path / "s").exists()


def test_interrupting_keeps_the_cache_and_leaves_no_half_space(tmp_path: Path) -> None:
    env = {**os.environ, "ISTHMUS_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "isthmus", "align", "shapes", "-d", "n=400", "-o", "s"]
    command += [*CLASSICAL, "-e", "audio=mfcc"]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.PIPE,
        # A run in the background of a shell, such as with nohup, is told to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    vectors = tmp_path / "cache" / "vectors.sqlite"
    until(lambda: vectors.exists() or running.poll() is not None)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, errors
    assert "so the next run takes less time" in errors and "Traceback" not in errors
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("wrapped", ["no", "ImportError", "MissingExtraError"])
def test_ctrl_c_while_a_library_is_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, wrapped: str
) -> None:
    def stopped(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            if wrapped == "no":
                raise
            half = ImportError("initialization failed")
            if wrapped == "ImportError":  # as compiled modules raise it
                raise half from error
            half.__context__ = error
            raise MissingExtraError("pip install isthmus[ray]") from half

    monkeypatch.setattr("isthmus.cli.data.load_data", stopped)
    done = isthmus("data", "show", "shapes")
    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted."


def test_ctrl_c_while_the_command_line_is_imported_is_no_traceback() -> None:
    code = (
        "import sys\n"
        "class Stopped:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'isthmus.cli.search':\n"
        "            try:\n"
        "                raise KeyboardInterrupt\n"
        "            except KeyboardInterrupt as error:\n"
        "                raise ImportError('initialization failed') from error\n"
        "sys.meta_path.insert(0, Stopped())\n"
        "from isthmus.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


def test_data_show_counts(folder: Path) -> None:
    found = json.loads(isthmus("data", "show", folder, "--json").stdout)
    assert found["pairs"] == [{"pair": {"a": "text", "b": "image"}, "records": 49}]
    assert found["groups"] == 6


def test_columns_of_a_table_become_views(folder: Path, tmp_path: Path) -> None:
    """Two views of text and one of pictures, with names of their own, through every command."""
    pictures = sorted(p for p in folder.rglob("*.png") if p.stem != "坏的" and p.stat().st_size)
    rows = ["photo,question,reply"]
    rows += [f"{p},{p.stem} {p.parent.name},a {p.parent.name} {p.stem}" for p in pictures]
    table = folder / "pairs.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    columns = ("--column", "photo=photo:image", "--column", "question=the question:text")
    columns += ("--column", "reply=the answer:text")
    shown = isthmus("data", "show", table, *columns)
    assert f"{len(pictures)} photo (image)" in shown.stdout
    assert "the answer–the question" in shown.stdout
    encoders = ("-e", "photo=color-hog", "-e", "the question=tfidf", "-e", "the answer=tfidf")
    place = tmp_path / "space"
    options = (*columns, *encoders, "--aligner", "ridge", "--no-groups", "-o", place, "--json")
    done = isthmus("align", table, *options)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["encoders"]) == {"photo", "the question", "the answer"}
    done = isthmus("eval", place, table, *columns, "--report", tmp_path / "r.html", "--json")
    assert done.returncode == 0, done.stderr
    found = {tuple(d["direction"].values()) for d in json.loads(done.stdout)["directions"]}
    assert len(found) == 6 and ("the question", "the answer") in found
    assert "the answer" in (tmp_path / "r.html").read_text(encoding="utf-8")
    done = isthmus("data", "show", table, "--column", "photo")
    assert done.returncode == 1 and "NAME=VIEW:MODALITY" in done.stderr


def test_demo_on_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shapes.load.__kwdefaults__, "n", 120)
    monkeypatch.setattr(encoders, "DEFAULTS", encoders.CLASSICAL)  # the README runs the others
    done = isthmus("demo", "--data", "shapes", "-o", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {tuple(way.values()) for way in found["emergent"]} == {
        ("audio", "image"),
        ("image", "audio"),
    }
    assert len(found["directions"]) == 6
    for each in found["directions"]:
        row = each["instance"]
        assert row["r10"] > 1.5 * row["chance_r10"], each["direction"]
    assert set(found["languages"]) == {"en", "zh"}
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "蓝色的三角形" in page and "a large red circle" in page
    assert (tmp_path / "demo" / "space" / "README.md").is_file()


def test_a_space_is_replaced_only_when_asked_and_other_files_never_go(
    space: Path, folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "space"
    shutil.copytree(space, place)
    arguments = ("align", folder, "-o", place, *CLASSICAL, "--aligner", "ridge")
    assert "--overwrite" in isthmus(*arguments).stderr
    assert isthmus(*arguments, "--overwrite").returncode == 0
    (place / "notes.txt").write_text("mine")
    done = isthmus(*arguments, "--overwrite")
    assert done.returncode == 1 and "notes.txt" in done.stderr
    assert (place / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("align", "shapes", "-o", "/proc/none/space"),
        ("align", "shapes", "-o", "s", "--report", "/proc/none/report.html"),
        ("align", "shapes", "-o", "s", "--report", "."),
        ("align", "shapes", "-o", "s", "-d", "n=many"),
        ("align", "shapes", "-o", "s", "--aligner", "cca", "-p", "ridge=much"),
    ],
)
def test_what_cannot_be_written_or_read_is_told_before_any_work(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = isthmus(*arguments, *CLASSICAL, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and "encode" not in done.stderr


def test_embedding_nothing_usable_writes_nothing(space: Path, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "v.npz"
    done = isthmus("embed", space, folder / "专辑1" / "坏的.png", "--view", "image", "-o", target)
    assert done.returncode == 1 and "坏的.png" in done.stderr and not target.exists()
    done = isthmus("embed", space, folder, "--view", "smell", "-o", target)
    assert done.returncode == 1 and "its views are text, image" in done.stderr


def test_tables_fit_eighty_columns(space: Path, folder: Path) -> None:
    done = isthmus("eval", space, folder)
    table = [line for line in done.stdout.splitlines() if "→" in line]
    assert len(table) == 2 and all(len(line) <= 80 and "…" not in line for line in table)


def test_a_caption_in_another_encoding_says_so(tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_bytes("沙滩上有一个男孩在挖洞".encode("gbk"))
    (tmp_path / "dog.txt").write_text("a dog")
    done = isthmus("data", "show", tmp_path)
    assert "not UTF-8" in done.stderr and "cat.txt" in done.stderr


def test_output_that_is_not_utf8_shows_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "Mädchen 猫.tsv"
    path.write_text("id\ttext\n0\ta girl\n", encoding="utf-8")
    for encoding, shown in (("ascii", "M?dchen ?.tsv"), ("latin-1", "Mädchen ?.tsv")):
        done = running.run("data", "show", path, encoding=encoding, COLUMNS="120")
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
