"""classify and annotate, as typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.cli import running

from isthmus.core.record import Dataset
from isthmus.media import decode
from isthmus.space import Space


@pytest.fixture(scope="module")
def home(space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space, pictures, and examples in folders."""
    root = tmp_path_factory.mktemp("classify")
    space.save(root / "space")
    (root / "pictures").mkdir()
    for number, record in enumerate(scenes.records[100:108]):
        decode(record.items["image"]).save(root / "pictures" / f"{number}.png")
    for number, record in enumerate(scenes.records[80:100]):
        place = root / "shots" / str(record.group).split()[0]
        place.mkdir(parents=True, exist_ok=True)
        decode(record.items["image"]).save(place / f"{number}.png")
    (root / "names.txt").write_text("# colours\nred\n\n黄色\n", encoding="utf-8")
    return root


def run(home: Path, *arguments: str, code: int = 0) -> running.Done:
    done = running.run(*arguments, cwd=home, COLUMNS="200", ISTHMUS_CACHE=str(home / "cache"))
    assert done.returncode == code, done.stderr + done.stdout
    return done


def test_classes_as_typed_from_a_file_and_from_examples(home: Path) -> None:
    typed = ("classify", "pictures", "--space", "space", "--json")
    said = json.loads(run(home, *typed, "--classes", "red,blue").stdout)
    assert said["classes"] == ["red", "blue"] and said["chance"] == 0.5
    assert len(said["items"]) == 8 and said["items"][0]["label"] in ("red", "blue")
    again = run(home, *typed, "--classes", 'red,"Paris, France"', "--classes", "blue")
    assert json.loads(again.stdout)["classes"] == ["red", "Paris, France", "blue"]
    refused = run(home, *typed, "--classes", "a\rb", code=1)
    assert "--classes-file" in refused.stdout
    listed = json.loads(run(home, *typed, "--classes-file", "names.txt").stdout)
    assert listed["classes"] == ["red", "黄色"]
    taught = json.loads(run(home, *typed, "--shots", "shots").stdout)
    assert taught["learned"][0]["shots"] == 20 and taught["learned"][0]["tried"]
    assert all(item["likely"] for item in taught["items"])


