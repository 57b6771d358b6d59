from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import InputError
from isthmus.metrics.calibration import brier_score, expected_calibration_error, reliability


def test_reliability_of_two_bins_by_hand() -> None:
    said, found, counts = reliability([0.1, 0.9, 0.3, 0.7], [0, 1, 1, 1], bins=2)
    np.testing.assert_allclose(said, [0.2, 0.8])
    np.testing.assert_allclose(found, [0.5, 1.0])
    assert counts.tolist() == [2, 2]
    # (2·|0.2 − 0.5| + 2·|0.8 − 1.0|) / 4
    assert expected_calibration_error([0.1, 0.9, 0.3, 0.7], [0, 1, 1, 1], bins=2) == (
        pytest.approx(0.25)
    )


def test_true_probabilities_have_a_small_error_and_overconfident_ones_a_large() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=50_000)
    truth = rng.uniform(size=50_000) < p
    assert expected_calibration_error(p, truth) < 0.01
    sure = (p > 0.5).astype(float)  # an even number of bins, so that none mixes noes and yeses
    assert expected_calibration_error(sure, truth, bins=10) == pytest.approx(0.25, abs=0.01)
    # E (p − t)² = E p(1 − p) = 1/6, and with p = ½ for all it is ¼
    assert brier_score(p, truth) == pytest.approx(1 / 6, abs=0.005)
    assert brier_score(np.full(10, 0.5), truth[:10]) == 0.25


def test_bins_agree_with_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(1)
    p = rng.permutation(np.linspace(0.01, 0.99, 600))
    truth = rng.uniform(size=600) < p**2
    said, found, _ = reliability(p, truth, bins=6)
    expected = calibration.calibration_curve(truth, p, n_bins=6, strategy="quantile")
    np.testing.assert_allclose(found, expected[0], atol=1e-12)
    np.testing.assert_allclose(said, expected[1], atol=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_error_lies_between_the_mean_gap_and_one(rows: list[tuple[float, bool]]) -> None:
    p, truth = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    error = expected_calibration_error(p, truth)
    assert abs(p.mean() - truth.mean()) - 1e-9 <= error <= 1 + 1e-9
    assert expected_calibration_error(p, truth, bins=1) == pytest.approx(
        abs(p.mean() - truth.mean())
    )


def test_unequal_lengths_and_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="as many probabilities as truths"):
        expected_calibration_error([0.5], [True, False])
    with pytest.raises(InputError, match="as many probabilities as truths"):
        reliability([], [])
