"""What ``align`` says of what it made, and of what it could not make."""

from __future__ import annotations

from pathlib import Path

from tests.cli.running import run

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