def test_nothing_that_is_read_or_is_of_another_kind_is_overwritten(home: Path) -> None:
    truth = home / "truth.csv"
    truth.write_text("source,label\npictures/0.png,red\n", encoding="utf-8")
    typed = ("classify", "pictures", "--space", "space", "--classes", "red,blue")

    def kept() -> dict[Path, bytes]:
        files = [path for path in home.rglob("*.*") if path.is_file() and "cache" not in path.parts]
        return {path: path.read_bytes() for path in files}

    before = kept()
    for more, said in (
        (("--report", "pictures/0.png"), "is no HTML page"),
        (("--report", "space/isthmus.json"), "is no HTML page"),
        (("--truth", "truth.csv", "--out", "truth.csv"), "is read, so it is not written"),
        (("--report", "new.csv", "--out", "new.csv"), "a file each"),
    ):
        assert said in " ".join(run(home, *typed, *more, code=1).stderr.split())
        assert before == kept()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_replace_only_rows_that_the_command_wrote_before(
    home: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"rows{suffix}"
    names = ("--space", "space", "--out", str(out))
    classify = ("classify", "pictures", "--classes", "red,blue", *names)
    annotate = ("annotate", "pictures", "--labels", "red", *names)
    for first, other in ((classify, annotate), (annotate, classify)):
        out.unlink(missing_ok=True)
        run(home, *first)
        written = out.read_bytes()
        run(home, *first)
        assert out.read_bytes() == written
        said = run(home, *other, code=1).stderr
        assert f"{out} is there and is no table of this command" in " ".join(said.split())
        assert out.read_bytes() == written


def test_rows_are_written_and_what_was_left_out_is_told(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes((home / "pictures/0.png").read_bytes()[:40])
    out = tmp_path / "rows.csv"
    done = run(
        home, "classify", "pictures", str(broken), "--space", "space", "--classes", "red,blue",
        "--out", str(out), code=4,
    )  # fmt: skip
    assert "broken.png" in done.stderr and "Guessing gets 0.50" in done.stderr
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert len(rows) == 8 and rows[0]["label"] in ("red", "blue")
    lines = tmp_path / "labels.jsonl"
    run(
        home, "annotate", "pictures", "--space", "space", "--labels", "red,黄色", "--least", "0",
        "--out", str(lines),
    )  # fmt: skip
    said = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert {x["label"] for x in said[0]["labels"]} == {"red", "黄色"}


def test_labels_go_into_a_store_and_search_filters_by_them(home: Path) -> None:
    run(home, "index", "pictures", "--store", "store", "--space", "space")
    said = run(home, "annotate", "--store", "store", "--labels", "red", "--least", "0", "--json")
    assert len(json.loads(said.stdout)["items"]) == 8
    search = ("search", "red", "--store", "store", "--json", "--where")
    for label, found in (("red", 8), ("blue", 0)):
        done = running.run(*search, f"label:{label}", cwd=home)  # whether any matches is no matter
        assert len(json.loads(done.stdout)["hits"]) == found


def test_a_report_with_true_classes_from_folders_or_a_table(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    quick = ("--space", "space", "--shots", "shots", "--method", "text+mean")
    done = run(home, "classify", "shots", *quick, "--truth", "folders", "--report", str(page))
    assert "Examples, each left out once" in done.stdout and f"Report in {page}" in done.stdout
    assert "Items with known classes" not in done.stdout  # all of them are examples
    assert "data:image/webp" in page.read_text(encoding="utf-8")
    rows = ["source,label", "../pictures/0.png,red", f"{home / 'pictures/1.png'},blue"]
    (home / "tables").mkdir(exist_ok=True)
    (home / "tables" / "truth.csv").write_text("\n".join(rows), encoding="utf-8")
    typed = ("classify", "pictures", *quick, "--truth", "tables/truth.csv", "--json")
    said = json.loads(run(home, *typed).stdout)
    assert said["report"]["evaluated"]["items"] == 2 and said["kept"] is None
    assert [row["kind"] for row in said["report"]["rivals"]["rows"]][:2] == ["words", "names"]


def test_its_own_answers_are_no_true_classes(home: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "rows.csv", tmp_path / "page.html"
    quick = (
        "classify",
        "pictures",
        "--space",
        "space",
        "--shots",
        "shots",
        "--method",
        "text+mean",
    )
    run(home, *quick, "--out", str(table))
    measured = (*quick, "--truth", str(table))
    done = run(home, *measured, "--report", str(page))
    own = "are what isthmus said when it wrote the file"
    assert "accuracy 1.00" in done.stdout and own in " ".join(done.stderr.split())
    assert own in page.read_text(encoding="utf-8")
    assert own in json.loads(run(home, *measured, "--json").stdout)["report"]["notes"][0]
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    rows[0]["label"] = "green" if rows[0]["label"] == "red" else "red"
    with table.open("w", encoding="utf-8", newline="") as handle:
        corrected = csv.DictWriter(handle, list(rows[0]))
        corrected.writeheader()
        corrected.writerows(rows)
    assert own not in " ".join(run(home, *measured).stderr.split())


def test_true_classes_that_match_nothing_or_only_some(home: Path, tmp_path: Path) -> None:
    quick = ("classify", "pictures", "--space", "space", "--classes", "red,blue", "--truth")
    flat = run(home, *quick, "folders", code=1)
    assert "no item lies in a folder of the name of a class: items look like" in flat.stderr
    assert "the classes are red, blue" in flat.stderr and "--truth truth.csv" in flat.stderr
    table = tmp_path / "truth.csv"

    def write(*rows: tuple[int, str]) -> str:
        lines = [f"{home / 'pictures'}/{number}.png,{label}" for number, label in rows]
        table.write_text("\n".join(["source,label", *lines]), encoding="utf-8")
        return str(table)

    wrong = run(home, *quick, write((0, "reed"), (1, "bleu")), code=1)
    assert "labels look like reed, bleu, and the classes are red, blue" in wrong.stderr
    assert "Did you mean 'red'?" in wrong.stderr
    away = run(home, *quick, write((90, "red")), code=1)
    assert "true class of none of the items" in away.stderr and "90.png" in away.stderr
    some = " ".join(run(home, *quick, write((0, "red"), (1, "bleu"))).stderr.split())
    assert "only 1 of 8 items have one of the classes as their true class" in some
    assert "'bleu' is the label of 1 item and none of the classes. Did you mean 'blue'?" in some


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "--classes", "red,blue", "--truth", "no.csv"), "no.csv cannot be read"),
        (("classify", "--classes", "red,blue", "--store", "nostore"), "nostore holds no store"),
        (("classify", "--classes", "red,blue", "--least", "20"), "least must lie in 0 … 1"),
        (("classify", "--classes", "red,blue", "--coverage", "5"), "coverage must lie between"),
        (("annotate", "--labels", "red", "--least", "20"), "least must lie in 0 … 1"),
    ],
)
def test_mistakes_are_found_before_the_space_is_opened(
    home: Path, arguments: tuple[str, ...], message: str
) -> None:
    command, *options = arguments
    done = run(home, command, "pictures", *options, "--space", "nospace", code=1)
    assert message in done.stderr


