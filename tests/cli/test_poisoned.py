"""The command line decodes nothing in its own process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image
from typer.testing import CliRunner

import isthmus.selection
from isthmus import encoders
from isthmus.cli.main import app
from isthmus.core.record import Dataset
from isthmus.datasets import load
from isthmus.fusion import make
from isthmus.pipeline import prepare
from isthmus.predictor.asked import Asked
from isthmus.predictor.outcome import Outcome
from isthmus.predictor.predictor import Predictor
from isthmus.selection import align
from isthmus.space import Space
from isthmus.space.encoder_ref import EncoderRef
from isthmus.tasks.predict.target import Wanted, read_target

PAGE = ("--report", "page.html", "--no-cache")
CLASSIC = ("-e", "text=tfidf", "-e", "image=color-hog", "-e", "audio=mfcc")


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return load("shapes", n=60, seed=5)


@pytest.fixture(scope="module")
def space(scenes: Dataset) -> Space:
    classic = {view: encoders.CLASSICAL[view] for view in scenes.views}
    return align(scenes, classic, aligner="ridge", by_group=False)


@pytest.fixture
def home(
    tmp_path: Path, scenes: Dataset, space: Space, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with a space and records."""
    for number, record in enumerate(scenes.records[:40]):
        stem = tmp_path / "records" / str(number)
        stem.parent.mkdir(exist_ok=True)
        stem.with_suffix(".png").write_bytes(record.items["image"].read())
        stem.with_suffix(".wav").write_bytes(record.items["audio"].read())
        stem.with_suffix(".txt").write_text(record.items["text"].captions[0], encoding="utf-8")
    space.save(tmp_path / "space")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISTHMUS_STORE", str(tmp_path / "store"))
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def said(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def aligned() -> None:
    run("align", "records", "-o", "mine", *CLASSIC, "--aligner", "ridge", *PAGE)
    page = Path("page.html").read_text(encoding="utf-8")
    assert "data:image/webp" in page and "data:audio" in page


def evaluated() -> None:
    run("eval", "space", "records", *PAGE)
    assert "data:image/webp" in Path("page.html").read_text(encoding="utf-8")


def diagnosed() -> None:
    run("diagnose", "records", *CLASSIC, *PAGE)


def embedded() -> None:
    for view, ending in (("image", "png"), ("audio", "wav"), ("text", "txt")):
        files = [f"records/{number}.{ending}" for number in range(3)]
        assert len(said("embed", "space", *files, "--view", view, "--no-cache")["rows"]) == 3


def indexed() -> None:
    assert said("index", "records", "--space", "space")["added"] == 120
    assert said("index", "records", "--refresh-fields")["fields_changed"] == 0


def searched() -> None:
    indexed()
    for name in ("records/1.png", "records/1.wav"):
        hits = said("search", name, "-k", "3")["hits"]
        assert Path(name).absolute() in [Path(hit["source"]) for hit in hits]
    run("search", "records/1.png", "--nearest", "--thumbnails", "--contact-sheet", "sheet.html")
    page = Path("sheet.html").read_text(encoding="utf-8")
    assert "data:image/webp" in page and "data:audio" in page


def explained() -> None:
    indexed()
    for query, item in (("1.png", "1.wav"), ("a red circle", "1.png"), ("1.wav", "1.txt")):
        asked = query if "." not in query else f"records/{query}"
        more = ("--space", "space", "--out", "why.html", "--data", "records")
        run("explain", asked, f"records/{item}", *more)
    run("explain", "records/1.png", "records/2.png", "--store", "store")


def recommended() -> None:
    indexed()
    Path("ratings.csv").write_text(
        "user,item\n" + "".join(f"{u},{u % 5 + i}.png\n" for u in range(20) for i in range(4)),
        encoding="utf-8",
    )
    assert said("recommend", "store", "--history", "ratings.csv")["history"]["users"] == 20
    found = said("recommend", "store", "--like", "records/1.png", "--words", "-k", "3")
    assert len(found["items"]) == 3
    run("recommend", "store", "--like", "a red circle", "--dislike", "records/2.wav")


def looked_for() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 3), dtype=np.uint8)
    frames = [Image.fromarray(each).resize((32, 32), 0) for each in pixels]
    frames[0].save("clip.gif", save_all=True, append_images=frames[1:], duration=100)
    frames[1].save("frame.png")
    assert said("find", "frame.png", "clip.gif")["places"][0]["frame"] == 1


def kept() -> None:
    indexed()
    run("status", "--failed", "--copies")


def forgotten() -> None:
    indexed()
    assert said("forget", "records/1.png")["removed"] == 1


def mended() -> None:
    indexed()
    run("doctor", "--deep")


def shown() -> None:
    assert said("data", "show", "records")["records"] == 40


def shots(folder: str, names: Sequence[str], *, start: int = 0) -> str:
    """A folder with two examples of each class, from one of the records on."""
    for place, name in enumerate(names, start):
        (Path(folder) / name).mkdir(parents=True)
        for number in (2 * place, 2 * place + 1):
            shutil.copy(f"records/{number}.png", Path(folder) / name)
    return folder


