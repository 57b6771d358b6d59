"""``isthmus predict``: fit, run, eval and explain."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.cli.running import run
from tests.tasks.reviews import write_reviews

FIT = ("predict", "fit", "reviews.csv", "--target", "mood", "--encoder", "review=tfidf")
LATE = ("--fusion", "late", "--no-cache")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a predictor."""
    folder = tmp_path_factory.mktemp("cli-predict")
    write_reviews(folder / "reviews.csv", 60)
    done = run(*FIT, "--columns", "facts=price,colour", "--out", "mine", *LATE, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "mood (classes) from review + facts, 60 records" in done.stdout
    assert "majority:" in done.stdout and "Shuffled answers: as good in" in done.stdout
    return folder


def test_run_writes_a_row_for_each_record(home: Path) -> None:
    done = run("predict", "run", "mine", "reviews.csv", "--out", "a.csv", "--no-cache", cwd=home)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((home / "a.csv").open(encoding="utf-8")))
    assert len(rows) == 60 and rows[4]["missing"] == "review"
    assert set(rows[0]) >= {"id", "value", "probability", "sure", "likely", "p(good)"}


def test_eval_and_explain(home: Path) -> None:
    done = run("predict", "eval", "mine", "reviews.csv", "--json", "--no-cache", cwd=home)
    assert json.loads(done.stdout)["figures"][0]["metric"] == "accuracy"
    done = run("predict", "explain", "mine", "reviews.csv", "--row", "r4", "--no-cache", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "Score of" in done.stdout and "Without review." in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*FIT, "--out", "reviews.csv"), 1, "is not a saved predictor"),
        ((*FIT, "--out", "x", "--columns", "a="), 1, "write VIEW=A,B"),
        ((*FIT, "--out", "x", "--space", "s"), 1, "give --space or --encoder, not both"),
        (("predict", "run", "none", "reviews.csv"), 1, "holds no predictor"),
        (("predict", "run", "mine", "reviews.csv", "--field", "f"), 1, "name it with --store"),
        (("predict", "explain", "mine", "reviews.csv"), 1, "name one: --row ID"),
    ],
)
def test_mistakes(home: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words, cwd=home)
    assert done.returncode == code and said in done.stderr.replace("\n", " ")
