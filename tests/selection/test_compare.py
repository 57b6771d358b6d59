from __future__ import annotations

import numpy as np
import pytest

from isthmus.aligners.checks import planted
from isthmus.core.paired import PairedVectors
from isthmus.selection import align
from isthmus.selection.candidates import Candidate
from isthmus.selection.compare import EVIDENCE, difference, family, preferred, rivals, standings
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


def test_the_favourite_stays_unless_another_is_surely_better() -> None:
    # d = 0.05 ± s: with J = 4 splits and held = .25 one standard error is s √(1/4 + 1/4).
    base = np.array([0.5, 0.4, 0.6, 0.5])
    favourite = Trial(CCA, base, 4)
    signs = np.array([1.0, -1.0, 1.0, -1.0])  # standard deviation √(4/3)
    edge = 0.05 / (EVIDENCE * np.sqrt(4 / 3) * np.sqrt(0.5))
    for factor, kept in ((0.99, RIDGE), (1.01, CCA)):
        lucky = Trial(RIDGE, base + 0.05 + factor * edge * signs, 4)
        assert preferred([lucky, favourite], CCA, 0.25) == kept


def test_of_two_that_are_better_the_surer_one_is_preferred() -> None:
    base = np.array([0.5, 0.4, 0.6, 0.5])
    wild = Trial(RIDGE, base + np.array([0.3, -0.1, 0.3, 0.0]), 4)
    steady = Trial(Candidate("anchors"), base + 0.1, 4)
    trials = [wild, steady, Trial(CCA, base, 4)]
    assert wild.mean > steady.mean
    assert preferred(trials, CCA, 0.25) == Candidate("anchors")


def test_what_did_not_run_on_all_splits_is_not_preferred() -> None:
    base = np.full(4, 0.5)
    half = Trial(RIDGE, np.array([0.9, 0.9, np.nan, np.nan]), 2)
    assert preferred([half, Trial(CCA, base, 4)], CCA, 0.25) == CCA
    assert preferred([Trial(RIDGE, base, 4), Trial(CCA, base, 4, "late")], CCA, 0.25) == RIDGE


def test_the_best_of_many_that_are_alike_is_not_taken_for_better() -> None:
    """Sixty candidates that differ by luck alone: the favourite stays where nothing is clear."""
    rng = np.random.default_rng(0)
    alike = [Candidate("ridge", {"ridge": float(k)}) for k in range(1, 61)]
    scores = rng.normal(0.5, 0.1, size=(61, 20))
    trials = [Trial(c, row, 20) for c, row in zip([CCA, *alike], scores, strict=True)]
    first = max(trials, key=lambda trial: trial.mean)
    assert first.candidate != CCA and first.mean > trials[0].mean + 0.03
    assert preferred(sorted(trials, key=lambda t: -t.mean), CCA, 0.25) == CCA


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
