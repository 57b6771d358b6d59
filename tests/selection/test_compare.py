from __future__ import annotations

import numpy as np
import pytest

from isthmus.aligners.checks import planted
from isthmus.core.paired import PairedVectors
from isthmus.selection import align
from isthmus.selection.candidates import Candidate
from isthmus.selection.compare import difference, family, rivals, standings
from isthmus.selection.race import Trial

CCA = Candidate("cca", {"ridge": 1.0, "power": 2.0})
RIDGE = Candidate("ridge", {"ridge": 1.0})


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    ours, theirs = np.array([0.6, 0.5, 0.7, 0.6]), np.array([0.5, 0.5, 0.5, np.nan])
    found = difference(ours, theirs, held=0.25)
    assert found is not None and found.splits == 3
    assert found.mean == pytest.approx(0.1)
    # s = 0.1, t(.975, 2) = 4.3027
    width = 4.3027 * 0.1 * np.sqrt(1 / 3 + 0.25)
    assert (found.low, found.high) == pytest.approx((0.1 - width, 0.1 + width), abs=1e-4)
    assert not found.clear


def test_a_difference_is_clear_or_unknown() -> None:
    steady = difference(np.full(5, 0.6) + 1e-6 * np.arange(5), np.full(5, 0.5), 0.25)
    assert steady is not None and steady.clear
    one = difference(np.array([0.6]), np.array([0.5]), 0.25)
    assert one is not None and one.low is None and not one.clear
    assert difference(np.array([np.nan, 0.6]), np.array([0.5, np.nan]), 0.25) is None


def test_the_interval_covers_what_it_says() -> None:
    """Cross-validated differences of two fixed rules with equal truth hold zero ≥ 95 %."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):  # correlated by a fifth, the share of rows that is held out
        shared, own = rng.normal(scale=0.2**0.5), rng.normal(scale=0.8**0.5, size=5)
        found = difference(shared + own, np.zeros(5), 0.25)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0 <= found.high
    assert held / 400 > 0.92


def test_families_name_kinds_and_sources_once() -> None:
    added = Candidate("cca", CCA.params, sources=(("openclipart", 0.5),))
    both = Candidate("ensemble", members=(added, RIDGE), weights=(1.0, 0.5))
    assert [family(each) for each in (CCA, added, both)] == [
        ("cca",),
        ("cca", "openclipart"),
        ("cca", "ridge", "openclipart"),
    ]


def test_standings_have_the_best_of_each_family_behind_the_winner() -> None:
    other = Candidate("cca", {"ridge": 3.0, "power": 2.0})
    trials = [
        Trial(CCA, np.array([0.5, 0.6, 0.7]), 3),
        Trial(other, np.array([0.5, 0.5, 0.5]), 3),
        Trial(RIDGE, np.array([0.4, np.nan, np.nan]), 1),
        Trial(Candidate("anchors"), np.full(3, np.nan), 0, "not tried"),
    ]
    rows = standings(trials, CCA, 0.25)
    assert [row.family for row in rows] == [("cca",), ("ridge",)]
    assert rows[0].ahead is None and rows[0].score == pytest.approx(0.6)
    assert rows[1].ahead.mean == pytest.approx(0.1) and rows[1].ahead.low is None
    assert not rows[1].complete


def test_what_is_trained_is_held_against_what_it_came_from() -> None:
    graph = Candidate("cm-gnn", {"restart": 0.1, "group_weight": 4.0, "width": 32})
    plain, still = rivals(graph)
    assert plain == Candidate("cca", {"ridge": 3.0, "power": 1.0})
    assert still == Candidate("propagation", {"restart": 0.1, "group_weight": 4.0})
    assert rivals(Candidate("contrastive", {"head": "linear", "ridge": 1.0})) == [
        Candidate("cca", {"ridge": 1.0, "power": 1.0})
    ]
    assert rivals(CCA) == []


def test_the_report_of_a_graph_network_names_its_rivals_by_both_measures() -> None:
    views = planted(n=80)
    kinds = [str(each) for each in np.arange(80) % 4]
    pairs = PairedVectors(views, groups=kinds)
    params = {"epochs": 2, "components": 16, "width": 16}
    report = align(
        pairs, aligner="cm-gnn", params=params, by_group=False, nested=False, readout="semantic"
    ).report
    rivalries = report.choice.rivalries
    assert [each.rival.split()[0] for each in rivalries] == ["cca", "propagation"]
    for each in rivalries:
        assert {name: gap.splits for name, gap in each.ahead.items()} == {
            "R@1": 5,
            "mAP by group": 5,
        }
    assert report.choice.standings[0].family == ("cm-gnn",)
    assert report.choice.not_tried == {}
