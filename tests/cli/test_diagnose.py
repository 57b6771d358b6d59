from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli import running

from isthmus.datasets import load

CLASSICAL = ("-e", "text=tfidf", "-e", "image=color-hog", "-e", "audio=mfcc")


def isthmus(*arguments: str | Path) -> running.Done:
    return running.run(*arguments, COLUMNS="80", NO_COLOR="1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and captions by stem, in folders that are groups, with one broken picture."""
    root = tmp_path_factory.mktemp("照片")
    for number, record in enumerate(load("shapes", n=60, seed=3).records):
        place = root / f"专辑{number % 6}"
        place.mkdir(exist_ok=True)
        stem = place / f"图片{number}"
        stem.with_suffix(".png").write_bytes(record.items["image"].read())
        stem.with_suffix(".txt").write_text(record.items["text"].captions[0], encoding="utf-8")
    (root / "专辑1" / "坏的.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (root / "专辑1" / "坏的.txt").write_text("a broken picture", encoding="utf-8")
    return root


def test_a_folder_is_diagnosed_in_words_json_and_a_page(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    encoders = (*CLASSICAL[:4], "-e", "text=tfidf?dim=24")
    told = isthmus("diagnose", folder, *encoders, "--report", page)
    assert told.returncode == 0, told.stderr
    for words in ("Which encoders fit together", "What more pairs would bring", "Hubness",
                  "Pairs that may be wrong", "Near-duplicates"):  # fmt: skip
        assert words in told.stdout
    assert "坏的.png" in told.stderr and "fit text and image: 2 of 2" in told.stderr
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    table = [line for line in told.stdout.splitlines() if " + color-hog" in line]
    assert len(table) == 2 and all(len(line) <= 80 for line in table)

    found = json.loads(isthmus("diagnose", folder, *encoders, "--json").stdout)
    assert found["data"]["by_group"]
    assert 3 <= found["data"]["groups"] <= 6  # one caption in two folders joins them
    assert {fit["encoder_a"] for fit in found["fits"]} == {"tfidf", "tfidf?dim=24"}
    assert found["fits"][0]["mrr"]["value"] > 0.3
    assert found["encoders"]["text"] == ["tfidf", "tfidf?dim=24"]
    assert all(sentence in told.stdout for sentence in found["findings"]["encoders"])
    assert [left["source"].endswith("坏的.png") for left in found["data"]["left_out"]] == [True]


def test_groups_can_be_ignored(folder: Path) -> None:
    found = json.loads(
        isthmus("diagnose", folder, *CLASSICAL[:4], "--no-groups", "--seed", "1", "--json").stdout
    )
    assert not found["data"]["by_group"] and found["data"]["groups"] > 50
    assert found["seed"] == 1


def test_many_encoders_race(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ids = "tfidf, tfidf?dim=24,color-hog,mfcc,hm"
    told = isthmus("diagnose", folder, "--encoders", ids, "--most", "40", "--report", page)
    assert told.returncode == 0, told.stderr
    assert "40 records, drawn from " in told.stdout and "try encoders: 3 of 3" in told.stderr
    said = " ".join(told.stdout.split())
    for words in ("text–image: take tfidf", "mfcc was not compared: it reads audio",
                  "hm was not compared: unknown encoder 'hm'", "cost here"):  # fmt: skip
        assert words in said
    assert 'class="ring"' in page.read_text(encoding="utf-8")
    found = json.loads(isthmus("diagnose", folder, "--encoders", ids, "--json").stdout)
    assert found["recommended"][0]["encoder_b"] == "color-hog"
    assert {each["encoder"] for each in found["encoders_left_out"]} == {"mfcc", "hm"}
    impatient = isthmus("diagnose", folder, "--encoders", ids, "--patience", "0")
    assert impatient.returncode == 2 and "--patience" in impatient.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "nowhere"),
        (("shapes", "-d", "n=8", *CLASSICAL), "text–image: 8, text–audio: 8, image–audio: 8"),
        (("shapes", "-e", "smell=tfidf"), "smell"),
        (
            ("shapes", "-e", "text=color-hog"),
            "color-hog reads image, but the view 'text' holds text",
        ),
        (("shapes", "-e", "tfidf"), "VIEW=ID"),
        (("shapes", "-e", "text=7"), "'7'"),
        (("shapes", "--report", "."), "is a folder"),
        (("shapes", "-d", "colour=red"), "colour"),
    ],
)
def test_mistakes_get_a_message_and_exit_code_1(arguments: tuple[str, ...], says: str) -> None:
    done = isthmus("diagnose", *arguments)
    assert done.returncode == 1
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_empty_folder_and_one_of_captions_alone(tmp_path: Path) -> None:
    empty = isthmus("diagnose", tmp_path)
    assert empty.returncode == 1 and "contains nothing that can be used" in empty.stderr
    for i in range(30):
        (tmp_path / f"{i}.txt").write_text(f"caption {i}")
    alone = isthmus("diagnose", tmp_path)
    assert alone.returncode == 1 and "has only the view text" in alone.stderr
    assert "encode" not in alone.stderr  # told before any work
