"""A folder of videos and captions: aligned, measured and searched by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli import running

from isthmus.datasets import load
from isthmus.space.document import read_document

pytest.importorskip("av", reason="films are written by PyAV: pip install 'isthmus[formats]'")

CHOSEN = ("-e", "text=tfidf", "-e", "video=frames?image=color-hog")


def isthmus(*arguments: str | Path) -> running.Done:
    return running.run(*arguments, COLUMNS="120", NO_COLOR="1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films")
    for record in load("shapes-motion", n=48, audio=False, languages="en").records:
        stem = root / record.id
        stem.with_suffix(".mp4").write_bytes(record.items["video"].read())
        stem.with_suffix(".txt").write_text(record.items["text"].captions[0], encoding="utf-8")
    return root


def test_align_names_the_encoder_of_pictures_and_search_finds_a_film(
    folder: Path, tmp_path: Path
) -> None:
    space, store = tmp_path / "space", tmp_path / "store"
    command = ("align", folder, "-o", space, *CHOSEN, "--aligner", "ridge", "--no-groups")
    done = isthmus(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["pairs"] == [
        {"pair": {"a": "text", "b": "video"}, "value": 48}
    ]
    rows = {row.view: row.encoder for row in read_document(space)[0].views}
    named = rows["video"]
    assert (named.spec, named.options) == (CHOSEN[3].removeprefix("video="), {"image": "color-hog"})
    done = isthmus("index", folder, "-s", store, "--space", space, "--json")
    assert done.returncode == 0, done.stderr
    films = sorted(folder.glob("*.mp4"))
    done = isthmus("search", films[3], "-s", store, "-k", "3", "--json")
    assert done.returncode == 0, done.stderr
    names = [Path(hit["source"]).name for hit in json.loads(done.stdout)["hits"]]
    assert films[3].name in names  # beside captions that say it


def test_a_space_without_a_view_of_films_says_how_to_get_one(folder: Path, tmp_path: Path) -> None:
    shutil.copy(min(folder.glob("*.mp4")), tmp_path)
    (tmp_path / "note.txt").write_text("a red circle", encoding="utf-8")
    done = isthmus("index", tmp_path, "-s", tmp_path / "store", "--space", "starter")
    assert "1 file has a format that this space does not read: 1 .mp4" in done.stdout
    assert "The space has no view of video. Make one from video files and captions" in done.stdout
    assert "isthmus align DATA --out SPACE" in done.stdout
    done = isthmus("index", tmp_path, "-s", tmp_path / "store", "--view", "image")
    assert "no view of video" not in done.stdout


def test_check_and_list_know_the_encoders_of_video(folder: Path) -> None:
    listed = json.loads(isthmus("encoders", "list", "--json").stdout)["encoders"]
    reads = {entry["id"]: entry["reads"] for entry in listed}
    assert reads["frames"] == reads["motion"] == ["video"]
    film = sorted(folder.glob("*.mp4"))[0]
    done = isthmus("encoders", "check", "motion", film, "--seconds", "0.01", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["towers"][0]["dim"] == 220
