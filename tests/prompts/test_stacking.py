from __future__ import annotations

import numpy as np
import pytest

from isthmus.prompts.stacking import information, view_weights
from isthmus.prompts.support import log_softmax


def views(n: int = 3000, strengths: tuple[float, ...] = (3.0, 1.0), seed: int = 0):
    """Calibrated views of one class each, independent given the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(5, size=n)
    said = []
    for strength in strengths:  # unit Gaussians around corners: log-odds are strength · x
        x = rng.normal(size=(n, 5)) + strength * np.eye(5)[labels]
        said.append(log_softmax(strength * x))
    return said, labels


def loss(said: list[np.ndarray], labels: np.ndarray, weights: np.ndarray) -> float:
    sure = log_softmax(sum(w * part for w, part in zip(weights, said, strict=True)))
    return -float(sure[np.arange(len(labels)), labels].mean())


def test_independent_calibrated_views_count_one_once_there_are_records() -> None:
    said, labels = views()
    np.testing.assert_allclose(view_weights(said, labels), 1.0, atol=0.12)


def test_a_view_that_repeats_another_does_not_count_twice() -> None:
    said, labels = views()
    weights = view_weights([said[0], said[0]], labels)
    assert weights.sum() == pytest.approx(1.0, abs=0.1)


def test_a_view_that_only_seems_sure_counts_little() -> None:
    said, labels = views(60)
    noise = np.random.default_rng(1).permutation(said[0])
    weights = view_weights([said[0], noise], labels)
    assert weights[1] < 0.2 * weights[0]
    assert loss([said[0], noise], labels, weights) < loss([said[0], noise], labels, np.ones(2))


def test_few_records_leave_the_weak_view_its_share_of_what_is_told() -> None:
    said, labels = views(6)
    told = [information(part, labels) for part in said]
    weights = view_weights(said, labels)
    assert abs(np.log(weights[1]) - np.log(told[1] / told[0])) < 0.6


def test_nothing_left_out_leaves_every_view_one() -> None:
    none = np.zeros(0, dtype=np.intp)
    assert view_weights([np.zeros((0, 4))] * 3, none).tolist() == [1.0, 1.0, 1.0]
    assert view_weights([views(9)[0][0]], np.zeros(9, dtype=np.intp)).tolist() == [1.0]
