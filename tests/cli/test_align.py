"""What ``align`` says of what it made, and of what it could not make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import run

from isthmus.prompts import LearnedPrompt
from isthmus.space import Space

QUICK = ("-e", "text=tfidf", "-e", "image=color-hog", "--no-cache")


def test_a_limit_too_short_for_the_choice_is_told_first(tmp_path: Path) -> None:
    typed = ("align", "shapes", "-d", "n=60", *QUICK, "--out", "mine")
    done = run(*typed, "--budget", "0.001s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("The time limit of 0.001 s was too short for a sure choice: ")
    assert "candidates were not tried, and 1 of 5 outer folds were run" in first
    assert "With more time: isthmus align shapes --out mine" in first
    assert "--budget 10m" in first and "--overwrite" in first and "0.001s" not in first
    assert "is over" not in done.stdout
    assert "one outer fold, so there is no ± sd" in done.stdout and "1 folds" not in done.stdout


def _prompted(folder: Path) -> None:
    """Save a prompt in a space."""
    space = Space.load(folder)
    row = np.eye(space.dim, dtype=np.float32)[:1]
    space.prompts = {"ink": LearnedPrompt("style", "image", row, 3)}
    space.save(folder)


def test_a_demo_replaces_no_file_of_yours(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("my words", encoding="utf-8")
    refused = run("demo", "--data", "shapes", "--out", ".", cwd=tmp_path)
    assert refused.returncode == 1 and "is no HTML page" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("as_json", [False, True])
def test_saved_prompts_stay_in_the_same_space_and_are_named_where_they_are_lost(
    tmp_path: Path, as_json: bool
) -> None:
    align = ("align", "shapes", *QUICK, "--aligner", "ridge", "-o", "mine")
    same, other = ("-d", "n=60"), ("-d", "n=50")
    more = ("--overwrite", "--json") if as_json else ("--overwrite",)
    assert run(*align, *same, cwd=tmp_path).returncode == 0
    _prompted(tmp_path / "mine")
    again = run(*align, *same, *more, cwd=tmp_path)
    assert again.returncode == 0 and "held saved prompts" not in again.stderr
    assert set(Space.load(tmp_path / "mine").prompts) == {"ink"}
    lost = run(*align, *other, *more, cwd=tmp_path)
    assert lost.returncode == 0 and Space.load(tmp_path / "mine").prompts == {}
    if as_json:
        assert json.loads(again.stdout)["lost_prompts"] == []
        assert json.loads(lost.stdout)["lost_prompts"] == ["ink"]
    else:
        said = " ".join(lost.stderr.split())
        assert "held saved prompts: @ink." in said
        assert "isthmus prompt save ink --like FILES --space mine" in said