def classified() -> None:
    given = ("records/7.png", "records/8.png", "--space", "space", "--no-cache")
    known = shots("shots", ("red", "blue"))
    assert len(said("classify", *given, "--shots", known)["items"]) == 2
    indexed()
    Path("glosses.csv").write_text("red,the colour of blood\n", encoding="utf-8")
    more = ("--glosses", "glosses.csv", "--captions", "store", "--keep-generated")
    made = said("classify", *given, "--shots", known, *more)["learned"][0]["generated"]
    assert made["kept"] and made["sources"] == ["glosses", "captions"]
    run("classify", *given, "--shots", known, "--method", "text+mean", "--report", "page.html")
    assert "data:image/webp" in Path("page.html").read_text(encoding="utf-8")


def annotated() -> None:
    indexed()
    run("annotate", "--store", "store", "--labels", "red,blue")
    run("annotate", "records/7.png", "--space", "space", "--labels", "red", "--no-cache")
    known = shots("labels", ("mine",))
    made = said("annotate", "--store", "store", "--shots", known, "--least", "0")
    assert made["labels"] == ["mine"] and made["checks"][0]["examples"] == 2


def _things() -> Path:
    """A table of the records and what they show."""
    lines = ["image,text,colour"]
    for number in range(40):
        words = Path(f"records/{number}.txt").read_text(encoding="utf-8").replace(",", "").split()
        colour = "warm" if {"red", "orange", "yellow"} & {*words} else "other"
        lines.append(f"records/{number}.png,{' '.join(words)},{colour}")
    Path("things.csv").write_text("\n".join(lines), encoding="utf-8")
    return Path("things.csv")


def fitted() -> None:
    fit = (_things(), "--target", "colour", "-o", "mine", *CLASSIC[2:4], "--view", "image")
    run("predict", "fit", *map(str, fit), "--fusion", "late", "--no-cache")


def predicted(what: str, *more: str) -> None:
    dataset = load(_things(), fields=True)
    ready = prepare(dataset, {"text": "tfidf", "image": "color-hog"})
    target = read_target(dataset, Wanted("colour")).target
    fusion = make("late").fit(ready.pairs, target)
    outcome = Outcome.fit(fusion.scores(ready.pairs), target)
    refs = {view: EncoderRef.of(e, ready.specs[view]) for view, e in ready.encoders.items()}
    asked = Asked("colour", "classes", "things", kinds={"colour": "category"})
    Predictor(refs, {}, fusion, outcome, asked=asked).save("mine")
    run("predict", what, "mine", "things.csv", *more, "--no-cache")


def transferred() -> None:
    new, old = shots("new", ("red", "blue")), shots("old", ("green", "black"), start=2)
    run("transfer", new, "--from", old, "--space", "space", "--no-cache")


def prompted(command: str = "") -> None:
    run("prompt", "save", "mine", "--like", "records/1.png", "--space", "space")
    if command:
        run("prompt", command, *(() if command == "list" else ("mine",)), "--space", "space")


def prompts_copied() -> None:
    indexed()
    prompted()
    run("prompt", "copy", "--from", "space", "--store", "store")


def checked() -> None:
    for name, ending in (("color-hog", "png"), ("mfcc", "wav")):
        files = [f"records/{number}.{ending}" for number in range(3)]
        for given in ([], files):
            assert said("encoders", "check", name, *given, "--seconds", "0")["steady"]


def demonstrated() -> None:
    run("demo", "--data", "shapes", "--out", "demo", "--no-cache")
    assert "data:image/webp" in Path("demo/report.html").read_text(encoding="utf-8")


COMMANDS = {
    "align": aligned,
    "eval": evaluated,
    "diagnose": diagnosed,
    "embed": embedded,
    "index": indexed,
    "search": searched,
    "recommend": recommended,
    "explain": explained,
    "find": looked_for,
    "status": kept,
    "forget": forgotten,
    "doctor": mended,
    "demo": demonstrated,
    "classify": classified,
    "annotate": annotated,
    "transfer": transferred,
    "predict fit": fitted,
    "predict run": partial(predicted, "run"),
    "predict eval": partial(predicted, "eval"),
    "predict explain": partial(predicted, "explain", "--row", "1"),
    "prompt save": prompted,
    "prompt copy": prompts_copied,
    **{f"prompt {each}": partial(prompted, each) for each in ("list", "show", "forget")},
    "config show": partial(run, "config", "show"),
    "config path": partial(run, "config", "path"),
    "config set": partial(run, "config", "set", "--project", "search.k", "3"),
    "data show": shown,
    "data list": partial(run, "data", "list"),
    "encoders check": checked,
    "encoders list": partial(run, "encoders", "list"),
}
"""How each command is run, so that it does all that it can."""
ELSEWHERE = {
    "serve": "its routes are asked in tests/server/test_poisoned.py",
    "export": "it reads weights, and no media",
    "data get": "it downloads files, and reads none of them",
}


def commands(group: Any, before: str = "") -> set[str]:
    found: set[str] = set()
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found |= commands(command, f"{before}{name} ") if inner else {before + name}
    return found


def test_every_command_is_run() -> None:
    assert commands(typer.main.get_command(app)) == {*COMMANDS, *ELSEWHERE}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_decodes(
    name: str,
    home: Path,
    poison: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "DEFAULTS", encoders.CLASSICAL)
    if name == "demo":  # on fewer records, and with one aligner instead of all
        few = partial(load, "shapes", n=60, seed=0)
        monkeypatch.setattr("isthmus.cli.demo._load", lambda *_: few())
        quick = partial(align, aligner="ridge")
        monkeypatch.setattr(isthmus.selection, "align", quick)
    COMMANDS[name]()
    assert poison == []
