"""The contract of fusion: targets, shares that sum to scores, rows that lack views."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import FUSIONS, Target, make
from isthmus.fusion.shapley import shapley_shares


def _records(n: int = 120) -> tuple[PairedVectors, Target]:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, n)
    views = {
        name: (rng.normal(size=(3, dim))[codes] + rng.normal(size=(n, dim))).astype(np.float32)
        for name, dim in (("sound", 20), ("picture", 30))
    }
    return PairedVectors(views, {"sound": rng.random(n) < 0.8}), Target(
        "classes", codes, tuple("abc")
    )


def test_grades_become_boundaries_and_survival_martingale_residuals() -> None:
    assert Target("grades", np.array([0.0, 2.0]), tuple("abc")).matrix.tolist() == [[0, 0], [1, 1]]
    survival = Target("survival", np.array([[1.0, 1], [2, 0], [2, 1]]), ("time", "event"))
    assert survival.matrix[:, 0] == pytest.approx([2 / 3, -5 / 6, 1 / 6])
    assert survival.matrix.sum() == pytest.approx(0)


def test_a_target_refuses_what_is_no_number() -> None:
    with pytest.raises(DataError, match="finite"):
        Target("number", np.array([1.0, np.nan]), ("price",))


@pytest.mark.parametrize("name", FUSIONS.names())
def test_shares_sum_to_scores(name: str) -> None:
    rows, target = _records()
    fusion = make(name).fit(rows, target)
    shares = fusion.shares(rows)
    assert shares.total == pytest.approx(fusion.scores(rows), abs=1e-6)
    assert not shares.views["sound"][~rows.present["sound"]].any()
    assert shapley_shares(fusion.scores, rows).total == pytest.approx(fusion.scores(rows), abs=1e-6)


@pytest.mark.parametrize("name", FUSIONS.names())
def test_finds_classes_also_where_a_view_is_gone(name: str) -> None:
    rows, target = _records()
    fusion = make(name).fit(rows.take(np.arange(80)), target.take(np.arange(80)))
    held, truth = rows.take(np.arange(80, 120)), target.codes[80:]
    assert (fusion.scores(held).argmax(axis=1) == truth).mean() > 0.8
    assert (fusion.scores(held.select(["picture"])).argmax(axis=1) == truth).mean() > 0.7
