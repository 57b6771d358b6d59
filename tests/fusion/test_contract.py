"""The contract of fusion: targets, and every check on every fusion that is registered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import FUSIONS, Target, make
from isthmus.fusion.checks import checks_for, planted
from isthmus.fusion.checks.subject import TRAIN
from isthmus.fusion.shapley import shapley_shares
from isthmus.fusion.target import Kind

QUICK: dict[str, dict[str, Any]] = {
    **{
        name: {"epochs": 2, "folds": 2, "components": 8}
        for name in ("adversarial", "attention", "gated", "graph", "low-rank")
    },
    "ensemble": {"members": ("late", "concat"), "rounds": 3, "folds": 2},
}
"""What keeps fits of trained fusions short: they start at late fusion, so that two epochs do."""
CASES = [
    pytest.param(check, id=f"{name}-{title}")
    for name in FUSIONS
    for title, check in checks_for(partial(make, name, **QUICK.get(name, {})))
]


@pytest.mark.parametrize("check", CASES)
def test_contract(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", [name for name in FUSIONS if name not in QUICK])
@pytest.mark.parametrize("there", [False, True], ids=["missing", "alike"])
def test_views_that_say_nothing_give_the_mean_and_no_records_are_refused(
    name: str, there: bool
) -> None:
    views = {"a": np.ones((40, 3), dtype=np.float32), "b": np.ones((40, 2), dtype=np.float32)}
    rows = PairedVectors(views, {view: np.full(40, there) for view in views})
    target = Target("classes", np.arange(40) % 2, ("x", "y"))
    scores = make(name).fit(rows, target).scores(rows)
    assert np.ptp(scores) == pytest.approx(0, abs=1e-6)
    none = np.arange(0)
    with pytest.raises(DataError, match="there are no records to learn from"):
        make(name).fit(rows.take(none), target.take(none))


def test_grades_become_boundaries_and_survival_martingale_residuals() -> None:
    assert Target("grades", np.array([0.0, 2.0]), tuple("abc")).matrix.tolist() == [[0, 0], [1, 1]]
    survival = Target("survival", np.array([[1.0, 1], [2, 0], [2, 1]]), ("time", "event"))
    assert survival.matrix[:, 0] == pytest.approx([2 / 3, -5 / 6, 1 / 6])
    assert survival.matrix.sum() == pytest.approx(0)


@pytest.mark.parametrize(
    ("kind", "values", "got"),
    [
        ("classes", [0, 7], "7"),
        ("classes", [0, -1], "-1"),
        ("grades", [1, 0.5], "0.5"),
        ("labels", [[0, 1], [2, 0]], "2"),
        ("survival", [[1, 1], [-3, 0]], "-3"),
        ("survival", [[1, 1], [3, 2]], "2"),
    ],
)
def test_a_target_refuses_values_that_its_kind_cannot_have(
    kind: Kind, values: list[Any], got: str
) -> None:
    with pytest.raises(DataError, match=rf"row 1 \(from 0\) of the target: .*; got {got}$"):
        Target(kind, np.array(values, dtype=float), ("n", "y"))


def test_a_target_refuses_what_is_no_number() -> None:
    with pytest.raises(DataError, match="finite"):
        Target("number", np.array([1.0, np.nan]), ("price",))


def test_shapley_values_sum_to_scores() -> None:
    rows, target = planted("classes")
    fusion = FUSIONS.get("stacked")().fit(
        rows.take(np.arange(TRAIN)), target.take(np.arange(TRAIN))
    )
    shares = shapley_shares(fusion.scores, rows)
    assert shares.total == pytest.approx(fusion.scores(rows), abs=1e-6)
