"""isthmus prompt, and the parts of a prompt as options of search and explain, as typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.cli import running

from isthmus.prompts import LearnedPrompt
from isthmus.space import Space
from isthmus.tasks import Store

NOTHING = 5
"""How a search ends that finds nothing that is likely enough."""


@pytest.fixture(scope="module")
def filled(space: Space, library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space, media and a store of these."""
    root = tmp_path_factory.mktemp("prompts")
    space.save(root / "space")
    shutil.copytree(library, root / "media")
    with Store.open(root / "store", root / "space") as store:
        assert store.add(root / "media").failures == []
    return root


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


def run(home: Path, *arguments: str) -> str:
    done = running.run(*arguments, cwd=home, ISTHMUS_STORE=str(home / "store"), COLUMNS="200")
    assert done.returncode in (0, NOTHING), done.stderr + done.stdout
    return done.stdout


def answer(home: Path, *arguments: str) -> Any:
    return json.loads(run(home, *arguments, "--json"))


def test_the_parts_of_a_prompt_are_options(home: Path) -> None:
    options = ("--style", "red", "--context", "on the left", "--avoid", "large + 2*blue")
    found = answer(home, "search", "circle", *options, "--ignore", "green", "--view", "image")
    typed = '"circle" + style:"red" + context:"on the left" - "large" - 2*"blue" + ignore:"green"'
    assert found["query"] == typed
    assert answer(home, "search", typed, "--view", "image")["hits"] == found["hits"]
    hit = found["hits"][0]
    assert [share["part"] for share in hit["shares"]] == [
        *("content", "style", "context"),
        *("avoid", "avoid"),
    ]
    assert sum(s["value"] for s in hit["shares"]) == pytest.approx(hit["score"], abs=1e-5)
    steered = ("--style", "red", "--avoid", "small", "--nearest")
    said = run(home, "search", "a large circle", *steered)
    assert ' avoid "small"' in said and 'style:"red"' in said
    assert "style" not in run(home, "search", "a large circle", "--nearest")


def test_a_prompt_is_saved_used_shown_and_forgotten(home: Path) -> None:
    pictures = sorted((home / "media").glob("*.png"))
    like = [str(path) for path in pictures[:3]]
    said = run(home, "prompt", "save", "ink", "--like", *like, "--unlike", str(pictures[5]))
    assert said == "Saved @ink from 3 examples. Use it: isthmus search QUERY --style @ink\n"
    (row,) = answer(home, "prompt", "list")["prompts"]
    assert row == {
        **{"name": "ink", "part": "style", "view": "image"},
        **{"examples": 3, "background": 1, "directions": 1},
    }
    for query in (("circle", "--style", "@ink"), ("circle + @ink",)):
        found = answer(home, "search", *query, "--view", "image", "--no-words")
        assert [s["prompt"] for s in found["hits"][0]["shares"]] == ['"circle"', "style:@ink"]
    asked = ("search", "circle", "--style", "@ink", "--nearest")
    done = running.run(*asked, cwd=home, ISTHMUS_STORE=str(home / "store"), COLUMNS="200")
    assert "have no probability. Reason: probabilities hold for queries" in done.stderr
    assert "learned none" not in done.stderr
    alone = answer(home, "search", "@ink", "--view", "image", "-k", "3")
    names = {Path(hit["source"]).name for hit in alone["hits"]}
    assert len(names & {path.name for path in pictures[:3]}) >= 2
    with Store.open(home / "store") as store:
        vectors = [store.space.embed(path, "image").vectors[0] for path in pictures[:3]]
        less = store.space.embed(pictures[5], "image").vectors[0]
        row = store.space.prompts["ink"].rows[0]
    mean = sum(vectors) / 3 - less
    assert row == pytest.approx(mean / (mean @ mean) ** 0.5, abs=1e-5)
    shown = answer(home, "prompt", "show", "@ink")
    assert set(shown["nearest"]) == {"text", "image", "audio"}
    assert "style, from 3 examples of image, set apart from 1" in run(home, "prompt", "show", "ink")
    assert run(home, "prompt", "forget", "ink") == "Removed @ink.\n"
    assert "No prompt is saved" in run(home, "prompt", "list")


