"""The whole choice on small made data: what wins, what is refused, and what is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, NoSignalError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target
from isthmus.predictor.report import PredictorReport
from isthmus.selection.predicting import choose
from isthmus.selection.predicting.nulls import shuffled_labels_p, views_dealt_anew
from isthmus.selection.predicting.table import Table

_LATE = ("late",)


def _made(n: int = 90, strength: float = 1.0, seed: int = 0) -> tuple[PairedVectors, Target]:
    """Two views that tell three classes, each with a noise of its own."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.arange(n) % 3)
    means = {"sound": rng.normal(size=(3, 8)), "picture": rng.normal(size=(3, 12))}
    views = {
        name: (strength * mean[codes] + rng.normal(size=(n, mean.shape[1]))).astype(np.float32)
        for name, mean in means.items()
    }
    ids = [f"r{row}" for row in range(n)]
    return PairedVectors(views, {}, ids), Target("classes", codes, ("a", "b", "c"))


@pytest.fixture(scope="module")
def report() -> PredictorReport:
    return choose(*_made(), fusions=_LATE, folds=3).report


def test_the_estimate_is_beside_plain_rivals(report: PredictorReport) -> None:
    by = {(each.kind, each.view): each for each in report.baselines}
    assert by["chance", None].figure.value == pytest.approx(1 / 3)
    assert by["majority", None].figure.value < 0.45
    best = max(by["view", "sound"].figure.value, by["view", "picture"].figure.value)
    assert report.estimate.figures[0].metric == "accuracy"
    assert report.estimate.figures[0].value > best
    assert report.estimate.records == 90
    gain = by["views shuffled", None].gain
    assert gain is not None
    assert gain < 0.05 < report.estimate.figures[0].value - best + 0.05
    assert report.null.p == 0.001


def test_what_is_told_belongs_together(report: PredictorReport) -> None:
    assert report.chosen.fusion == "late"
    assert report.standings[0].chosen
    assert {each.fusion for each in report.standings} == {"late", "late: sound", "late: picture"}
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == 90
    assert sum(report.shares.views.values()) == pytest.approx(1)
    for curve in report.missing:
        assert curve.values[-1] >= curve.rest[-1] - 0.01
        assert curve.values[0] >= curve.values[-1]
    ninety = next(each for each in report.coverage if each.wished == 0.9)
    assert 0.8 < ninety.covered <= 1
    assert all(each.true == each.said for each in report.examples.sure)
    assert all(each.true != each.said for each in report.examples.wrong)
    back = PredictorReport.from_json(json.loads(json.dumps(report.to_json())))
    assert back == report


def test_a_view_of_noise_is_left_out() -> None:
    rows, target = _made(120)
    noise = np.random.default_rng(1).normal(size=(120, 200)).astype(np.float32)
    rows = PairedVectors({"sound": rows.vectors["sound"], "noise": noise}, {}, rows.ids)
    found = choose(rows, target, fusions=_LATE, folds=3).report
    alone = next(b for b in found.baselines if b.view == "sound").figure.value
    assert found.estimate.figures[0].value >= alone - 0.03


def test_labels_that_are_dealt_anew_are_refused() -> None:
    rows, target = _made(60)
    refused = 0
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(60)
        try:
            choose(rows, target.take(order), fusions=_LATE, folds=3)
        except NoSignalError as error:
            refused += "no better than targets that are dealt anew" in str(error)
    assert refused == 2


@pytest.mark.parametrize("kind", ["labels", "grades", "number", "survival"])
def test_every_kind_of_target(kind: str) -> None:
    rows, classes = _made(80, strength=2.0)
    codes = classes.codes.astype(float)
    values = {
        "labels": np.column_stack([codes > 0, codes > 1]),
        "grades": codes,
        "number": codes + 0.1 * np.random.default_rng(0).normal(size=80),
        "survival": np.column_stack([np.exp(-codes) + np.arange(80) / 500, np.arange(80) % 4 > 0]),
    }[kind]
    names = {"number": ("price",), "survival": ("time", "event"), "labels": ("x", "y")}
    target = Target(kind, values, names.get(kind, ("a", "b", "c")))  # type: ignore[arg-type]
    chosen = choose(rows, target, fusions=_LATE, folds=3)
    least = {"labels": 0.9, "grades": 0.8, "number": 0.7, "survival": 0.75}[kind]
    assert chosen.report.estimate.figures[0].value > least
    assert (chosen.report.clinical is not None) == (kind == "survival")
    scores = chosen.fusion.scores(rows)
    assert chosen.outcome.sure(scores, rows.present).shape == (80,)


