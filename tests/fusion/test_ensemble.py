"""Greedy selection with replacement."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fusion.planted import clusters

from isthmus.core.errors import InputError
from isthmus.fusion import FUSIONS, Target, make
from isthmus.fusion.ensemble import closed_members, greedy
from isthmus.fusion.loss import mean_loss


def test_adds_what_lowers_the_loss_and_counts_how_often() -> None:
    target = Target("number", np.array([1.0, 2.0, 3.0]), ("x",))
    held = {"low": target.values - 1, "high": target.values + 2, "worse": target.values + 9}
    weights = greedy(held, target, 20)
    assert weights == pytest.approx({"low": 2 / 3, "high": 1 / 3})
    mixed = sum(weight * held[name] for name, weight in weights.items())
    assert mean_loss(mixed, target) == pytest.approx(0)


def test_is_at_least_as_good_on_held_out_records_as_its_best_member() -> None:
    rows, target = clusters(noise=2.0)
    members = ("late", "graph-smooth")
    fusion = make("ensemble", members=members).fit(rows, target)
    assert sum(fusion.weights_.values()) == pytest.approx(1)
    assert set(fusion.weights_) <= set(members) == set(fusion.losses_)
    assert max(fusion.weights_, key=fusion.weights_.__getitem__) in members
    assert min(fusion.losses_.values()) < np.log(3)


def test_members_are_those_in_closed_form_that_hold_no_others() -> None:
    names = closed_members(clusters()[1])
    assert "late" in names
    assert not {"ensemble", "augmented", "attention"} & set(names)
    assert set(names) <= set(FUSIONS.names())


def test_refuses_no_rounds() -> None:
    with pytest.raises(InputError, match="rounds"):
        make("ensemble", rounds=0)
