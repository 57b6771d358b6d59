"""The command, and the page it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from isthmus.cli import explain as command
from isthmus.core.errors import IsthmusError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.core.view import IMAGE, TEXT, Direction
from isthmus.datasets import load
from isthmus.pipeline import prepare
from isthmus.report.kit.words import signed_share
from isthmus.report.pages.explanation.page import write_explanation
from isthmus.report.pages.explanation.words import sentences, title, where
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks import Store
from isthmus.tasks.retrieval.explain import explain

HOSTILE = "a red star <script>window.attacked = 1</script> x' onload='window.attacked=2'"

app = typer.Typer()
app.command("explain")(command.command)


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return load("shapes", n=60, seed=1)


@pytest.fixture(scope="module")
def space(scenes: Dataset) -> Space:
    encoders = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
    return align(prepare(scenes, encoders, by_group=False), aligner="ridge", nested=False)


@pytest.fixture(scope="module")
def place(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain")
    space.save(root / "space")
    for name, modality in (("scene.png", "image"), ("scene.wav", "audio")):
        (root / name).write_bytes(scenes.records[3].items[modality].read())
    return root


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "80"})


@pytest.mark.parametrize("item", ["scene.png", "scene.wav"])
def test_json_sums_to_the_score(place: Path, item: str) -> None:
    done = run("a large green triangle", place / item, "--space", place / "space", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    for side in ("query", "item"):
        total = found[side]["baseline"] + sum(part["value"] for part in found[side]["parts"])
        assert total == pytest.approx(found["score"], abs=1e-5)
    pairs = found["pairs"]
    total = sum(pair["value"] for pair in pairs["listed"]) + pairs["others"] + pairs["residual"]
    assert total == pytest.approx(found["score"], abs=1e-5)
    assert [part["text"] for part in found["query"]["parts"]] == ["a", "large", "green", "triangle"]
    assert found["said"]


def test_every_step_is_told_while_it_runs(place: Path, tmp_path: Path) -> None:
    asked = (
        "a star",
        place / "scene.png",
        "--space",
        place / "space",
        "--out",
        tmp_path / "w.html",
    )
    done = run(*asked)
    assert done.exit_code == 0, done.output
    for step in ("open", "encode query", "encode item", "write the page"):
        assert f"{step}: 1 of 1" in done.stderr
    assert run(*asked, "--json").stderr == ""


def test_a_terminal_shows_words_a_grid_and_pairs(place: Path) -> None:
    done = run("a large green triangle", place / "scene.png", "--space", place / "space")
    assert done.exit_code == 0, done.output
    assert "Query: “a large green triangle”" in done.stdout
    grid = done.stdout.split("Item: scene.png\n")[1].splitlines()[:8]
    assert all(len(line) <= 18 for line in grid) and any("█" in line for line in grid)
    assert "Training pairs" in done.stdout and "the other 54" in done.stdout
    heard = run(place / "scene.wav", "green", "--space", place / "space")
    assert "▁" in heard.stdout or "█" in heard.stdout or "−" in heard.stdout


def test_the_number_of_items_that_a_probability_is_among(
    place: Path, space: Space, tmp_path: Path
) -> None:
    asked = ("a large green triangle", place / "scene.png")
    page, gallery = tmp_path / "page.html", space.calibration[Direction(TEXT, IMAGE)].gallery
    said = f"The probability is as if among {gallery} items, as in calibration."
    alone = run(*asked, "--space", place / "space", "--out", page)
    assert said in " ".join(alone.stdout.split()) and said in page.read_text(encoding="utf-8")
    found = json.loads(run(*asked, "--space", place / "space", "--json").stdout)
    assert (found["among"], found["assumed"]) == (gallery, True) and said in found["said"][1]
    with Store.open(tmp_path / "store", space) as store:
        store.add([place / "scene.png"])
    stored = json.loads(run(*asked, "--store", tmp_path / "store", "--json").stdout)
    assert (stored["among"], stored["assumed"]) == (1, False)
    assert stored["probability"] > found["probability"] and said not in " ".join(stored["said"])
    turned = json.loads(run(asked[1], asked[0], "--store", tmp_path / "store", "--json").stdout)
    assert turned["assumed"] and "the store holds no items of the view text." in turned["said"][1]
    assert "--store" not in " ".join(turned["said"])
    with Store.open(tmp_path / "empty", space):
        pass
    empty = json.loads(run(*asked, "--store", tmp_path / "empty", "--json").stdout)
    assert empty["assumed"] and "the store holds no items of the view image." in empty["said"][1]
    assert "--store" not in " ".join(empty["said"])


def test_a_file_of_that_name_can_be_meant_as_words(place: Path) -> None:
    done = run(place / "scene.png", place / "scene.png", "--space", place / "space",
               "--as", "text", "--json")  # fmt: skip
    assert json.loads(done.stdout)["query"]["modality"] == "text"


def test_a_stored_file_goes_by_its_name_or_path(
    space: Space, scenes: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    photo, story = tmp_path / "photos" / "one.png", tmp_path / "photos" / "story.txt"
    photo.write_bytes(scenes.records[3].items["image"].read())
    story.write_text("a small blue circle", encoding="utf-8")
    folder = tmp_path / "store"
    with Store.open(folder, space) as store:
        store.add(photo.parent)
        ids = {Path(e.source).name: e.id for e in store.backend.snapshot().entries()}

    def asked(query: str, item: str | Path) -> dict[str, Any]:
        done = run(query, item, "--store", folder, "--json")
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    for named, path in (("one.png", photo), ("story.txt", story)):
        by_id = asked("a star", f"id:{ids[named]}")
        assert asked("a star", named) == asked("a star", path) == by_id
        assert by_id["item"]["source"] == str(path)
        assert asked(named, "a star")["query"]["source"] == str(path)
    assert asked("a star", '"story.txt"')["item"]["parts"][0]["text"] == "story.txt"
    for query, item in (("a star", "tale.txt"), ("tale.txt", "a star"), ("a star", "two.png")):
        lost = run(query, item, "--store", folder)
        assert isinstance(lost.exception, IsthmusError) and "there is no file" in str(
            lost.exception
        )


@pytest.mark.parametrize(
    ("query", "options", "says"),
    [
        ("  ", (), "the query is empty"),
        ("  ", ("--as", "text"), "the text is empty"),
        ("nowhere.png", ("--as", "image"), "nowhere.png"),
        ("star", ("--out", "."), "is a folder"),
    ],
)
def test_mistakes_get_a_message(
    place: Path, query: str, options: tuple[str, ...], says: str
) -> None:
    done = run(query, place / "scene.png", "--space", place / "space", *options)
    assert isinstance(done.exception, IsthmusError) and says in str(done.exception)


def test_numbers_and_places_in_words(space: Space, scenes: Dataset) -> None:
    record = scenes.records[3]
    found = explain(space, "a large green triangle", TEXT, record.items["image"], "image")
    assert signed_share(-0.126) == "−0.13"
    values = [1.0 if (c.row, c.column) == (0, 7) else 0.0 for c in found.item.places]
    assert where(found.item.places, values) == "top right"
    assert where(found.item.places, [1.0] * 64) == "middle"
    assert any("Of the words, “" in sentence for sentence in sentences(found))
    several = explain(space, record.items[TEXT], TEXT, record.items["image"], "image")
    assert len(several.query.places) == 2 and several.query.method == "closed form"
    assert title(several).count("and 1 caption more") == 1
    assert any("Of the captions, “" in sentence for sentence in sentences(several))


@pytest.fixture(scope="module")
def pages(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Hostile captions, names and ids everywhere."""
    root = tmp_path_factory.mktemp("pages")
    records = {
        r.id: Record(r.id, {**r.items, TEXT: MediaItem.from_text(HOSTILE)}) for r in scenes.records
    }
    made = []
    for modality in ("image", "audio"):
        old = scenes.records[3].items[modality]
        item = MediaItem(old.id, modality, HOSTILE, old.payload)
        found = explain(space, HOSTILE, TEXT, item, modality)
        made.append(write_explanation(root / f"{modality}.html", found, records=records))
    return made


def test_the_page_escapes_what_others_wrote(pages: list[Path]) -> None:
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert html.startswith("<!doctype html>")
        assert html.count("<script") == 1 and "window.attacked" in html
        assert " style=" not in html  # the policy would drop it
        assert "http://" not in html.replace("http://www.w3.org", "")


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_the_page_in_a_browser(browser: Any, pages: list[Path], scheme: str, width: int) -> None:
    wrong: list[str] = []
    with browser.page(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for path in pages:
            page.goto(path.as_uri())
            assert page.evaluate("window.attacked") is None
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".curve rect").count() >= 3
        page.goto(pages[0].as_uri())
        assert page.locator(".heat rect").count() == 64
        page.locator(".alone input").check()
        assert page.locator(".heat").evaluate("(g) => getComputedStyle(g).visibility") == "hidden"
    assert wrong == []
