"""Losses of targets, the same for numpy and torch, and folds that keep groups whole."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fusion.planted import clusters, of_kind

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import KINDS, Kind, Target
from isthmus.fusion.inner import deal, out_of_fold
from isthmus.fusion.loss import Loss, mean_loss, scale_of


def test_losses_are_those_of_the_field() -> None:
    two = Target("classes", np.array([0.0, 1.0]), ("a", "b"))
    assert mean_loss(np.zeros((2, 2)), two) == pytest.approx(np.log(2))
    labels = Target("labels", np.array([[1.0, 0.0]]), ("a", "b"))
    assert mean_loss(np.array([[2.0, 0.0]]), labels) == pytest.approx(
        np.log1p(np.exp(-2)) + np.log(2)
    )
    number = Target("number", np.array([1.0, 3.0]), ("x",))
    assert mean_loss(np.full((2, 1), 2.0), number) == pytest.approx(1)
    # Of three that may die first the first does, then one of two; the last is censored.
    survival = Target("survival", np.array([[1.0, 1], [2, 1], [3, 0]]), ("time", "event"))
    scores = np.array([[1.0], [0.0], [0.0]])
    first = np.log(np.e + 2) - 1
    assert mean_loss(scores, survival) == pytest.approx((first + np.log(2)) / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_gives_the_same(kind: Kind) -> None:
    torch = pytest.importorskip("torch", reason="trained fusions need isthmus[learned]")
    _, target = of_kind(kind)
    scores = np.random.default_rng(0).normal(size=(len(target), target.width))
    rows = np.arange(20, 60)
    some = Loss(target, torch).mean(torch.tensor(scores)[rows], torch.tensor(rows))
    assert float(some) == pytest.approx(Loss(target).mean(scores[rows], rows), rel=1e-5)


def test_the_scale_undoes_a_wrong_temperature() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(4000, 1))
    codes = rng.random(4000) < 1 / (1 + np.exp(-logits[:, 0]))
    target = Target("classes", codes, ("no", "yes"))
    scores = np.hstack([np.zeros_like(logits), logits]) / 8
    assert scale_of(scores, target) == pytest.approx(8, rel=0.1)


def test_folds_keep_groups_whole_and_spread_classes() -> None:
    rows, target = clusters(120)
    groups = np.arange(120) // 4
    labels = deal(PairedVectors(rows.vectors, groups=groups), target, 5, 0)
    assert all(len(set(labels[groups == group])) == 1 for group in range(30))
    assert np.bincount(labels).tolist() == [24] * 5
    counts = np.array(
        [[(labels == f)[target.codes == c].sum() for f in range(5)] for c in range(3)]
    )
    assert (counts.max(axis=1) - counts.min(axis=1) <= 4).all()
    with pytest.raises(DataError, match="one group"):
        deal(PairedVectors(rows.vectors, groups=np.zeros(120)), target)


def test_scores_are_of_fusions_that_have_not_seen_the_record() -> None:
    from isthmus.fusion import make

    rows, target = clusters(60)
    labels = np.arange(60) % 3
    scores, fitted = out_of_fold(lambda: make("late"), rows, target, labels)
    others = np.flatnonzero(labels != 1)
    own = make("late").fit(rows.take(others), target.take(others))
    assert np.array_equal(scores[labels == 1], own.scores(rows.take(labels == 1)))
    assert len(fitted) == 3