def test_an_interrupted_choice_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, target = _made(60)
    fits = []
    plain = Table.fitted

    def counted(self: Table, *args: object) -> object:
        fits.append(args[0])
        return plain(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Table, "fitted", counted)
    first = choose(rows, target, fusions=_LATE, folds=3, folder=tmp_path).report
    whole = len(fits)
    again = choose(rows, target, fusions=_LATE, folds=3, folder=tmp_path).report
    assert len(fits) - whole < 0.6 * whole
    assert again.estimate == first.estimate


def test_what_cannot_be_judged_is_refused() -> None:
    rows, target = _made(60)
    with pytest.raises(DataError, match="need at least 20"):
        choose(rows.take(np.arange(9)), target.take(np.arange(9)))
    with pytest.raises(DataError, match="2 groups; need at least 3"):
        choose(rows, target, links=np.arange(60) % 2)
    same = Target("classes", np.zeros(60), ("a", "b", "c"))
    with pytest.raises(DataError, match="the same in all records"):
        choose(rows, same)
    with pytest.raises(DataError, match="60 records, a target of 59"):
        choose(rows, target.take(np.arange(59)))


def test_groups_with_one_label_are_dealt_whole() -> None:
    # Ten groups of ten rows; scores know the group, and labels belong to groups by lot.
    rng = np.random.default_rng(0)
    links = np.repeat(np.arange(10), 10)
    small = []
    for _ in range(40):
        codes = rng.permutation(np.arange(10) % 2)[links]
        scores = (
            np.eye(2)[rng.permutation(np.arange(10) % 2)[links]] + rng.normal(size=(100, 2)) / 9
        )
        target = Target("classes", codes, ("a", "b"))
        small.append(shuffled_labels_p([(scores, target, links)]) <= 0.05)
    assert np.mean(small) < 0.2


def test_folds_that_learn_from_each_other_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(0)
    fold, small = np.arange(60) % 5, 0
    for _ in range(300):
        x, codes = rng.normal(size=(60, 30)), rng.permutation(np.arange(60) % 2)
        parts = []
        for held in (fold == each for each in range(5)):
            own, known = x[~held], np.eye(2)[codes[~held]]
            moments = own.T @ own + 5 * np.eye(30)
            weights = np.linalg.solve(moments, own.T @ (known - known.mean(axis=0)))
            target = Target("classes", codes[held], ("a", "b"))
            parts.append((x[held] @ weights, target, np.flatnonzero(held)))
        small += shuffled_labels_p(parts) <= 0.01
    assert small <= 5  # of 3 that are expected; 10 if folds count as independent


def test_views_are_dealt_within_strata_only() -> None:
    rows, target = _made(30)
    rng = np.random.default_rng(0)
    dealt = views_dealt_anew(rows, "sound", rng, target.codes)
    assert (dealt.vectors["sound"] == rows.vectors["sound"]).all()
    for code in range(3):
        own = target.codes == code
        before, after = rows.vectors["picture"][own], dealt.vectors["picture"][own]
        assert sorted(before[:, 0]) == pytest.approx(sorted(after[:, 0]))
    assert (dealt.vectors["picture"] != rows.vectors["picture"]).any()


def _one_view_tells(n: int, seed: int) -> tuple[PairedVectors, Target]:
    """A view that tells two classes, and a wide one of noise."""
    rng = np.random.default_rng(seed)
    good, noise = rng.normal(size=(n, 2)), rng.normal(size=(n, 100))
    codes = (good.sum(axis=1) > 0).astype(float)
    return PairedVectors({"good": good, "noise": noise}), Target("classes", codes, ("no", "yes"))


def test_a_view_that_alone_does_better_is_told_with_the_way_to_use_it() -> None:
    rows, target = _one_view_tells(40, 1)
    chosen = choose(rows, target, fusions=_LATE, folds=3)
    report = chosen.report
    assert report.chosen.views == ("good", "noise")
    alone = next(each.figure for each in report.baselines if each.view == "good")
    whole = report.estimate.figures[0]
    assert alone.value > whole.value + 0.01
    (note,) = chosen.notes
    assert f"accuracy {alone.value:.3f} against {whole.value:.3f}, better by " in note
    assert "the view 'good' alone did better on the same held-out folds" in note
    assert re.search(r"\(95 % interval -0\.\d{3} to 0\.\d{3}, so it may be chance\)", note)
    assert note.endswith("To use it alone: views=['good']")


def test_where_no_view_alone_does_better_nothing_is_told() -> None:
    assert choose(*_made(), fusions=_LATE, folds=3).notes == ()
