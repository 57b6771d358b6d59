"""What scores mean: probabilities, sets, intervals and abstention, measured on new rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from isthmus.core.errors import ArtifactError, DataError, InputError
from isthmus.core.linalg import F64
from isthmus.fusion import Target
from isthmus.metrics import expected_calibration_error
from isthmus.predictor.hazard import baseline_hazard, survival_curve, times_of
from isthmus.predictor.link import Link
from isthmus.predictor.outcome import Outcome


def _classes(n: int, seed: int, signal: float = 1.0) -> tuple[F64, Target]:
    """Scores a tenth as large as the true log-odds, as a regression's are."""
    rng = np.random.default_rng(seed)
    logits = 2 * signal * rng.normal(size=(n, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return logits / 10, Target("classes", codes, tuple("abc"))


def test_the_temperature_is_found() -> None:
    scores, target = _classes(3000, 0)
    link = Link.fit(scores, target)
    assert link.slope == pytest.approx(10, rel=0.1)
    assert np.ptp(link.offset) < 0.3


def test_scores_that_point_the_wrong_way_say_nothing() -> None:
    scores, target = _classes(500, 0)
    outcome = Outcome.fit(-scores, target)
    share = np.bincount(target.codes) / 500
    assert outcome.probabilities(-scores[:1])[0] == pytest.approx(share, abs=0.01)


def test_probabilities_of_new_rows_are_calibrated_and_sets_cover() -> None:
    outcome = Outcome.fit(*_classes(400, 0))
    scores, target = _classes(2000, 1)
    p = outcome.probabilities(scores)
    assert p.sum(axis=1) == pytest.approx(1)
    right = p.argmax(axis=1) == target.codes
    assert expected_calibration_error(p.max(axis=1), right) < 0.05
    for wish in (0.8, 0.9):
        sets = outcome.sets(scores, wish)
        assert sets[np.arange(2000), target.codes].mean() == pytest.approx(wish, abs=0.04)
    assert outcome.sets(scores, 0.95).sum() > outcome.sets(scores, 0.8).sum()


def test_too_few_rows_promise_nothing() -> None:
    scores, target = _classes(8, 0)
    assert Outcome.fit(scores, target).sets(scores, 0.95).all()


def test_perfect_scores_are_sure_but_not_certain() -> None:
    codes = np.repeat([0, 1], 20)
    outcome = Outcome.fit(np.eye(2)[codes], Target("classes", codes, ("a", "b")))
    p = outcome.probabilities(np.eye(2))
    assert 0.9 < p[0, 0] < 0.999
    assert outcome.threshold(0.0) == 0.0


def test_few_rows_a_class_are_no_reason_to_be_unsure() -> None:
    codes = np.repeat(np.arange(8), 5)
    rng = np.random.default_rng(0)
    scores = 4 * np.eye(8)[codes] + 0.3 * rng.normal(size=(40, 8))
    outcome = Outcome.fit(scores, Target("classes", codes, tuple("abcdefgh")))
    sure = outcome.probabilities(scores).max(axis=1)
    # All 40 are right: by the rule of succession, 41 of 42 is what that says of the next one.
    assert 0.93 < sure.mean() < 0.99


def test_rows_that_lack_a_view_are_calibrated_by_themselves() -> None:
    good, target = _classes(300, 0)
    present = {"text": np.repeat([True, False], 300), "image": np.ones(600, dtype=bool)}
    noise = np.random.default_rng(1).normal(size=good.shape) / 10
    both = Target("classes", np.vstack([target.values, target.values]), target.names)
    outcome = Outcome.fit(np.vstack([good, noise]), both, present)
    one = {"text": np.array([True, False]), "image": np.ones(2, dtype=bool)}
    alike = np.array([[0.3, 0.0, 0.0]] * 2)
    sure = outcome.sure(alike, one)
    assert sure[0] > 0.8 > 0.55 > sure[1]
    assert outcome.sets(alike, 0.9, one)[1].sum() > outcome.sets(alike, 0.9, one)[0].sum()
    # A pattern that never occurred is judged as the largest one within it.
    new = {**one, "sound": np.ones(2, dtype=bool)}
    assert outcome.sure(alike, new) == pytest.approx(sure)


def test_abstaining_keeps_the_wished_risk() -> None:
    scores, target = _classes(2000, 0, signal=0.5)
    outcome = Outcome.fit(scores, target)
    threshold = outcome.threshold(0.2)
    new, truth = _classes(2000, 1, signal=0.5)
    answered = outcome.sure(new) >= threshold
    assert 0.05 < answered.mean() < 0.95
    wrong = outcome.losses(new, truth)
    assert wrong[answered].mean() < 0.25 < wrong.mean()
    nothing = Outcome.fit(0 * new, truth)
    assert nothing.threshold(0.2) == np.inf


def test_balanced_decisions_find_the_rare_class() -> None:
    rng = np.random.default_rng(0)
    codes = (rng.random(1000) < 0.1).astype(int)
    x = codes + rng.normal(size=1000)
    target = Target("classes", codes, ("often", "rare"))
    scores = np.column_stack([-x, x])
    plain = Outcome.fit(scores, target).decide(scores)
    fair = Outcome.fit(scores, target, balanced=True).decide(scores)
    assert fair[codes == 1].mean() > plain[codes == 1].mean() + 0.3


def test_grades_have_probabilities_that_sum_and_a_median() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=600)
    codes = np.searchsorted([-0.7, 0.7], hidden + 0.3 * rng.normal(size=600))
    target = Target("grades", codes, ("low", "mid", "high"))
    scores = np.column_stack([hidden, hidden])
    outcome = Outcome.fit(scores, target)
    p = outcome.probabilities(scores)
    assert p.min() >= 0
    assert p.sum(axis=1) == pytest.approx(1)
    assert (outcome.decide(scores) == codes).mean() > 0.8


def test_grades_are_as_sure_as_all_boundaries_together() -> None:
    rng = np.random.default_rng(0)
    codes, tempo = rng.integers(0, 5, 600), rng.integers(0, 2, 600)
    # Seen in two parts, neither of which tells a grade; a boundary is a straight line in both.
    seen = np.column_stack([tempo, codes - tempo]) + 0.3 * rng.normal(size=(600, 2))
    x = np.column_stack([seen, np.ones(600)])
    above = codes[:, None] > np.arange(4)
    scores = x @ np.linalg.lstsq(x[:200], above[:200], rcond=None)[0]
    target = Target("grades", codes, tuple("abcde"))
    outcome = Outcome.fit(scores[200:400], target.take(np.arange(200, 400)))
    p = outcome.probabilities(scores[400:])
    right = p.argmax(axis=1) == codes[400:]
    assert p.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.06)


