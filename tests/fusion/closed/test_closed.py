"""Closed forms of fusion: rows added and forgotten, views that are gone, views that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import DataError, InputError, NotFittedError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target, make
from isthmus.fusion.checks import planted
from isthmus.fusion.closed.patterns import LinearFusion
from isthmus.fusion.target import Kind
from isthmus.selection.predicting.table import with_views

LATE = ("late", "product", "stacked", "weighted")
FIRST, SECOND = np.arange(80), np.arange(80, 120)


@pytest.mark.parametrize("kind", ["classes", "labels", "grades", "number"])
@pytest.mark.parametrize("name", [*LATE, "concat"])
def test_forgetting_rows_is_never_having_seen_them(name: str, kind: Kind) -> None:
    rows, target = planted(kind)
    only = make(name, inner="moments").fit(rows.take(FIRST), target.take(FIRST))
    both = make(name, inner="moments").partial_fit(rows.take(FIRST), target.take(FIRST))
    both.partial_fit(rows.take(SECOND), target.take(SECOND))
    whole = make(name, inner="moments").fit(rows, target).scores(rows)
    assert both.scores(rows) == pytest.approx(whole, rel=1e-6, abs=1e-6)
    both.forget(rows.take(SECOND), target.take(SECOND))
    assert both.scores(rows) == pytest.approx(only.scores(rows), rel=1e-6, abs=1e-6)
    assert np.abs(whole - only.scores(rows)).max() > 1e-3


@pytest.mark.parametrize("kind", ["classes", "labels", "grades", "number"])
def test_more_than_was_learned_is_not_forgotten(kind: Kind) -> None:
    rows, target = planted(kind)
    fitted = make("late", inner="moments").fit(rows, target)
    before = fitted.scores(rows)
    with pytest.raises(DataError, match="all rows that were learned"):
        fitted.forget(rows, target)
    np.testing.assert_array_equal(fitted.scores(rows), before)
    fitted.forget(rows.take(FIRST), target.take(FIRST))
    with pytest.raises(DataError, match="never there, or twice"):
        fitted.forget(rows.take(FIRST), target.take(FIRST))


def test_moments_and_rows_agree_on_most_records() -> None:
    rows, target = planted("classes")
    for name in (*LATE, "concat"):
        said = [
            make(name, inner=inner).fit(rows.take(FIRST), target.take(FIRST)).scores(rows)
            for inner in ("rows", "moments")
        ]
        assert (said[0].argmax(axis=1) == said[1].argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("kind", ["classes", "labels", "grades", "number", "survival"])
def test_records_of_few_views_are_answered_as_another_does(kind: Kind) -> None:
    rows, target = planted(kind)
    fitted = make("concat").fit(rows, target)
    other = make("late", ridge=7.0, learner="ridge", scale=True).fit(rows, target)
    view = rows.views[0]
    alone, before = with_views(rows, (view,)), fitted.scores(rows)
    full = np.all(list(rows.present.values()), axis=0)
    wanted = other.scores(alone)
    assert np.abs(fitted.scores(alone) - wanted).max() > 1e-6
    assert isinstance(fitted, LinearFusion)
    fitted.answer_as(other, (view,))
    assert fitted.scores(alone) == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    np.testing.assert_array_equal(fitted.scores(rows)[full], before[full])
    shares = fitted.shares(alone)
    parts = shares.rest + sum(shares.views.values())
    assert parts == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    again = make("concat").fit(rows, target)
    again.restore(*fitted.state())
    np.testing.assert_array_equal(again.scores(alone), fitted.scores(alone))


def test_what_needs_rows_says_so() -> None:
    rows, target = planted("classes")
    with pytest.raises(NotFittedError, match="inner='moments'"):
        make("late").fit(rows, target).forget(rows, target)
    with pytest.raises(DataError, match="inner='moments'"):
        make("late").partial_fit(rows, target)
    with pytest.raises(DataError, match="survival"):
        make("late", inner="moments").fit(*planted("survival"))
    with pytest.raises(InputError, match="logistic"):
        make("late", inner="moments", learner="logistic")
    fitted = make("late", inner="moments").fit(rows, target)
    with pytest.raises(DataError, match="same target"):
        fitted.partial_fit(*planted("grades"))


@pytest.mark.parametrize("name", [*LATE, "concat"])
def test_a_record_without_a_view_is_answered_by_the_others_own_predictor(name: str) -> None:
    rows, target = planted("classes")
    both = make(name).fit(rows.take(FIRST), target.take(FIRST))
    alone = rows.select(["picture"])
    single = make(name).fit(alone.take(FIRST), target.take(FIRST))
    assert both.scores(alone) == pytest.approx(single.scores(alone), abs=1e-8)


@pytest.mark.parametrize("name", [*LATE, "add", "concat"])
def test_boundaries_between_grades_never_cross(name: str) -> None:
    rows, target = planted("grades")
    scores = make(name).fit(rows.take(FIRST), target.take(FIRST)).scores(rows)
    assert np.diff(scores, axis=1).max() < 0


@pytest.mark.parametrize("name", [*LATE, "add", "concat", "multiply"])
def test_views_that_say_nothing_do_no_harm(name: str) -> None:
    rows, target = planted("classes")
    n = len(rows)
    more = PairedVectors(
        {
            **rows.vectors,
            "same": np.ones((n, 3), np.float32),
            "empty": np.zeros((n, 4), np.float32),
        },
        {**rows.present, "empty": np.zeros(n, dtype=bool)},
    )
    plain, wide = (make(name).fit(each, target) for each in (rows, more))
    assert wide.scores(more) == pytest.approx(plain.scores(rows), abs=1e-6)


def test_a_noise_view_hardly_counts_when_stacked() -> None:
    rows, target = planted("classes")
    noise = np.random.default_rng(5).normal(size=(len(rows), 10)).astype(np.float32)
    more = PairedVectors({**rows.vectors, "noise": noise}, rows.present)
    shares = make("stacked").fit(more, target).shares(more).views
    assert np.abs(shares["noise"]).mean() < 0.1 * np.abs(shares["picture"]).mean()


def test_six_views_and_patterns_nobody_had() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 120)
    views = {
        f"v{i}": (codes[:, None] + rng.normal(size=(120, 3))).astype(np.float32) for i in range(6)
    }
    target = Target("classes", codes, ("no", "yes"))
    fusion = make("late").fit(PairedVectors(views).take(FIRST), target.take(FIRST))
    some = PairedVectors(views).take(SECOND).select(["v0", "v2", "v5"])
    assert (fusion.scores(some).argmax(axis=1) == codes[80:]).mean() > 0.7
    assert fusion.shares(some).total == pytest.approx(fusion.scores(some))


def test_held_out_scores_make_probabilities_honest() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 2, 600)
    x = rng.normal(size=(600, 300))
    x[:, :10] += 0.5 * codes[:, None]
    rows, target = PairedVectors({"x": x.astype(np.float32)}), Target("classes", codes, ("a", "b"))
    first = np.arange(200)
    scores = (
        make("late")
        .fit(rows.take(first), target.take(first))
        .scores(rows.take(~np.isin(np.arange(600), first)))
    )
    likely = 1 / (1 + np.exp(scores[:, 0] - scores[:, 1]))
    sure = np.maximum(likely, 1 - likely)
    right = (likely > 0.5) == codes[200:]
    assert abs(sure.mean() - right.mean()) < 0.06


def test_logistic_regression_is_that_of_scikit_learn() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn fits it")
    rows, target = planted("classes")
    alone = rows.select(["picture"])
    fusion = make("late", learner="logistic", ridge=1.0, scale=False).fit(alone, target)
    assert (fusion.scores(alone).argmax(axis=1) == target.codes).mean() > 0.9
    labels = make("late", learner="logistic", ridge=1.0, scale=False)
    truth = planted("labels")[1]
    assert ((labels.fit(alone, truth).scores(alone) > 0) == truth.values).mean() > 0.9
