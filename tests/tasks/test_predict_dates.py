"""Dates as targets: told as people read them, with errors in days, wherever an answer is told."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import run

import isthmus as ist
from isthmus.core.errors import DataError
from isthmus.core.linalg import F64
from isthmus.predictor.predictor import Predictor
from isthmus.report import prediction_page
from isthmus.report.pages.prediction.account import account_page

FIRST = date(2023, 1, 1)
LATE = {"fusions": ["late"], "folds": 3}


def dates(n: int = 60) -> tuple[dict[str, F64], list[date]]:
    """A view, and a date that follows from it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    days = 100 * x[:, 0] + 5 * rng.normal(size=n)
    return {"a": x}, [FIRST + timedelta(days=round(each)) for each in days.tolist()]


def write(path: Path, when: Sequence[date]) -> Path:
    x = dates()[0]["a"]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["id", "size", "other", "when"])
        for row, day in enumerate(when):
            out.writerow([f"r{row}", *(f"{v:.4f}" for v in x[row, :2]), day.isoformat()])
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("dates") / "t.csv", dates()[1])


@pytest.fixture(scope="module")
def made(table: Path) -> Predictor:
    return ist.predict.fit(None, str(table), "when", **LATE)


def test_answers_are_dates_and_errors_are_days(made: Predictor, table: Path) -> None:
    answers = made.predict(str(table))
    truth = dates()[1]
    for answer, day in zip(answers, truth, strict=True):
        assert answer.unit == "date" and answer.interval is not None
        low, high = map(str, answer.interval)
        assert low <= str(answer.value) <= high
        assert abs((date.fromisoformat(str(answer.value)) - day).days) < 30
        row = answer.row()
        assert (row["value"], row["low"], row["high"]) == (answer.value, low, high)
        assert answer.to_json()["interval"] == [low, high]
    assert made.report is not None and made.report.target.unit == "days"
    figures = {each.metric: each.unit for each in made.report.estimate.figures}
    assert figures == {"R²": "", "mean error": "days"}
    assert made.report.examples.sure[0].said[:2] == "20"
    evaluation = made.evaluate(str(table))
    assert [each.unit for each in evaluation.figures] == ["", "days"]
    assert evaluation.figures[1].value == pytest.approx(4.0, abs=2)
    assert re.search(r"off by .* days, by their views, on average", made.abstaining(50).said)


def test_an_account_of_a_date_starts_from_a_date(made: Predictor, table: Path) -> None:
    found = made.explain(str(table), row="r3")
    assert found.unit == "days since 1970-01-01"
    assert found.score_date == found.answer.value and found.rest_date[:2] == "20"
    assert found.rest + sum(each.share for each in found.views) == pytest.approx(found.score)
    record = next(each for each in made.dataset(str(table)).records if each.id == "r3")
    page = account_page(found, record, target="when")
    assert found.rest_date in page and "Views add days to a date" in page


def test_a_saved_predictor_its_page_and_the_terminal_say_dates(
    made: Predictor, table: Path, tmp_path: Path
) -> None:
    place = made.save(tmp_path / "p")
    loaded = Predictor.load(place)
    assert loaded.predict(str(table)) == made.predict(str(table))
    assert "Target: date" in (place / "README.md").read_text()
    page = prediction_page(loaded, records=loaded.dataset(str(table)).records)
    assert "It predicts a date with an interval" in page and "mean error (days)" in page
    assert "Mean width (days)" in page and "mean distance (days)" in page
    answer = loaded.predict(str(table))[3]
    assert answer.interval is not None
    told = run("predict", "run", place, table).stdout
    low, high = answer.interval
    assert f"r3  {answer.value}  {low} to {high}" in told
    assert "days; knowing nothing" in run("predict", "eval", place, table).stdout
    words = "predict", "explain", place, table, "--row", "r3"
    told = run(*words).stdout
    assert f"Score of when: {answer.value}" in told and "views add days" in told
    said = json.loads(run(*words, "--json").stdout)
    assert said["answer"]["unit"] == "date" and said["score_date"] == answer.value


@pytest.mark.parametrize("form", ["dates", "texts", "numpy"])
def test_dates_that_are_given_one_a_record(form: str) -> None:
    x, when = dates()
    forms = {"dates": when, "texts": [str(day) for day in when],
             "numpy": np.array(when, dtype="datetime64[ns]")}  # fmt: skip
    made = ist.predict.fit(None, x, forms[form], **LATE)
    answer = made.predict(x)[0]
    assert answer.unit == "date" and str(answer.value)[:3] == "202"
    assert made.evaluate(x, forms[form]).figures[1].unit == "days"


def test_dates_that_lie_close_together_have_a_time_of_day() -> None:
    x, when = dates()
    hours = [datetime(2023, 4, 7) + timedelta(hours=float((day - FIRST).days) / 20) for day in when]
    value = str(ist.predict.fit(None, x, hours, **LATE).predict(x)[0].value)
    assert value.startswith("2023-04-") and ":" in value


def test_few_dates_are_dates_too_unless_classes_are_asked_for(tmp_path: Path) -> None:
    x = dates()[0]["a"]
    two = [FIRST + timedelta(days=300 * int(v > 0)) for v in x[:, 0]]
    path = write(tmp_path / "two.csv", two)
    assert ist.predict.fit(None, str(path), "when", **LATE).asked.kind == "number"
    made = ist.predict.fit(None, str(path), "when", kind="classes", **LATE)
    assert made.names == ("2023-01-01", "2023-10-28")
    assert made.evaluate(str(path)).figures[0].value == pytest.approx(1.0, abs=0.1)


def test_a_date_is_no_time_until_an_event(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", dates()[1])
    path.write_text(path.read_text().replace(",other,", ",died,"))
    with pytest.raises(DataError, match="'when' holds dates, and survival needs the time until"):
        ist.predict.fit(None, str(path), time="when", event="died")