def test_folders_words_and_items_are_examples_too(home: Path) -> None:
    (home / "some").mkdir()
    for path in sorted((home / "media").glob("*.wav"))[:2]:
        shutil.copy(path, home / "some")
    sounds = answer(home, "prompt", "save", "two", "--like", "some", "--part", "content")
    assert (sounds["view"], sounds["examples"], sounds["part"]) == ("audio", 2, "content")
    colours = ("--like", "red + green", "--like", "blue", "--part", "ignore")
    guide = answer(home, "prompt", "save", "colours", *colours)
    assert guide["examples"] == 3 and 1 <= guide["directions"] <= 3
    found = answer(home, "search", "a red circle + @colours", "--view", "image")
    plain = answer(home, "search", 'a red circle + ignore:"red" + ignore:"green" + ignore:"blue"',
                   "--view", "image")  # fmt: skip
    assert [hit["id"] for hit in found["hits"]] == [hit["id"] for hit in plain["hits"]]
    name = found["hits"][0]["id"]
    assert answer(home, "prompt", "save", "one", "--like", f"id:{name}")["view"] == "image"


def test_what_is_disliked_may_be_called_unlike(home: Path) -> None:
    asked = ("recommend", "store", "--like", "red")
    items = [answer(home, *asked, name, "blue")["items"] for name in ("--unlike", "--dislike")]
    assert items[0] == items[1] != answer(home, *asked)["items"]


def test_of_pictures_with_captions_the_pictures_are_taken(home: Path) -> None:
    (home / "both").mkdir()
    for number, path in enumerate(sorted((home / "media").glob("*.png"))[:2]):
        shutil.copy(path, home / "both" / f"{number}.png")
        (home / "both" / f"{number}.txt").write_text("a red circle")
    words = ("prompt", "save", "both", "--like", "both")
    done = running.run(*words, "--json", cwd=home, ISTHMUS_STORE=str(home / "store"))
    made = json.loads(done.stdout)
    assert (made["view"], made["examples"]) == ("image", 2)
    assert "Left out of both: 2 captions." in done.stderr
    made = answer(home, *words, "--as", "text", "--overwrite")
    assert (made["view"], made["examples"]) == ("text", 2)


@pytest.mark.parametrize("place", [("--store", "store"), ("--space", "space")])
def test_a_prompt_is_replaced_only_if_that_is_asked_for(home: Path, place: tuple[str, str]) -> None:
    run(home, "prompt", "save", "mine", "--like", "red", *place)
    again = ("prompt", "save", "mine", "--like", "blue + green", *place)
    done = running.run(*again, cwd=home)
    assert (
        done.returncode == 1
        and "@mine is saved already; replace it with --overwrite" in done.stderr
    )
    assert "from 1 example" in run(home, "prompt", "show", "mine", *place)
    run(home, *again, "--overwrite")
    assert "from 2 examples" in run(home, "prompt", "show", "mine", *place)


def test_the_hint_names_the_store_that_was_named(home: Path) -> None:
    (home / "store").rename(home / "my store")
    none = running.run("prompt", "list", "--store", "my store", cwd=home, COLUMNS="200").stdout
    assert none.endswith("isthmus prompt save NAME --like FILES --store 'my store'\n")
    done = running.run("prompt", "save", "a", "--like", "red", "--store", "my store", cwd=home)
    assert done.stdout.endswith("isthmus search QUERY --style @a --store 'my store'\n")
    found = running.run("search", "x", "--style", "@a", "--store", "my store", cwd=home)
    assert found.returncode in (0, NOTHING), found.stderr
    said = run(home, "prompt", "save", "a", "--like", "red", "--space", "space")
    known = "Saved @a from 1 example. Stores that you make from space will know it; for one that is"
    assert said == f"{known} there: isthmus prompt copy a --from space --store DIR\n"
    run(home, "index", "media/词1.txt", "--space", "space", "--store", "made")
    assert "@a " in run(home, "prompt", "list", "--store", "made")