def test_labels_are_told_one_by_one() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(500, 2))
    target = Target("labels", (hidden + rng.normal(size=(500, 2)) > [0, 1]), ("red", "round"))
    outcome = Outcome.fit(hidden, target)
    p = outcome.probabilities(hidden)
    assert p.mean(axis=0) == pytest.approx(target.values.mean(axis=0), abs=0.02)
    sets = outcome.sets(hidden, 0.9)
    assert sets[target.values > 0].mean() == pytest.approx(0.9, abs=0.02)


def test_intervals_of_numbers_cover_new_rows() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=3000)
    said = truth + 0.5 * rng.normal(size=3000) + 2  # always 2 too high
    target = Target("number", truth, ("price",))
    outcome = Outcome.fit(said[:1000, None], target.take(np.arange(1000)))
    low, high = outcome.interval(said[1000:, None], 0.9).T
    covered = (low <= truth[1000:]) & (truth[1000:] <= high)
    assert covered.mean() == pytest.approx(0.9, abs=0.025)
    assert outcome.values(said[1000:, None]).mean() == pytest.approx(truth[1000:].mean(), abs=0.1)
    assert 0.3 < outcome.sure(said[:1, None])[0] < 0.8
    with pytest.raises(InputError, match="no probabilities"):
        outcome.probabilities(said[:, None])


