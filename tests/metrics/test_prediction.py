"""Metrics of predictions, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import metrics
from isthmus.core.errors import InputError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    theirs = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn")
    truth, said = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    assert metrics.accuracy(said, truth) == pytest.approx(theirs.accuracy_score(truth, said))
    assert metrics.balanced_accuracy(said, truth) == pytest.approx(
        theirs.balanced_accuracy_score(truth, said)
    )
    assert metrics.macro_f1(said, truth) == pytest.approx(
        theirs.f1_score(truth, said, average="macro")
    )
    assert metrics.quadratic_kappa(said, truth, 4) == pytest.approx(
        theirs.cohen_kappa_score(truth, said, weights="quadratic")
    )
    p = rng.dirichlet(np.ones(4), 60).round(1) + 0.01
    p /= p.sum(axis=1, keepdims=True)
    assert metrics.log_loss(p, truth) == pytest.approx(theirs.log_loss(truth, p))
    one_hot = np.eye(4)[truth]
    assert metrics.macro_auc(p, one_hot) == pytest.approx(
        theirs.roc_auc_score(one_hot, p, average="macro")
    )
    values, guess = rng.normal(size=60), rng.normal(size=60)
    assert metrics.r_squared(guess, values) == pytest.approx(theirs.r2_score(values, guess))
    assert metrics.mean_absolute_error(guess, values) == pytest.approx(
        theirs.mean_absolute_error(values, guess)
    )


def test_concordance_and_area_without_censoring_are_those_of_ranks(
    rng: np.random.Generator,
) -> None:
    times, risks = rng.permutation(30) + 1.0, rng.normal(size=30)
    events = np.ones(30, dtype=bool)
    pairs = [(i, j) for i in range(30) for j in range(30) if times[i] < times[j]]
    share = np.mean([risks[i] > risks[j] for i, j in pairs])
    assert metrics.concordance_index(times, events, risks) == pytest.approx(share)
    assert metrics.auc_at(times, events, risks, 12.0) == pytest.approx(
        metrics.roc_auc(risks, times <= 12)
    )


def test_area_at_a_time_weighs_cases_by_the_inverse_of_being_followed() -> None:
    # The censored row at 1 leaves three of four: the case at 2 weighs 4/3, that at 0.5 weighs 1.
    times, events = np.array([0.5, 1.0, 2.0, 5.0, 6.0]), np.array([1, 0, 1, 0, 0], dtype=bool)
    risks = np.array([3.0, 0.0, 1.0, 2.0, 0.0])
    weights = np.array([1.0, 4 / 3])
    assert metrics.auc_at(times, events, risks, 3.0) == pytest.approx(
        (weights * [1.0, 0.5]).sum() / weights.sum()
    )


def test_ties_count_half() -> None:
    assert metrics.roc_auc([1.0, 1.0], [0, 1]) == 0.5
    assert metrics.concordance_index([1.0, 2.0], [1, 1], [0.0, 0.0]) == 0.5
    coverage, risk = metrics.risk_coverage([0.5, 0.5, 0.9], [1, 0, 0])
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risk.tolist() == pytest.approx([0, 0.25, 1 / 3])


def test_what_cannot_be_measured_is_not_a_number() -> None:
    assert np.isnan(metrics.roc_auc([0.1, 0.2], [1, 1]))
    assert np.isnan(metrics.auc_at([1.0, 2.0], [0, 0], [0.1, 0.2], 1.5))
    assert np.isnan(metrics.r_squared([1.0, 2.0], [3.0, 3.0]))
    assert np.isnan(metrics.sensitivity_at_specificity([0.1], [1], 0.9))
    with pytest.raises(InputError, match="as many"):
        metrics.accuracy([1], [1, 2])


def test_net_benefit_of_a_test_that_knows_nothing_is_at_most_that_of_the_defaults() -> None:
    truth = np.array([1, 0, 0, 0], dtype=bool)
    benefit, always = metrics.decision_curve(np.full(4, 0.25), truth, [0.1, 0.2, 0.3])
    assert benefit[:2] == pytest.approx(always[:2])
    assert benefit[2] == 0


def test_sensitivity_at_a_specificity() -> None:
    false, true = np.linspace(0, 0.9, 10), np.array([0.05, 0.85, 0.95])
    scores, truth = np.concatenate([false, true]), np.repeat([0, 1], [10, 3])
    assert metrics.sensitivity_at_specificity(scores, truth, 1.0) == pytest.approx(1 / 3)
    assert metrics.sensitivity_at_specificity(scores, truth, 0.9) == pytest.approx(2 / 3)
    assert metrics.sensitivity_at_specificity(scores, truth, 0.0) == 1.0
