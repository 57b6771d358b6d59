"""Propagation of what is known of the nearest records."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fusion.planted import clusters, product

from isthmus.core.errors import InputError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target, make
from isthmus.fusion.graph import probable, scored, smoothed
from isthmus.fusion.neighbourhood import Bank, Near


def test_neighbours_show_what_late_fusion_cannot() -> None:
    """Classes that follow from the signs of two columns: near records agree, no line divides."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(300, 2))
    x = (4 * signs + rng.normal(size=(300, 2))).astype(np.float32)
    rows = PairedVectors({"place": x})
    target = Target("classes", signs.prod(axis=1) > 0, ("differ", "agree"))
    fusion = make("graph-smooth").fit(rows.take(np.arange(200)), target.take(np.arange(200)))
    asked, truth = rows.take(np.arange(200, 300)), target.codes[200:]
    late = make("late").fit(rows.take(np.arange(200)), target.take(np.arange(200)))
    assert (late.scores(asked).argmax(axis=1) == truth).mean() < 0.7
    assert fusion.restart_ < 1
    assert (fusion.scores(asked).argmax(axis=1) == truth).mean() > 0.95


def test_records_are_not_told_what_they_have_told_others() -> None:
    """Two hops lead back to a record; what it said itself must not count for it."""
    rows, target = product()
    shuffled = target.take(np.random.default_rng(1).permutation(len(target)))
    fusion = make("graph-smooth", hops=3, restart=0.2).fit(rows, shuffled)
    factor = fusion._factor  # of scores that say nothing
    assert factor < 1


def test_records_are_joined_to_those_of_other_folds_and_not_where_a_view_is_missing() -> None:
    rows, _ = clusters(60)
    labels = np.arange(60) % 4
    near = Bank.of(rows, "sound").look_among(rows, "sound", 5, 3.0, labels)
    there = rows.present["sound"]
    assert near.weight.sum(axis=1)[there] == pytest.approx(1)
    assert not near.weight[~there].any()
    assert (labels[near.index] != labels[:, None])[there].all()
    assert there[near.index[there]].all()


def test_smoothing_is_a_mean_over_views() -> None:
    left = Near(np.array([[1], [0]]), np.array([[1.0], [1.0]]))
    right = Near(np.array([[1], [0]]), np.array([[0.0], [1.0]]))
    known = np.array([[1.0], [0.0]])
    assert smoothed([left, right], known, 0.5, 1).ravel() == pytest.approx([0.5, 0.5])
    assert smoothed([left, right], known, 0.5, 0) is known


def test_scores_and_probabilities_are_inverse() -> None:
    scores = np.array([[0.3, -1.0, 2.0]])
    assert probable(scored(probable(scores, "classes"), "classes"), "classes") == pytest.approx(
        probable(scores, "classes")
    )
    assert scored(probable(scores, "labels"), "labels") == pytest.approx(scores)
    assert scored(probable(scores, "number"), "number") is scores


def test_refuses_to_keep_nothing_of_late_fusion() -> None:
    with pytest.raises(InputError, match=r"\(0, 1\]"):
        make("graph-smooth", restart=0.0)