def test_survival_probabilities_match_what_happened() -> None:
    rng = np.random.default_rng(0)
    log_hazard = rng.normal(size=2000)
    times = rng.exponential(1 / np.exp(log_hazard))
    censored = rng.exponential(2.0, size=2000)
    values = np.column_stack([np.minimum(times, censored), times <= censored])
    outcome = Outcome.fit(log_hazard[:, None] / 5, Target("survival", values, ("time", "event")))
    assert outcome.patterns[0].link.slope[0] == pytest.approx(5, rel=0.1)
    p = outcome.at(0.7).probabilities(log_hazard[:, None] / 5)[:, 0]
    assert p.mean() == pytest.approx((times <= 0.7).mean(), abs=0.03)
    sure = p > 0.7
    assert p[sure].mean() == pytest.approx((times <= 0.7)[sure].mean(), abs=0.05)
    low, high = outcome.interval(log_hazard[:, None] / 5, 0.5).T
    assert ((low <= times) & (times <= high)).mean() == pytest.approx(0.5, abs=0.05)


def test_the_baseline_hazard_by_hand() -> None:
    target = Target("survival", np.array([[1.0, 1], [2, 0], [3, 1]]), ("time", "event"))
    hazard = baseline_hazard(np.zeros(3), target)
    assert hazard.tolist() == [[1, pytest.approx(1 / 3)], [3, pytest.approx(4 / 3)]]
    curve = survival_curve(hazard, np.zeros(1), np.array([0.5, 2.0]))
    assert curve[0] == pytest.approx([1, np.exp(-1 / 3)])
    assert times_of(hazard, np.zeros(1), np.array([0.5, 0.1])).tolist() == [[3, np.inf]]


@pytest.mark.parametrize("kind", ["classes", "number", "survival"])
def test_it_comes_back_as_it_went(kind: str) -> None:
    scores, target = _classes(60, 0)
    if kind == "number":
        target, scores = Target("number", scores[:, 0], ("x",)), scores[:, :1]
    if kind == "survival":
        times = np.column_stack([np.exp(-scores[:, 0]), np.arange(60) % 3 > 0])
        target, scores = Target("survival", times, ("time", "event")), scores[:, :1]
    present = {"a": np.ones(60, dtype=bool)}
    outcome = Outcome.fit(scores, target, present)
    document = json.loads(json.dumps(outcome.document()))
    back = Outcome.from_document(document, outcome.tensors(), target, present)
    assert back.sure(scores, present).tolist() == outcome.sure(scores, present).tolist()
    assert back.document() == outcome.document()
    with pytest.raises(ArtifactError, match="unknown"):
        Outcome.from_document({**document, "more": 1}, outcome.tensors(), target, present)


def test_scores_of_another_width_are_refused() -> None:
    scores, target = _classes(30, 0)
    with pytest.raises(DataError, match=r"need scores \(30, 3\)"):
        Outcome.fit(scores[:, :2], target)
    with pytest.raises(DataError, match=r"need scores \(n, 3\)"):
        Outcome.fit(scores, target).sure(scores[:, :2])
    with pytest.raises(InputError, match="between 0 and 1"):
        Outcome.fit(scores, target).sets(scores, 1.5)


@pytest.mark.parametrize("present", [None, {"a": np.ones(200, dtype=bool)}])
def test_rows_of_one_pattern_are_calibrated_once(
    monkeypatch: pytest.MonkeyPatch, present: dict[str, NDArray[np.bool_]] | None
) -> None:
    sizes: list[int] = []
    fit = Link.fit

    def counted(scores: F64, target: Target) -> Link:
        sizes.append(len(scores))
        return fit(scores, target)

    scores, target = _classes(200, 0)
    monkeypatch.setattr(Link, "fit", counted)
    outcome = Outcome.fit(scores, target, present)
    assert sizes == [200] and len(outcome.patterns) == 2
    assert outcome.probabilities(scores, present) == pytest.approx(outcome.probabilities(scores))
    sizes.clear()
    some = {"a": np.arange(200) < 150}
    Outcome.fit(scores, target, some)
    assert sorted(sizes) == [50, 150]
