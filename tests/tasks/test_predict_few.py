"""What is said of a predictor that is measured on a few records."""

from __future__ import annotations

from pathlib import Path

import pytest

import isthmus as ist
from isthmus.metrics import wilson_interval


def table(path: Path, rows: int, kind: str) -> Path:
    known = ["no", "yes"] if kind == "classes" else [0.5, 4.5]
    lines = [f"{i % 2 * 4 + i % 7 / 9},{known[i % 2]}" for i in range(rows)]
    path.write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["classes", "number"])
def test_no_interval_is_made_up_of_few_records(tmp_path: Path, kind: str) -> None:
    made = ist.predict.fit(
        None, table(tmp_path / "t.csv", 40, kind), "y", kind=kind, fusions=["late"], folds=3
    )
    one = made.evaluate(table(tmp_path / "one.csv", 1, kind))
    assert one.figures[0].low is None and one.figures[0].high is None
    assert any("is known of so few records" in note for note in one.notes)
    six = made.evaluate(table(tmp_path / "six.csv", 6, kind))
    assert not any("so few records" in note for note in six.notes)
    first = six.figures[0]
    assert first.low is not None and first.high is not None and first.low < first.high
    if kind == "classes":
        assert first.value == 1.0 and (first.low, first.high) == wilson_interval(1.0, 6)