def test_classes_go_into_a_store(home: Path) -> None:
    run(home, "index", "pictures", "--store", "kept", "--space", "space")
    typed = ("classify", "pictures", "--space", "space", "--classes", "red,blue")
    assert "Labels of 8 items are kept in kept" in run(home, *typed, "--store", "kept").stdout
    found = 0
    for label in ("red", "blue"):
        search = ("search", label, "--store", "kept", "--json", "--where", f"label:{label}")
        found += len(json.loads(running.run(*search, cwd=home).stdout)["hits"])
    assert found == 8
    many = ("--classes", "red,blue,green,black,orange,purple,yellow,star,cross,square")
    for more in ((), ("--least", "0.9")):
        told = run(home, *typed[:-2], *many, *more, "--store", "kept")
        said = run(home, *typed[:-2], *many, *more, "--store", "kept", "--json")
        items, kept = json.loads(said.stdout)["items"], json.loads(said.stdout)["kept"]
        sure = [each for each in items if each["label"] and each["probability"] >= 0.5]
        none = [each for each in items if each["label"] is None]
        unsure = len(items) - len(sure) - len(none)
        assert (kept["labelled"], kept["unsure"]) == (len(sure), unsure)
        assert kept["none_of_these"] == len(none) and len(sure) < 8
        assert ("not kept: less than 50 % probable" in told.stderr) == (unsure > 0)
        assert ("none of the classes is probable enough" in told.stderr) == bool(none)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "pictures"), "no names were given; write, for example: --classes cat,dog"),
        (("classify", "pictures", "--classes", "red"), "isthmus classify photo.jpg --classes"),
        (("classify", "none", "--classes", "red,blue"), "none: does not exist"),
        (("classify", "pictures", "--classes", "red,blue", "--out", "a.txt"), ".csv or .jsonl"),
        (("classify", "pictures", "--classes-file", "no.txt"), "no.txt cannot be read"),
        (
            ("classify", "pictures", "--classes", "red,blue", "--truth", "no.csv"),
            "no.csv cannot be read (No such file or directory); give a CSV file, or --truth",
        ),
        (("classify", "pictures", "--classes", "red,blue", "--report", "shots"), "is a folder"),
        (("annotate", "--labels", "red"), "name files and folders, or a store"),
        (("annotate", "pictures", "--labels", "red", "--least", "2"), "least must lie in 0 … 1"),
    ],
)
def test_mistakes_get_one_line(home: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(home, *arguments, "--space", "space", code=1)
    assert message in done.stderr and "Traceback" not in done.stderr


def test_labels_by_examples_by_words_and_by_both(home: Path, tmp_path: Path) -> None:
    typed = ("annotate", "pictures", "--space", "space", "--least", "0", "--shots", "shots")
    done = run(home, *typed, "--labels", "red,star", "--json")
    said = json.loads(done.stdout)
    assert said["labels"][:2] == ["red", "star"] and len(said["labels"]) > 3
    assert {len(item["labels"]) for item in said["items"]} == {len(said["labels"])}
    assert all(0 <= check["above"] <= 1 and check["chance"] == 0.5 for check in said["checks"])
    told = run(home, *typed)
    assert "one that is left out ranks above" in told.stderr and "Guessing gets 50" in told.stderr
    lost = run(home, *typed, "--replace", code=1)
    assert "--replace is about the labels that a store has" in lost.stderr


def test_search_prints_the_labels_of_a_store(home: Path) -> None:
    run(home, "index", "pictures", "--store", "labelled", "--space", "space")
    for label, more in (("orange", ()), ("red", ("--replace",)), ("黄色", ())):
        asked = ("annotate", "--store", "labelled", "--labels", label, "--least", "0", *more)
        lost = "; 8 other labels were removed" if more else ""
        assert f"8 of 8 items got a label{lost}." in run(home, *asked).stdout
    none = run(
        home, "annotate", "--store", "labelled", "--labels", "x", "--least", "1", "--replace"
    )
    assert "0 of 8 items got a label, so no other label was removed." in none.stdout
    done = running.run("search", "red", "--store", "labelled", "--nearest", cwd=home)
    lines = [line for line in done.stdout.splitlines() if "labels: " in line]
    assert len(lines) == 8 and all("red" in line and "黄色" in line for line in lines)
    found = running.run("search", "red", "--store", "labelled", "--json", cwd=home)
    for hit in json.loads(found.stdout)["hits"]:
        assert {each["label"] for each in hit["labels"]} == {"red", "黄色"}
    for more, said in (
        (("--view", "audio"), "The store holds no item of audio; it holds: image 8.\n"),
        (("--where", "label:reds"), "no item has the label 'reds'. Did you mean 'red'?\n"),
    ):
        lost = running.run("search", "red", "--store", "labelled", *more, cwd=home, COLUMNS="200")
        assert lost.returncode == 5 and said in lost.stdout


def test_glosses_are_judged_and_it_is_said(home: Path, tmp_path: Path) -> None:
    glosses = tmp_path / "glosses.csv"
    glosses.write_text("red,qwrtzp\nblue,lkjhgf\n", encoding="utf-8")
    typed = ("classify", "pictures", "--space", "space", "--glosses", str(glosses))
    done = run(home, *typed, "--classes", "red,blue")
    assert "not kept: there are no examples to judge them by" in done.stderr
    kept = run(home, *typed, "--classes", "red,blue", "--keep-generated", "--json")
    made = json.loads(kept.stdout)["learned"][0]["generated"]
    assert made["kept"] and made["accuracy"] is None and set(made["prompts"]) == {"red", "blue"}
    wrong = run(home, *typed, "--classes", "green,blue", code=1)
    assert "'red', which is none of the classes" in wrong.stderr
    lone = run(home, *typed, "--classes", "red,blue", "--llm", "http://localhost:1/v1", code=1)
    assert "--llm-model" in lone.stderr