def test_a_prompt_is_learned_from_any_number_of_examples(home: Path) -> None:
    (home / "many").mkdir()
    pictures = sorted((home / "media").glob("*.png"))
    for number in range(66):
        shutil.copy(pictures[number % 3], home / "many" / f"{number}.png")
    made = answer(home, "prompt", "save", "many", "--like", "many", "--unlike", str(pictures[5]))
    assert (made["examples"], made["background"]) == (66, 1)
    few = [str(path) for path in pictures[:3]]
    run(home, "prompt", "save", "few", "--like", *few, "--unlike", str(pictures[5]))
    with Store.open(home / "store") as store:
        many, few_row = (store.space.prompts[name].rows for name in ("many", "few"))
    assert many == pytest.approx(few_row, abs=1e-5)


def test_a_prompt_is_saved_in_a_space_of_its_own(home: Path) -> None:
    run(home, "prompt", "save", "reds", "--like", "red", "--space", "space")
    assert list(Space.load(home / "space").prompts) == ["reds"]
    assert "@reds  style, from 1 example of text" in run(home, "prompt", "list", "--space", "space")
    assert "No prompt is saved" in run(home, "prompt", "list")


def test_prompts_are_copied_into_a_store_of_the_same_space(home: Path) -> None:
    made = run(home, "prompt", "save", "reds", "--like", "red", "--space", "space")
    assert "isthmus prompt copy reds --from space --store DIR" in made
    run(home, "prompt", "save", "blues", "--like", "blue", "--space", "space")
    assert run(home, "prompt", "copy", "@reds", "--from", "space") == "Copied @reds from space.\n"
    assert list(Store.open(home / "store").space.prompts) == ["reds"]
    again = running.run("prompt", "copy", "--from", "space", "--store", "store", cwd=home)
    assert "@reds is saved already; replace it with --overwrite" in again.stderr
    assert list(Store.open(home / "store").space.prompts) == ["reds"]
    some = "isthmus prompt copy blues --from space --store store"
    assert f"or name those to copy: {some}" in " ".join(again.stderr.split())
    alone = running.run("prompt", "copy", "reds", "--from", "space", "--store", "store", cwd=home)
    assert alone.stderr.strip().endswith("replace it with --overwrite")
    copied = answer(home, "prompt", "copy", "--from", "space", "--overwrite")
    assert [each["name"] for each in copied["prompts"]] == ["reds", "blues"]
    with Store.open(home / "store") as store, Store.open(home / "new", home / "space") as new:
        kept = store.space.prompts["blues"].rows
        assert kept.tolist() == new.space.prompts["blues"].rows.tolist()
        new.save_prompts({"mine": new.space.prompts["reds"]})
    assert "@mine" in run(home, "prompt", "copy", "mine", "--from", "new")  # of another store


def test_prompts_are_not_copied_where_they_would_say_nothing(home: Path, tmp_path: Path) -> None:
    def said(*typed: str) -> str:
        done = running.run("prompt", "copy", *typed, cwd=home, ISTHMUS_STORE=str(home / "store"))
        assert done.returncode == 1
        return done.stderr

    assert "space holds no saved prompts" in said("--from", "space")
    run(home, "prompt", "save", "reds", "--like", "red", "--space", "space")
    assert "no prompt is saved as @red; did you mean @reds?" in said("red", "--from", "space")
    other = Space.load("starter")
    other.prompts = {"ink": LearnedPrompt("style", "text", other.banks["text"][:1], 1)}
    other.save(tmp_path / "other")
    wrong = said("--from", str(tmp_path / "other"))
    assert "learned in another space" in wrong and "isthmus prompt save ink --like FILES" in wrong


