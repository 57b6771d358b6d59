"""Methods of papers on a problem with a known answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import _few_shot


@pytest.fixture(scope="module")
def problem() -> tuple[np.ndarray, ...]:
    """Four shots of six classes, words that are half right, and items to ask about."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 20))
    y, truth = np.repeat(np.arange(6), 4), np.repeat(np.arange(6), 50)
    f, x = (_few_shot.unit(centres[k] + 0.9 * rng.normal(size=(len(k), 20))) for k in (y, truth))
    return f, y, _few_shot.unit(centres + 1.5 * rng.normal(size=centres.shape)), x, truth


@pytest.mark.parametrize("name", _few_shot.PAPERS)
def test_shots_help_words(name: str, problem: tuple[np.ndarray, ...]) -> None:
    f, y, t, x, truth = problem
    words = ((x @ t.T).argmax(axis=1) == truth).mean()
    said = _few_shot.PAPERS[name](f, y, t, 8.0)(x)
    assert said.shape == (len(x), 6)
    assert (said.argmax(axis=1) == truth).mean() > words + 0.02


def test_one_shot_has_no_covariance_so_words_decide(problem: tuple[np.ndarray, ...]) -> None:
    f, y, t, x, _ = problem
    said = _few_shot.gda(f[::4], y[::4], t, 8.0)(x)
    np.testing.assert_allclose(said, 8.0 * x @ t.T - np.log(6))


def test_tuned_keys_fit_the_shots_better_than_the_shots_themselves(
    problem: tuple[np.ndarray, ...],
) -> None:
    f, y, t, _, _ = problem
    rows = np.arange(len(y))
    loss = [
        -np.log(_few_shot.softmax(learn(f, y, t, 8.0)(f))[rows, y]).mean()
        for learn in (_few_shot.tip_adapter, _few_shot.tip_adapter_f)
    ]
    assert loss[1] < loss[0]


def test_support_text_is_the_sum_in_the_paper() -> None:
    f, t = np.eye(4)[[0, 1, 1]], np.eye(4)[[2, 3]]
    said = _few_shot.ss_text(f, np.array([0, 1, 1]), t, 6.0)(np.eye(4))
    first, second = np.array([2.0, 0, 1, 0]), np.array([0, 8.0, 0, 1])
    expected = 6.0 * np.column_stack(
        [first / np.linalg.norm(first), second / np.linalg.norm(second)]
    )
    np.testing.assert_allclose(said, expected)
