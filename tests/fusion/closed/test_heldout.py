"""Held-out scores without a second fit are those of a second fit."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target
from isthmus.fusion.closed.block import block_of_view
from isthmus.fusion.closed.heldout import deal, held_out
from isthmus.fusion.closed.joined import Joined
from isthmus.fusion.closed.learners import Learner, discriminant, learned, turned
from isthmus.fusion.target import Kind


def _view(dim: int, kind: Kind, n: int = 90) -> tuple[PairedVectors, Target]:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, n)
    x = rng.normal(size=(3, dim))[codes] + rng.normal(size=(n, dim)) + 1
    values = np.stack([codes > 0, codes > 1], axis=1) if kind == "labels" else codes
    names = {"labels": ("a", "b"), "number": ("price",)}.get(kind, tuple("abc"))
    return PairedVectors({"x": x.astype(np.float32)}), Target(kind, values, names)


@pytest.mark.parametrize("dim", [12, 200])
@pytest.mark.parametrize(
    ("kind", "learner"),
    [
        ("classes", "ridge"),
        ("classes", "lda"),
        ("labels", "lda"),
        ("grades", "ridge"),
        ("number", "ridge"),
    ],
)
def test_is_what_a_fit_without_the_fold_says(dim: int, kind: Kind, learner: Learner) -> None:
    rows, target = _view(dim, kind)
    held, joined = deal(rows, target), Joined.of(rows, target)
    block = block_of_view(joined, "x", scale=False)
    found = held_out(joined, block, held, 1.0, learner)
    fold = held.folds[0]
    kept = np.setdiff1d(np.arange(len(rows)), fold)
    less = Joined.of(rows.take(kept), target.take(kept))
    other = block_of_view(less, "x", scale=False)
    # The penalty of all rows, in the unit and for the number of rows of the other fit.
    ridge = block.unit * len(rows) / len(kept) / other.unit
    inner, side = learned(less, other, ridge=ridge, learner=learner), other.sides["x"]
    expected = (rows.vectors["x"][fold] - side.mean) @ side.weight(inner.weight) + inner.bias
    assert found[: len(fold)] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_many_classes_on_few_directions_cost_what_the_directions_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system of equations is of the smaller of both, and its solution the same."""
    rng = np.random.default_rng(0)
    codes = np.arange(240) % 60
    x = rng.normal(size=(60, 5))[codes] + 0.3 * rng.normal(size=(240, 5))
    rows = PairedVectors({"x": x.astype(np.float32)})
    target = Target("classes", codes[:, None], tuple(f"c{i}" for i in range(60)))
    joined, held = Joined.of(rows, target), deal(rows, target)
    block = block_of_view(joined, "x", scale=False)
    slopes = block.onto / (block.values + block.unit)[:, None]
    turn, bias = turned(block.onto.T @ slopes, joined.mean, "classes")
    sizes, solve = [], np.linalg.solve

    def solved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        sizes.append(len(a))
        return solve(a, b)

    monkeypatch.setattr(np.linalg, "solve", solved)
    weight, own = discriminant(block.onto, slopes, joined.mean, "classes")
    assert weight == pytest.approx(slopes @ turn, rel=1e-9)
    assert own == pytest.approx(bias, rel=1e-9)
    held_out(joined, block, held, 1.0, "lda")
    assert max(sizes) <= max(map(len, held.folds)) < 60


def test_groups_stay_together() -> None:
    rows, target = _view(5, "classes")
    groups = np.arange(len(rows)) // 3
    held = deal(PairedVectors(rows.vectors, groups=groups), target)
    assert np.sort(held.index).tolist() == list(range(len(rows)))
    for fold in held.folds:
        assert len(fold) == 3 * len(np.unique(groups[fold]))


def test_discriminant_is_that_of_scikit_learn() -> None:
    analysis = pytest.importorskip(
        "sklearn.discriminant_analysis", reason="scikit-learn is what it is compared with"
    )
    rows, target = _view(6, "classes")
    joined = Joined.of(rows, target)
    block = block_of_view(joined, "x", scale=False)
    inner, side = learned(joined, block, ridge=1e-9, learner="lda"), block.sides["x"]
    x = rows.vectors["x"]
    scores = (x - side.mean) @ side.weight(inner.weight) + inner.bias + np.log(joined.mean)
    peer = analysis.LinearDiscriminantAnalysis(solver="lsqr").fit(x, target.codes)
    expected = peer.decision_function(x)
    centred = [each - each.mean(axis=1, keepdims=True) for each in (scores, expected)]
    assert centred[0] == pytest.approx(centred[1], rel=1e-3, abs=1e-3)