def test_prompts_that_are_saved_in_a_space_at_once_are_all_kept(home: Path) -> None:
    with ThreadPoolExecutor() as pool:
        save = ("-m", "isthmus", "prompt", "save", "--space", str(home / "space"), "--like", "red")
        command = [sys.executable, *save]
        done = list(pool.map(lambda n: subprocess.run([*command, n], check=False), "ab"))
    assert [each.returncode for each in done] == [0, 0]
    assert sorted(Space.load(home / "space").prompts) == ["a", "b"]


def test_explain_shows_the_shares_of_all_parts(home: Path) -> None:
    picture = str(next((home / "media").glob("*.png")))
    made = answer(home, "explain", "a red circle - blue", picture, "--style", "large")
    assert [share["part"] for share in made["shares"]] == ["content", "avoid", "style"]
    assert sum(s["value"] for s in made["shares"]) == pytest.approx(made["ranked_by"], abs=1e-5)
    assert any("By part" in said for said in made["said"])
    total = made["query"]["baseline"] + sum(part["value"] for part in made["query"]["parts"])
    assert total == pytest.approx(made["score"], abs=1e-5)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("search", "x", "--style", " "), "style is empty; give words"),
        (("search", "x", "--avoid", ""), "avoid is empty; give words"),
        (("search", "x", "--avoid", "a - b"), "what is avoided is given without -"),
        (("search", "x", "--style", "only:b"), "only: cannot stand in style"),
        (("search", "x", "--ignore", "2*b"), "ignore takes no weight and no minus"),
        (("search", "x", "--style", "@in"), "no prompt is saved as @in; there is none."),
        (("search", "x", "--style", "nowhere.png"), "there is no file 'nowhere.png'"),
        (("search", "red", "--avoid", "1*red"), "cancel each other"),
        (("prompt", "save", "a b", "--like", "red"), "has 1 to 80 letters"),
        (("prompt", "save", "a", "--like", "red - blue"), "examples are things without a minus"),
        (("prompt", "save", "a", "--like", "red", "--like", "media"), "examples are of one view"),
        (("prompt", "save", "a", "--like", "red", "--like", "media"), "--style @a --style @b"),
        (("prompt", "save", "a", "--like", ""), "--like is empty; give words, a file or a folder"),
        (("prompt", "save", "a", "--like", "red", "--dislike", " "), "--unlike is empty; give"),
        (("prompt", "save", "a", "--like", "red", "--unlike", "red"), "no different from"),
        (("prompt", "save", "a", "--like", "red", "--dislike", "red"), "no different from"),
        (("prompt", "save", "a", "--like", "red", "--space", "starter"), "is not changed"),
        (
            ("prompt", "save", "a", "--part", "spell", "--like", "x"),
            "'--part': 'spell' is not one of",
        ),
        (("prompt", "save", "a"), "missing option '--like'"),
        (("prompt", "forget", "ink"), "no prompt is saved as 'ink'."),
        (("prompt", "show", "ink"), "no prompt is saved as @ink; there is none."),
        (("explain", "@ink", "red"), "looks for saved prompts only"),
    ],
)
def test_mistakes(filled: Path, typed: tuple[str, ...], says: str) -> None:
    done = running.run(*typed, cwd=filled, ISTHMUS_STORE=str(filled / "store"))
    assert done.returncode in (1, 2) and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("search",),
        ("search", "circle", "--style"),
        ("prompt", "save", "long", "--like"),
        ("recommend", "--like"),
        ("explain", "circle"),
    ],
    ids=" ".join,
)
def test_words_that_are_too_long_for_a_path_are_words(home: Path, command: tuple[str, ...]) -> None:
    """A system refuses to look for a name of more than 255 bytes, with an error."""
    done = running.run(*command, "red circle " * 30, cwd=home, ISTHMUS_STORE=str(home / "store"))
    assert done.returncode in (0, NOTHING), done.stderr + done.stdout
    assert "too long" not in done.stderr


def test_words_of_any_length_in_the_place_of_a_file_are_said_to_be_none(home: Path) -> None:
    done = running.run("classify", "red circle " * 30, "--classes", "red,blue", cwd=home)
    assert done.returncode == 1
    assert "too long" not in done.stderr
    assert "red circle" in done.stderr
