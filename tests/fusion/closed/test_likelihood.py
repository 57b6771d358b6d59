"""Likelihoods by their gradients, and the weights that make a target most probable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from isthmus.fusion import KINDS
from isthmus.fusion.checks import planted
from isthmus.fusion.closed.likelihood import calibrate, loss
from isthmus.fusion.target import Kind, Target


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_slope_of_the_loss(kind: Kind) -> None:
    target = planted(kind)[1].take(np.arange(12))
    if kind == "number":
        target = Target(kind, target.values - 1e6, target.names)
    start = np.random.default_rng(1).normal(size=(12, target.width))
    gap = check_grad(
        lambda flat: loss(target, flat.reshape(start.shape))[0],
        lambda flat: loss(target, flat.reshape(start.shape))[1].ravel(),
        start.ravel(),
    )
    assert gap < 1e-5
    value, gradient = loss(target, start)
    room = start.copy()
    again, written = loss(target, room, into=room)
    assert again == value and np.array_equal(written, gradient)
    assert kind != "classes" or written is room


def test_coxs_likelihood_by_hand() -> None:
    target = Target("survival", np.array([[1.0, 1], [2, 1], [3, 0]]), ("time", "event"))
    scores = np.log(np.array([[2.0], [1.0], [1.0]]))
    # The first of three has the event at hazard 2 of 4, the second of two at 1 of 2.
    assert loss(target, scores)[0] == pytest.approx((np.log(2) + np.log(2)) / 2)


def test_a_part_that_says_nothing_gets_no_weight() -> None:
    _, target = planted("classes")
    rng = np.random.default_rng(2)
    good = 3.0 * target.matrix + rng.normal(size=target.matrix.shape)
    fitted = calibrate([good, -good, rng.normal(size=good.shape)], target, np.zeros(3))
    sizes = fitted.weights
    assert sizes[0] > 0.5
    assert sizes[1] < 0.1 * sizes[0]
    assert sizes[2] < 0.3 * sizes[0]
