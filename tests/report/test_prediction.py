"""The page of a predictor and the account of one answer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.predictor.shapes import HOSTILE, shape_predictor, shapes_with_columns
from tests.report.test_browser import shown

from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.fusion import Target
from isthmus.predictor.asked import Asked
from isthmus.predictor.card import MEDICAL
from isthmus.predictor.columns import Columns
from isthmus.predictor.predictor import Predictor
from isthmus.predictor.report import Figure, RiskCoverage
from isthmus.report import prediction_page, write_account, write_prediction
from isthmus.report.kit.lines import Axis, Line, axis_of, lines_figure
from isthmus.report.kit.words import signed_share
from isthmus.report.pages.prediction.account import account_page
from isthmus.report.pages.prediction.plots import risk_plot
from isthmus.report.pages.prediction.words import between, ends
from isthmus.selection.predicting import choose

N = 60
BROKEN = """[...document.querySelectorAll(".plot .value, .sum .worth")].filter((each) => {
  const inside = document.createRange();
  inside.selectNodeContents(each);
  return new Set([...inside.getClientRects()].map((line) => line.top)).size > 1
    || each.scrollWidth > each.clientWidth;
}).map((each) => each.textContent)"""
"""Numbers beside drawings that are broken over lines, or wider than their column."""


def _records(target: Target) -> list[Record]:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(N, 3))
    y = target.values[:, 0]
    return [
        Record(
            f"r{row}",
            {},
            fields={"a": float(y[row] + noise[row, 0]), "b": float(y[row] + noise[row, 1])},
        )
        for row in range(N)
    ]


def _made(target: Target, **more: Any) -> tuple[Predictor, list[Record]]:
    records = _records(target)
    columns = {name: Columns.fit(records, [name]) for name in ("a", "b")}
    rows = PairedVectors(
        {name: each.transform(records) for name, each in columns.items()},
        ids=[record.id for record in records],
    )
    chosen = choose(rows, target, fusions=["late"], folds=3)
    asked = Asked(f"target {HOSTILE}", target.kind, "made up", **more)
    return (
        Predictor({}, columns, chosen.fusion, chosen.outcome, asked=asked, report=chosen.report),
        records,
    )


@pytest.fixture(scope="module")
def classes() -> tuple[Predictor, list[Record]]:
    codes = (np.arange(N) % 2 * 2).astype(float)
    return _made(Target("classes", codes / 2, ("ill", HOSTILE)), card=MEDICAL)


def sections(page: str) -> list[str]:
    return re.findall(r'<h2 id="([^"]+)"', page)


def test_a_page_of_classes_says_all_that_was_measured(
    classes: tuple[Predictor, list[Record]], tmp_path: Path
) -> None:
    predictor, records = classes
    page = write_prediction(tmp_path / "p.html", predictor, records=records).read_text()
    assert sections(page) == [
        "quality",
        "views",
        "missing",
        "worth",
        "confusions",
        "examples",
        "clinical",
        "fusions",
        "settings",
        "reading",
    ]
    report = predictor.report
    assert report is not None
    assert f"{report.estimate.figures[0].value:.2f}" in page
    assert "no medical device" in page and "views of different records" in page
    assert HOSTILE not in page and "&lt;script&gt;" in page
    counts = np.array(report.confusion.counts) if report.confusion else np.zeros((2, 2))
    assert all(f"<b>{number}</b>" in page for number in counts[counts > 0].tolist())
    for curve in report.missing:
        assert f"records without {curve.view}" in page


def test_numbers_and_times_have_pages_of_their_own() -> None:
    y = np.linspace(0, 4, N)
    number, _ = _made(Target("number", y, ("y",)))
    page = prediction_page(number)
    assert "confusions" not in sections(page) and "mean distance" in page
    assert "no medical device" not in page
    times = Target("survival", np.column_stack([1 + y, np.arange(N) % 3 > 0]), ("time", "event"))
    survival, _ = _made(times)
    page = prediction_page(survival)
    assert "clinical" in sections(page) and "event at" in page and "no event until" in page


def test_without_a_report_there_is_no_page(classes: tuple[Predictor, list[Record]]) -> None:
    predictor, _ = classes
    bare = Predictor(
        {}, predictor.sources.columns, predictor.fusion, predictor.outcome, asked=predictor.asked
    )
    with pytest.raises(InputError, match=r"has no report; make one with"):
        prediction_page(bare)


def test_intervals_stay_within_what_a_metric_can_be() -> None:
    wide = Figure("accuracy", 0.98, 0.9, 1.04, 5)
    assert ends(wide) == (0.9, 1.0) and between(wide) == "95\u00a0%: 0.90 to 1.00"
    assert ends(replace(wide, metric="log loss", low=-0.1)) == (0.0, 1.04)
    assert ends(replace(wide, metric="R²", low=-0.1)) == (-0.1, 1.0)
    assert between(replace(wide, low=None)) == ""


def test_lines_say_their_ends_and_axes_are_round() -> None:
    axis = axis_of("error", [0.013, 0.087])
    assert (axis.low, axis.high) == (0.0, 0.1)
    drawn = lines_figure(
        [Line("it", (0.0, 0.5, 1.0), (0.0, 0.05, 0.1))], Axis("share", percent=True), axis, ""
    )
    assert "it: 0 at 0 %, 0.05 at 50 %, 0.1 at 100 %" in drawn and "figcaption" not in drawn


@pytest.fixture(scope="module")
def shapes(scenes: Dataset) -> tuple[Predictor, Dataset]:
    some = scenes.take(range(40))
    return shape_predictor(some), replace(some, records=shapes_with_columns(some))


def test_the_account_shows_every_part_and_sums(
    shapes: tuple[Predictor, Dataset], tmp_path: Path
) -> None:
    predictor, dataset = shapes
    record = dataset.records[2]
    account = predictor.explain(replace(dataset, records=[record]))
    page = write_account(tmp_path / "a.html", account, record, target="shape").read_text()
    assert account.rest + sum(v.share for v in account.views) == pytest.approx(account.score)
    cells = next(view for view in account.views if view.view == "image").parts
    inside = [p for p in cells if p.place is not None and not getattr(p.place, "padding", False)]
    assert page.count("fill-opacity") == len(inside) > 10
    assert 'class="word' in page and "<audio" in page and "corners = " in page
    assert HOSTILE not in page and f"score of {account.about}" in page


def test_the_account_shows_what_was_not_chosen(shapes: tuple[Predictor, Dataset]) -> None:
    predictor, dataset = shapes
    record = dataset.records[2]
    account = predictor.explain(replace(dataset, records=[record]))
    (other,) = [*account.others.items()][:1]
    page = account_page(account, record)
    for name, score in ((account.about, account.score), other):
        assert re.search(
            f'class="of">(<[^>]*>)*{re.escape(name)}.*?{re.escape(signed_share(score))}', page
        )
    many = {f"kind {n}": 0.5 - n for n in range(9)}
    shares = {account.about: 0.6, **dict.fromkeys(many, 0.4 / 9)}
    for kind, said, rest in (
        ("classes", "4 other classes, at most", "4 others</i></dt><dd>"),
        ("labels", "4 other labels, at most", "4 others, at most</i></dt><dd>"),
    ):
        answer = replace(account.answer, kind=kind, probabilities=shares)
        page = account_page(replace(account, answer=answer, others=many), record)
        beside = page[page.index("Beside the other") : page.index("Probabilities")]
        assert "kind 4" in beside and "kind 5" not in beside
        assert said in beside and signed_share(-4.5) in beside
        last = page[page.index(rest) :]
        assert last[: last.index("</dl>")].endswith(
            "0.18</dd>" if kind == "classes" else "0.04</dd>"
        )
    number = replace(account.answer, kind="number", probabilities={})
    assert "Beside" not in account_page(replace(account, answer=number, others={}), record)


def test_the_account_tells_of_a_missing_view(
    shapes: tuple[Predictor, Dataset], tmp_path: Path
) -> None:
    predictor, dataset = shapes
    whole = dataset.records[2]
    record = replace(whole, items={"text": whole.items["text"]})
    account = predictor.explain(replace(dataset, records=[record]))
    page = write_account(tmp_path / "a.html", account, record).read_text()
    assert "The record has no image" in page and "missing" in sections(page)


@pytest.mark.browser
def test_chromium_shows_both_pages_without_fault(
    browser: Any,
    classes: tuple[Predictor, list[Record]],
    shapes: tuple[Predictor, Dataset],
    tmp_path: Path,
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    predictor, records = classes
    first = write_prediction(tmp_path / "p.html", predictor, records=records)
    made, dataset = shapes
    record = dataset.records[2]
    account = made.explain(replace(dataset, records=[record]))
    second = write_account(tmp_path / "a.html", account, record, target=HOSTILE)
    for path in (first, second):
        for scheme, width in (("light", 1100), ("dark", 360)):
            with shown(browser, path, width, color_scheme=scheme) as (page, wrong):
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate("window.attacked") is None and not wrong
                found = axe.Axe().run(page).response["violations"]
                serious = [v for v in found if v["impact"] in ("serious", "critical")]
                assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in serious]


@pytest.mark.browser
def test_numbers_stay_on_one_line(browser: Any, tmp_path: Path) -> None:
    predictor, records = _made(Target("number", np.linspace(0, 4e5, N), ("y",)))
    report = predictor.report
    assert report is not None
    low = [replace(b, figure=replace(b.figure, value=-12.07)) for b in report.baselines]
    predictor.report = replace(report, baselines=low)
    first = write_prediction(tmp_path / "p.html", predictor, records=records)
    account = predictor.explain(Dataset("d", records[3:4]))
    second = write_account(tmp_path / "a.html", account, records[3])
    for path, numbers in ((first, ".plot .value"), (second, ".sum .worth")):
        for width in (1100, 360):
            with shown(browser, path, width) as (page, _):
                assert "−" in "".join(page.locator(numbers).all_inner_texts())
                assert page.evaluate(BROKEN) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_predictor_that_is_never_wrong_has_a_curve() -> None:
    shares = tuple(np.linspace(0.1, 1.0, 10).tolist())
    drawn = str(risk_plot(RiskCoverage(shares, (0.0,) * 10, 0.0), wrong=True))
    assert "surest first" in drawn and "nan" not in drawn
