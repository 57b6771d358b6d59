"""Late fusion stays unless another is surely better; halving keeps the best of every family."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.aligners.traits import Setting
from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.fusion import Target
from isthmus.selection.predicting.deals import Deals
from isthmus.selection.predicting.entrants import Entrant, entrants, subsets
from isthmus.selection.predicting.measures import measure
from isthmus.selection.predicting.rule import Trial, decide, survivors
from isthmus.selection.predicting.table import Cut, Split, Table

_LATE, _OTHER = Entrant("late"), Entrant("stacked")
_ONE = Entrant("late", (), ("image",))


def _trial(entrant: Entrant, *scores: float) -> Trial:
    return Trial(entrant, np.array(scores))


def test_a_higher_mean_is_not_enough() -> None:
    late = _trial(_LATE, 0.5, 0.6, 0.7, 0.6)
    lucky = _trial(_OTHER, 0.9, 0.6, 0.6, 0.6)
    choice = decide([lucky, late], 0.25)
    assert choice.best is late
    assert choice.ahead["stacked"].mean > 0
    assert "no other was surely better" in choice.why


def test_what_is_surely_better_is_chosen_even_a_single_view() -> None:
    late = _trial(_LATE, 0.5, 0.6, 0.7, 0.6)
    sure = _trial(_ONE, 0.6, 0.71, 0.8, 0.7)
    surer = _trial(_OTHER, 0.65, 0.75, 0.85, 0.75)
    assert decide([late, sure], 0.25).best is sure
    choice = decide([late, sure, surer], 0.25)
    assert choice.best is surer
    assert "ahead of late fusion by 0.150" in choice.why


def test_what_did_not_run_everywhere_is_not_chosen() -> None:
    late = _trial(_LATE, 0.5, 0.6, 0.7)
    with pytest.raises(DataError, match="late fusion could not"):
        decide([_trial(_OTHER, 0.9, 0.9, 0.9)], 0.5)
    assert decide([late, _trial(_OTHER, 0.9, 0.9, np.nan)], 0.5).best is late


def test_the_better_half_of_every_family_goes_on() -> None:
    points = [Entrant("late", (("ridge", float(r)),)) for r in range(4)]
    trials = [_trial(each, float(place)) for place, each in enumerate(points)]
    kept = survivors([*trials, _trial(_OTHER, -9.0), _trial(_ONE, np.nan)])
    assert kept == [points[3], points[2], _OTHER]


def test_single_views_and_all_but_one_enter() -> None:
    assert subsets(["a"]) == []
    assert subsets(["a", "b"]) == [("a",), ("b",)]
    assert subsets(["a", "b", "c"])[3:] == [("a", "b"), ("a", "c"), ("b", "c")]
    target = Target("classes", np.array([0, 1]), ("x", "y"))
    found, left = entrants(["a", "b"], target, Setting(records=100))
    assert found[0].family == "late"
    assert {"late: a", "late: b"} < {each.family for each in found}
    assert "takes long" in left["attention"]
    counts = [each.fusion for each in found if not each.views]
    assert max(counts.count(name) for name in counts) <= 6
    with pytest.raises(InputError):
        entrants(["a", "b"], target, Setting(), ["no such fusion"])


def test_of_one_view_alone_late_fusion_is_all_closed_forms() -> None:
    target = Target("classes", np.array([0, 1]), ("x", "y"))
    found, left = entrants(["a"], target, Setting(records=100))
    assert {each.family for each in found} == {"late"}
    assert left["concat"] == left["stacked"] == "joins views, and there is only one"
    named, _ = entrants(["a"], target, Setting(), ["concat"])
    assert {each.family for each in named} == {"late", "concat"}


def test_a_metric_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="classes has no metric 'R²'"):
        measure("R²", "classes")


def test_no_link_straddles_and_inner_folds_never_see_the_outer_one() -> None:
    rng = np.random.default_rng(0)
    links = rng.integers(0, 30, 90)
    rows = PairedVectors({"a": rng.normal(size=(90, 2)).astype(np.float32)})
    target = Target("classes", rng.integers(0, 2, 90), ("x", "y"))
    deals = Deals.of(rows, target, links, folds=5, seed=0)
    for split in (*deals.final, *(s for fold in range(5) for s in deals.inner(fold))):
        assert not set(links[split.rows]) & set(links[split.cut.train])
    for fold in range(5):
        held = set(links[deals.outer[fold].rows])
        inner = deals.inner(fold)
        assert len(inner) == 4
        for split in inner:
            assert not held & (set(links[split.rows]) | set(links[split.cut.train]))
    assert sorted(np.concatenate([s.rows for s in deals.outer])) == list(range(90))


def test_folds_of_one_record_are_refused_with_the_most_that_fit() -> None:
    rows = PairedVectors({"a": np.ones((80, 2), dtype=np.float32)})
    target = Target("classes", np.arange(80) % 2, ("x", "y"))
    with pytest.raises(InputError, match=r"80 of 80 records would hold one record.*; 40 fit at"):
        Deals.of(rows, target, np.arange(80), folds=80, seed=0)
    deals = Deals.of(rows, target, np.arange(80), folds=40, seed=0)
    assert {len(split.rows) for split in deals.outer} == {2}
    grouped = Deals.of(rows, target, np.arange(80) // 3, folds=80, seed=0)
    assert grouped.count == 27


def test_late_fusion_of_fewer_views_is_that_of_all_where_the_others_are_missing() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 3
    views = {name: rng.normal(size=(60, 5)) + codes[:, None] for name in ("a", "b", "c")}
    rows = PairedVectors({name: x.astype(np.float32) for name, x in views.items()})
    target = Target("classes", codes, tuple("xyz"))
    table, every = Table(rows, target), np.arange(60)
    cut = Cut("one", every[:40], {0: every[40:]})
    for some in subsets(rows.views):
        entrant = Entrant("late", (), some)
        table.run([(cut, [entrant])])
        own = table.fitted(entrant, cut.train).scores(rows.select(some).take(every[40:]))
        assert table.scores(entrant, Split(cut, 0)) == pytest.approx(own)
