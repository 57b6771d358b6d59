"""Numbers as targets: any unit, sizes that floats hardly hold, and what is worth no predictor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus as ist
from isthmus.core.errors import DataError, InputError, NoSignalError
from isthmus.core.linalg import F64
from isthmus.core.paired import PairedVectors
from isthmus.predictor.predictor import Predictor
from isthmus.tasks.predict import FitOptions

LATE = {"fusions": ["late"], "folds": 3}
UNITS = ((1e-9, 0.0), (1e-6, 1.0), (1e5, 3e6), (1e9, -1e12), (1e25, 0.0))


def views(n: int = 60) -> tuple[dict[str, F64], F64]:
    """Two views, and a number that follows from both."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, 4)), rng.normal(size=(n, 3))
    return {"a": a, "b": b}, a[:, 0] + b[:, 1] + 0.1 * rng.normal(size=n)


@pytest.fixture(scope="module")
def plain() -> Predictor:
    x, y = views()
    return ist.predict.fit(None, x, y, **LATE)


@pytest.mark.parametrize(("unit", "zero"), UNITS)
def test_the_unit_of_a_number_changes_nothing(
    plain: Predictor, unit: float, zero: float, tmp_path: Path
) -> None:
    x, y = views()
    made = ist.predict.fit(None, x, unit * y + zero, **LATE)
    own, other = plain.predict(x), made.predict(x)

    def back(values: list[float | None]) -> F64:
        return (np.array(values, dtype=np.float64) - zero) / unit

    assert back([a.value for a in other]) == pytest.approx([a.value for a in own], abs=1e-5)
    for end in (0, 1):
        mine = [a.interval[end] for a in own if a.interval]
        assert back([a.interval[end] for a in other if a.interval]) == pytest.approx(mine, abs=1e-5)
    assert [a.sure for a in other] == pytest.approx([a.sure for a in own], abs=1e-5)
    assert plain.report is not None and made.report is not None
    r = plain.report.estimate.figure("R²").value
    assert made.report.estimate.figure("R²").value == pytest.approx(r, abs=1e-5) and r > 0.8
    told = [plain.predict(x, risk=0.5), made.predict(x, risk=0.5 * unit)]
    assert [a.abstained for a in told[0]] == [a.abstained for a in told[1]]
    assert Predictor.load(made.save(tmp_path / "p")).predict(x) == other


@pytest.mark.parametrize("value", [1e120, 10**400, float("inf")])
def test_numbers_beyond_all_bounds_are_refused_by_row(value: float) -> None:
    x, y = views()
    with pytest.raises(DataError, match=r"row 3 \(from 0\) .*lies beyond 1e\+30: use a larger"):
        ist.predict.fit(None, x, [*y[:3].tolist(), value, *y[4:].tolist()], **LATE)


def test_a_risk_of_a_number_is_a_distance_and_told(plain: Predictor) -> None:
    x, _ = views()
    half = {"a": x["a"]}
    assert not any(answer.abstained for answer in plain.predict(x, risk=0.5))
    assert all(answer.abstained for answer in plain.predict(half, risk=0.5))
    assert not any(answer.abstained for answer in plain.predict(half, risk=5))
    said = plain.abstaining(0.5).said
    assert re.fullmatch(
        r"asked for a mean distance of at most 0.5: answers about 'target' to held-out records are "
        r"off by 0\.3\d+ to 1\.\d+, by their views, on average", said,
    )  # fmt: skip
    with pytest.raises(
        InputError, match=r"in the unit of 'target', and .*; 0.001 is less.*Ask for"
    ):
        plain.predict(x, risk=0.001)


def test_shares_of_a_number_are_in_its_unit(plain: Predictor) -> None:
    x, y = views()
    made = ist.predict.fit(None, x, 1e6 * y + 5e6, **LATE)
    one = {view: rows[:1] for view, rows in x.items()}
    mine, other = plain.explain(one), made.explain(one)
    for a, b in zip(mine.views, other.views, strict=True):
        assert b.share == pytest.approx(1e6 * a.share, rel=1e-4)
    assert other.score == pytest.approx(other.rest + sum(v.share for v in other.views))


