"""The logistic regression of calibrations: stationary, and equal to what others find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from isthmus.core.linalg import F64
from isthmus.selection.logistic import _Loss, fit_logistic

PENALTY = 1e-3


def rows(n: int, strength: float, seed: int = 0) -> tuple[F64, F64]:
    """One true row in a hundred, moved along correlated inputs of unlike scales."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 100 == 0).astype(np.float64)
    z = rng.normal(size=(n, 4)) + strength * y[:, None] * [1.0, 0.5, 0.0, -0.2]
    z[:, 1] += 0.95 * z[:, 0]
    return z * [1.0, 0.1, 30.0, 1e-3] + [0.0, 5.0, -2.0, 1.0], y


def newton(x: F64, y: F64, penalty: float) -> tuple[F64, float]:
    """The same by Newton's method, written out."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    ridge = penalty * y.sum() * np.diag([1.0] * x.shape[1] + [0.0])
    beta = np.zeros(design.shape[1])
    beta[-1] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (p - y) + ridge @ beta
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + ridge, gradient)
        beta -= step * min(1.0, 2.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-10:
            break
    weights = beta[:-1] / scale
    return weights, float(beta[-1] - weights @ mean)


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0, 8.0])
@pytest.mark.parametrize("n", [200, 10_000, 30_001])
def test_it_is_stationary_and_agrees_with_newton(n: int, strength: float) -> None:
    x, y = rows(n, strength)
    weights, intercept = fit_logistic(x, y, penalty=PENALTY)
    scale, residual = x.std(axis=0), expit(x @ weights + intercept) - y
    # Of the standardised weights, for each true row: data and penalty pull alike.
    pull = ((x - x.mean(axis=0)) / scale).T @ residual / y.sum() + PENALTY * weights * scale
    assert np.abs([*pull, residual.sum() / y.sum()]).max() < 1e-8
    expected, constant = newton(x, y, PENALTY)
    assert np.abs((weights - expected) * scale).max() < 1e-6
    p, q = expit(x @ weights + intercept), expit(x @ expected + constant)
    assert np.abs(p - q).max() < 1e-6


def test_its_derivatives_are_those_of_its_value() -> None:
    x, y = rows(9_000, 1.0)
    loss = _Loss((x - x.mean(axis=0)) / x.std(axis=0), y, PENALTY)
    point, step = np.array([0.5, -1.0, 0.2, 0.1, -4.0]), 1e-5
    ways = np.eye(5) * step
    slopes = [(loss.value(point + w)[0] - loss.value(point - w)[0]) / (2 * step) for w in ways]
    np.testing.assert_allclose(loss.value(point)[1], slopes, atol=1e-6)
    bends = [(loss.value(point + w)[1] - loss.value(point - w)[1]) / (2 * step) for w in ways]
    np.testing.assert_allclose(loss.hessian(point), bends, atol=1e-6)


def test_log_odds_beyond_what_an_exponential_holds_are_finite() -> None:
    x, y = rows(400, 1.0)
    value, gradient = _Loss(x, y, PENALTY).value(np.array([1e4, 0.0, 0.0, 0.0, 0.0]))
    assert np.isfinite(value) and np.isfinite(gradient).all()
