"""Figures with intervals, and what shots are worth."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.linalg import F64, l2_normalize
from isthmus.metrics import Interval, expected_calibration_error
from isthmus.prompts.curve import cross_validated, shot_curve
from isthmus.prompts.judged import Judged, _errors
from isthmus.prompts.methods import method
from isthmus.prompts.support import Support

ONE = (method("text+mean"),)


def support(shots: int, *, classes: int = 4, spread: float = 0.4, words: float = 1.0) -> Support:
    """Shots about class centres, from which the words are far away."""
    rng = np.random.default_rng(0)
    centres = l2_normalize(rng.standard_normal((classes, 32)))
    names = l2_normalize(centres + words * rng.standard_normal(centres.shape))
    labels = np.repeat(np.arange(classes), shots)
    noise = l2_normalize(rng.standard_normal((len(labels), 32)))
    return Support(names, l2_normalize(centres[labels] + spread * noise), labels, 8.0)


def calibrated(n: int, rng: np.random.Generator) -> tuple[F64, np.ndarray]:
    p = rng.dirichlet(np.ones(3), n)
    return p, np.array([rng.choice(3, p=row) for row in p])


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(200):
        found = Interval.of_mean((rng.random(60) < 0.7).astype(float))
        inside.append(found.low <= 0.7 <= found.high)
    assert 0.9 <= np.mean(inside) <= 1.0
    alone = Interval.of_difference(np.array([1.0]))
    assert (alone.value, alone.low, alone.high) == (1.0, -1.0, 1.0)


def test_figures_agree_with_those_without_intervals() -> None:
    p, labels = calibrated(300, np.random.default_rng(2))
    found = Judged.of(p, labels)
    right = p.argmax(axis=1) == labels
    assert found.accuracy.value == right.mean() and found.items == 300
    recall = [right[labels == k].mean() for k in range(3)]
    assert found.macro_recall.value == pytest.approx(np.mean(recall))
    ece = expected_calibration_error(p.max(axis=1), right, bins=15)
    assert found.ece.value == pytest.approx(ece)
    for each in (found.accuracy, found.macro_recall, found.macro_f1, found.ece):
        assert each.low <= each.value <= each.high and each.high - each.low < 0.2
    assert found.majority == np.bincount(labels).max() / 300 and found.chance == 1 / 3


def test_the_calibration_error_of_true_probabilities_is_that_of_its_null() -> None:
    true = [Judged.of(*calibrated(100, np.random.default_rng(seed))) for seed in range(4)]
    null = np.mean([each.ece_null for each in true])
    assert null > 0.03  # far from 0, as there are few items
    assert np.mean([each.ece.value for each in true]) == pytest.approx(null, abs=0.02)
    p, labels = calibrated(100, np.random.default_rng(9))
    sure = p**4 / (p**4).sum(axis=1, keepdims=True)
    assert Judged.of(sure, labels).ece.value > 2 * null


def test_errors_of_macro_recall_are_those_of_the_mean_of_independent_classes() -> None:
    """Within a class, s²/n is the unbiased variance of a share."""
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(4), [2, 3, 10, 30])
    said = np.where(rng.random(45) < 0.6, labels, (labels + 1) % 4)
    right = (said == labels).astype(float)
    shares = [right[labels == k].var(ddof=1) / (labels == k).sum() for k in range(4)]
    found = Judged.of(np.eye(4)[said], labels).macro_recall
    half = 1.96 * np.sqrt(np.sum(shares)) / 4
    assert (found.high - found.low) / 2 == pytest.approx(half)


def test_errors_of_macro_recall_are_large_enough_with_few_items_a_class() -> None:
    """Two items of each of fifteen classes, of which each has another skill."""
    rng = np.random.default_rng(5)
    labels, skill = np.repeat(np.arange(15), 2), rng.uniform(0.4, 0.95, 15)
    inside = []
    for _ in range(400):
        right = rng.random(len(labels)) < skill[labels]
        said = np.where(right, labels, (labels + rng.integers(1, 15, len(labels))) % 15)
        error, _ = _errors(said, labels, 15)
        inside.append(abs(right.mean() - skill.mean()) <= 1.96 * error)
    assert 0.91 <= np.mean(inside) <= 0.97


def test_all_right_is_no_certainty() -> None:
    found = Judged.of(np.eye(3), np.arange(3))
    assert found.macro_recall.value == 1.0 and found.macro_recall.low < 0.6


def test_more_shots_are_worth_more_and_shuffled_ones_nothing() -> None:
    known = support(9)
    curve = shot_curve(known, ONE)
    assert curve is not None and curve.shots == (0, 1, 2, 4) and curve.asked == 12
    values = [each.value for each in curve.accuracy]
    assert values[-1] > values[0] + 0.2 and values[-1] > 0.9
    for each in curve.accuracy:
        assert each.low <= each.value <= each.high
    whole = cross_validated(known, ONE)
    taught = np.random.default_rng(0).permutation(known.labels)
    null = cross_validated(known, ONE, taught=taught)
    assert whole is not None and null is not None
    np.testing.assert_array_equal(whole.rows, null.rows)
    right = (whole.probabilities.argmax(axis=1) == whole.labels).mean()
    assert right > 0.9 > 0.6 > (null.probabilities.argmax(axis=1) == null.labels).mean()
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1.0)


def test_words_alone_are_measured_on_each_item_once() -> None:
    known = support(6)
    curve = shot_curve(known, ONE, draws=4)
    assert curve is not None and curve.shots[0] == 0
    said = known.zero_shot(known.items).argmax(axis=1) == known.labels
    assert curve.accuracy[0].value == pytest.approx(said.mean(), abs=0.25)
    width = curve.accuracy[0].high - curve.accuracy[0].low
    assert width < 4 * np.sqrt(0.25 / 8)  # of some 20 items, not of 8 in each draw


def test_a_shot_that_is_asked_about_is_never_learned_from() -> None:
    """Shots are noise, so that only a copy of what is asked could help."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(2), 8)
    known = Support(np.eye(2, 64), l2_normalize(rng.standard_normal((16, 64))), labels, 8.0)
    whole = cross_validated(known, (method("tip-adapter"),))
    assert whole is not None
    assert (whole.probabilities.argmax(axis=1) == whole.labels).mean() < 0.9


@pytest.mark.parametrize("shots", [0, 1])
def test_too_few_shots_give_none(shots: int) -> None:
    known = support(shots)
    assert cross_validated(known, ONE) is None
    assert shot_curve(known, ONE) is None