@pytest.mark.parametrize("gone", [(), ("b",)])
def test_the_score_of_a_number_is_the_answer(plain: Predictor, gone: tuple[str, ...]) -> None:
    one = PairedVectors({view: rows[:1] for view, rows in views()[0].items()})
    one = one.select([view for view in one.views if view not in gone])
    found = plain.explain(one)
    assert found.score == pytest.approx(plain.predict(one)[0].value, rel=1e-9)
    assert found.score == pytest.approx(found.rest + sum(v.share for v in found.views))
    assert [each.view for each in found.missing] == list(gone)


def test_numbers_that_are_told_worse_than_by_their_mean_are_refused() -> None:
    x = np.random.default_rng(4).normal(size=(120, 2))
    y = np.tanh(x[:, 0])
    x[0, 0] = 60  # the order of all is told, but this one is told as far beyond all numbers
    with pytest.raises(NoSignalError, match=r"no better than by their mean \(R² -30.*logarithm"):
        ist.predict.fit(None, {"a": x}, y, **LATE)
    made = ist.predict.fit(None, {"a": x[1:]}, y[1:], **LATE)
    assert made.report is not None and made.report.estimate.figure("R²").value > 0
    assert not any("knowing nothing" in note for note in made.asked.notes)


def test_a_figure_no_better_than_knowing_nothing_is_told() -> None:
    x = np.random.default_rng(35).normal(size=(120, 2))
    made = ist.predict.fit(None, {"a": x}, np.exp(8 * x[:, 0]), **LATE)
    assert any(
        note.startswith("R² of held-out records is -5.68, the mean over 3 folds: no better than")
        for note in made.asked.notes
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("folds", -1, "folds must be a whole number from 3 on, got -1"),
        ("folds", 2.5, "folds must be a whole number from 3 on, got 2.5"),
        ("seed", -1, "seed must be a whole number from 0 on, got -1"),
        ("budget", float("nan"), "budget must be a finite number above 0, got nan"),
        ("budget", float("inf"), "budget must be a finite number above 0, got inf"),
        ("fold", 3, "fit has no option 'fold'; there are kind, time"),
        (
            "options",
            {"folds": 3},
            "options: need FitOptions, or names, got a dict. Write: predict.fit(",
        ),
        ("fusions", 7, "fusions: need names, got"),
        ("coverage", "x", "coverage must be a finite number between 0 and 1, got 'x'"),
        ("coverage", 0, "coverage must be a finite number between 0 and 1, got 0"),
        ("coverage", 1.0, "coverage must be a finite number between 0 and 1, got 1.0"),
        ("risk", float("nan"), "risk must be a finite number from 0 on, got nan"),
        ("risk", -0.1, "risk must be a finite number from 0 on, got -0.1"),
        ("risk", 10**400, "risk must be a finite number from 0 on, got 1000"),
    ],
)
def test_an_option_that_is_out_of_range_is_named(
    plain: Predictor, option: str, value: object, said: str
) -> None:
    x, y = views()
    given: Any = {option: value}
    with pytest.raises(InputError, match=re.escape(said)):
        if option in ("coverage", "risk"):
            plain.predict(x, **given)
        else:
            ist.predict.fit(None, x, y, **given)


def test_a_changed_option_counts_instead_of_the_given_one() -> None:
    x, y = views()
    options = FitOptions(fusions="late", folds=3, seed=1)
    named = ist.predict.fit(None, x, y, fusions=["late"], folds=3, seed=2)
    changed = ist.predict.fit(None, x, y, options, seed=2)
    assert changed.fingerprint == named.fingerprint
    assert ist.predict.fit(None, x, y, options).fingerprint != named.fingerprint


def test_a_budget_of_nothing_still_makes_a_predictor_of_several_views() -> None:
    x, y = views()
    classes = np.where(y > np.median(y), "high", "low").tolist()
    made = ist.predict.fit(None, x, classes, budget=0.001, folds=3)
    assert made.report is not None
    assert {"view", "late", "views shuffled"} <= {each.kind for each in made.report.baselines}


def test_short_vectors_in_the_same_direction_are_not_the_same_record() -> None:
    """An encoder's near vectors are of one thing; numbers of the user's own are what they are."""
    x, y = views()
    made = ist.predict.fit(None, x, y, **LATE)
    assert made.evaluate(x, y.tolist()).seen == len(y)
    assert made.evaluate({view: 2 * rows for view, rows in x.items()}, y.tolist()).seen == 0
