"""Losses of targets, the same for numpy and torch, and folds that keep groups whole."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fusion.planted import clusters, of_kind

from isthmus.core.errors import DataError
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.fusion import KINDS, Kind, Target, make
from isthmus.fusion.inner import cuts, deal, out_of_fold
from isthmus.fusion.loss import mean_loss, scale_of, tensor_loss


@pytest.mark.parametrize("kind", KINDS)
def test_torch_has_the_gradient(kind: Kind) -> None:
    torch = pytest.importorskip("torch", reason="trained fusions need isthmus[learned]")
    _, target = of_kind(kind, 40)
    start = np.random.default_rng(0).normal(size=(len(target), target.width))
    if kind == "number":
        start = start + 1050
    scores = torch.tensor(start, requires_grad=True)
    value = tensor_loss(2 * scores, target)
    assert float(value.detach()) == pytest.approx(mean_loss(2 * start, target))
    (slope,) = torch.autograd.grad(value, [scores])
    step = np.zeros_like(start)
    step[7, 0] = 1e-4
    change = mean_loss(2 * (start + step), target) - mean_loss(2 * (start - step), target)
    assert float(slope[7, 0]) == pytest.approx(change / 2e-4, rel=1e-3, abs=1e-6)


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
    labels = deal(PairedVectors(rows.vectors, rows.present, groups=groups), target, 5, 0)
    assert all(len(set(labels[groups == group])) == 1 for group in range(30))
    assert np.bincount(labels).tolist() == [24] * 5
    counts = np.array(
        [[(labels == f)[target.codes == c].sum() for f in range(5)] for c in range(3)]
    )
    assert (counts.max(axis=1) - counts.min(axis=1) <= 4).all()
    with pytest.raises(DataError, match="one group"):
        deal(PairedVectors(rows.vectors, rows.present, groups=np.zeros(120)), target)


def test_scores_are_of_fusions_that_have_not_seen_the_record() -> None:
    rows, target = clusters(60)
    memo = Memo()
    among = cuts(rows, target, memo, 3, 0)
    scores = out_of_fold(lambda: make("late"), rows, among)
    assert np.array_equal(np.sort(np.concatenate([cut.held for cut in among])), np.arange(60))
    others = np.setdiff1d(np.arange(60), among[1].held)
    own = make("late").fit(rows.take(others), target.take(others))
    assert np.array_equal(scores[among[1].held], own.scores(rows.take(among[1].held)))
    assert cuts(rows, target, memo, 3, 0) is among
