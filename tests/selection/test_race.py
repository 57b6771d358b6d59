from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.aligners import CCA, Setting
from isthmus.aligners.base import Projection, SharedRows
from isthmus.core.errors import DataError
from isthmus.core.memo import Memo
from isthmus.core.paired import PairedVectors
from isthmus.moments import Moments
from isthmus.selection import align
from isthmus.selection.candidates import (
    Candidate,
    candidates,
    ensembles,
    grown,
    learned,
    untrained,
    with_csls_strength,
    with_sources,
)
from isthmus.selection.folds import Folds
from isthmus.selection.ground import Ground
from isthmus.selection.measure import Mapped
from isthmus.selection.race import LATE, Clock, Table, fit, race
from isthmus.selection.select import _inner, _ring, select
from isthmus.space import Space


def signal(n: int = 100, seed: int = 0, noise: float = 0.4) -> PairedVectors:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 6))
    mix = np.random.default_rng(99)
    vectors = {
        m: z @ mix.normal(size=(6, d)) + noise * rng.normal(size=(n, d))
        for m, d in (("image", 24), ("text", 16))
    }
    return PairedVectors(vectors)


def made_table(measure: Any = None) -> Table:
    folds = Folds(signal(), np.arange(100) % 5)
    return Table([folds], measure or (lambda mapped, *_: float(mapped.candidate.params["ridge"])))


SPLITS = [((0, (fold,)), fold) for fold in range(5)]


def ridges(*values: float) -> list[Candidate]:
    return [Candidate("ridge", {"ridge": value}) for value in values]


def test_halving_runs_all_on_two_splits_and_the_best_third_on_five() -> None:
    fits: list[float] = []

    def measure(mapped: Mapped, *_: Any) -> float:
        fits.append(float(mapped.candidate.params["ridge"]))
        return fits[-1]

    table = made_table(measure)
    race(table, ridges(*range(1, 13)), SPLITS, Clock(None))
    assert len(fits) == 12 * 2 + 4 * 3
    complete = [t.candidate.params["ridge"] for t in table.trials(SPLITS) if t.complete]
    assert complete == [12, 11, 10, 9]
    assert table.best(SPLITS).params == {"ridge": 12}


def test_the_best_of_every_family_stays_in_the_race() -> None:
    table = made_table(lambda a, *_: {"ridge": 2.0, "procrustes": 1.0}[a.candidate.aligner])
    entrants = [
        *ridges(*range(1, 10)),
        Candidate("procrustes"),
        Candidate("procrustes", {"components": 3}),
    ]
    race(table, entrants, SPLITS, Clock(None))
    assert set(table.best_by_family(SPLITS)) == {"ridge", "procrustes"}


def test_nothing_is_fitted_twice() -> None:
    calls = []
    table = made_table(lambda a, *_: float(calls.append(1) or len(calls)))
    race(table, ridges(1, 2), SPLITS, Clock(None))
    race(table, ridges(2, 1), SPLITS, Clock(None))
    assert len(calls) == 10


class Hands:
    """A clock that tests turn, in place of :mod:`time`, however slow the machine is."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 0.0, tick

    def monotonic(self) -> float:
        """The time, which goes on by a tick when it is read."""
        self.now += self.tick
        return self.now


def test_when_time_is_up_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands()
    monkeypatch.setattr("isthmus.selection.race.time", hands)

    def slow(mapped: Mapped, *_: Any) -> float:
        hands.now += 0.05
        return 1.0

    table = made_table(slow)
    race(table, ridges(*range(1, 61)), SPLITS[:1], Clock(0.8))
    late = [t for t in table.trials(SPLITS[:1]) if t.reason == LATE]
    ran = [t for t in table.trials(SPLITS[:1]) if t.complete]
    assert len(late) + len(ran) == 60
    assert len(ran) == 18  # the third chunk of six begins after 0.6 s, a fourth would after 0.9 s


def test_what_was_late_in_the_first_rung_gets_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands = Hands()
    monkeypatch.setattr("isthmus.selection.race.time", hands)
    monkeypatch.setattr("isthmus.selection.race.usable_cores", lambda: 1)
    one_by_one = lambda work, things, _: [work(each) for each in things]  # noqa: E731
    monkeypatch.setattr("isthmus.selection.race.side_by_side", one_by_one)

    def slow(mapped: Mapped, *_: Any) -> float:
        hands.now += 0.05
        return float(mapped.candidate.params["ridge"])

    table = made_table(slow)
    # Six on two splits take 0.6 s of the 1.2 s of the first rung, and the next six would take more.
    race(table, ridges(10, 9, 8, 7, 6, 5, 1, 2, 3, 4, 0.5, 12), SPLITS, Clock(1.99))
    assert hands.now == pytest.approx(1.95)
    assert not [t for t in table.trials(SPLITS) if t.reason == LATE]
    assert table.best(SPLITS).params == {"ridge": 12}


def test_a_clock_without_a_budget_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.selection.race.time", Hands())
    assert Clock(None).left == np.inf and Clock(None).part(0.5).left == np.inf
    assert Clock(1.0).part(0.5).left == 0.5


def test_no_candidate_that_can_be_fitted_is_an_error_with_the_reasons() -> None:
    table = made_table()
    hopeless = Candidate("ridge", {"pivot": "smell"})
    with pytest.raises(DataError, match="no view 'smell' for the pivot"):
        race(table, [hopeless], SPLITS, Clock(None))
        table.best(SPLITS)


def test_a_budget_leaves_out_folds_before_it_is_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands(tick=0.01)
    monkeypatch.setattr("isthmus.selection.race.time", hands)
    pairs = signal(n=200)
    chosen = select(pairs, candidates("auto"), np.arange(200), auto=True, budget=1.5)
    assert hands.now < 2 * 1.5  # the last chunk and what must be fitted may overrun it
    assert 1 <= len(chosen.outer) < 5 == chosen.folds


# ---- other sources -------------------------------------------------------------------


def test_moved_moments_are_those_of_shifted_rows() -> None:
    rng = np.random.default_rng(0)
    rows = {"a": rng.normal(size=(30, 4)) + 5, "b": rng.normal(size=(30, 3)) - 2}
    here = {"a": np.arange(30) < 25}
    moments = Moments.of(PairedVectors(rows, here))
    means = {"a": np.array([1.0, 2, 3, 4]), "b": np.zeros(3)}
    shifted = {m: rows[m] + (means[m] - moments.mean(m)) for m in rows}
    expected = Moments.of(PairedVectors(shifted, here))
    found = moments.moved(means)
    for m in rows:
        np.testing.assert_allclose(found.mean(m), means[m], atol=1e-9)
        np.testing.assert_allclose(found.covariance(m), expected.covariance(m), atol=1e-6)
    np.testing.assert_allclose(found.cross("a", "b"), expected.cross("a", "b"), atol=1e-6)


def test_a_source_of_the_same_kind_is_used_and_helps() -> None:
    few, many, held = signal(30, 1, 1.5), signal(2000, 2, 1.5), signal(300, 3, 1.5)
    alone = align(few, aligner="auto", nested=False)
    helped = align(few, aligner="auto", nested=False, sources={"more": many})
    assert "more" in helped.report.chosen.label

    def found(space: Any) -> float:
        x, y = (space.transform(held.vectors[m], m) for m in ("image", "text"))
        return float((space.score(x, "image", y, "text").argmax(axis=1) == np.arange(300)).mean())

    assert found(helped) > found(alone) + 0.05


def test_a_source_of_noise_is_weighed_away() -> None:
    few = signal(120, 1)
    rng = np.random.default_rng(0)
    noise = PairedVectors(
        {m: 5 * rng.normal(size=(4000, x.shape[1])) for m, x in few.vectors.items()}
    )
    space = align(few, aligner="auto", nested=False, sources={"noise": noise})
    assert "noise" not in space.report.chosen.label
    assert any("noise" in row.candidate for row in space.report.choice.tried)


def test_sources_that_do_not_fit_are_told() -> None:
    few = signal(40)
    with pytest.raises(DataError, match="source other has image, need two views of image, text"):
        align(few, sources={"other": few.select(["image"])})


def test_a_source_enters_the_members_of_an_ensemble() -> None:
    best = {"cca": Candidate("cca", {"ridge": 1.0}), "anchors": Candidate("anchors")}
    (first, *_) = ensembles(best)
    found = with_sources({"ensemble": first, **best}, ["s"])
    labels = [candidate.label for candidate in found]
    assert labels[0] == "cca ridge=1 +0.15·s"
    assert labels[1] == "1·(cca ridge=1 +0.15·s) + 0.1·(anchors)"
    assert labels[2] == "cca ridge=0.333333 +0.15·s"
    assert found[1].alone() == first


# ---- read-outs -----------------------------------------------------------------------


def test_the_semantic_readout_is_chosen_for_by_groups() -> None:
    pairs = signal(n=100)
    with pytest.raises(DataError, match="some have none"):
        align(pairs, aligner="ridge", readout="semantic")
    grouped = replace(pairs, groups=np.arange(100) % 20)
    space = align(grouped, aligner="ridge", readout="semantic", nested=False)
    assert space.report.settings.readout == "semantic"
    chance = 5 / 20
    assert space.report.choice.tried[0].score > chance


# ---- graphs --------------------------------------------------------------------------


def test_graphs_are_tried_for_kinds_alone() -> None:
    def names(**options: Any) -> set[str]:
        return {each.aligner for each in candidates("auto", **options)}

    assert names(readout="semantic") - names() == {"propagation"}


def test_what_is_trained_starts_from_what_leads() -> None:
    graph = Candidate("propagation", {"restart": 0.1, "group_weight": 4.0})
    closed = Candidate("cca", {"ridge": 1.0, "power": 0.5})
    assert learned({"propagation": graph, "cca": closed}, Setting("semantic", 100)) == [
        Candidate("cm-gnn", graph.params)
    ]
    assert learned({"cca": closed}, Setting("semantic", 100)) == []
    assert [each.aligner for each in learned({"cca": closed}, Setting(records=5000))] == [
        "contrastive"
    ]


# ---- hubness ----------------------------------------------------------------------------


def test_how_hubness_is_corrected_is_chosen_saved_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = Candidate("cca", {"ridge": 1.0})
    half, none = with_csls_strength(leader)
    assert [each.label for each in (leader, half, none)] == [
        "cca ridge=1", "cca ridge=1, CSLS strength 0.5", "cca ridge=1, CSLS strength 0"
    ]  # fmt: skip
    assert half.fitted == leader.fitted and none.to_json()["csls_strength"] == 0.0

    fits: list[object] = []
    fit = CCA.projection_of
    monkeypatch.setattr(CCA, "projection_of", lambda *args: fits.append(args) or fit(*args))
    table = made_table(lambda _, csls_strength: -csls_strength)
    race(table, [leader, half, none], SPLITS[:1], Clock(None))
    assert table.best(SPLITS[:1]) == none
    assert len(fits) == 1  # fitted once, read out three times

    space = align(signal(), aligner="cca", nested=False)
    space.csls_strength = 0.0
    again = Space.load(space.save(tmp_path / "space"))
    assert again.csls_strength == 0.0
    x = again.transform(signal().vectors["image"], "image")
    y = again.transform(signal().vectors["text"], "text")
    np.testing.assert_allclose(again.score(x, "image", y, "text"), 2 * (x @ y.T), atol=1e-6)


@pytest.mark.parametrize(
    ("score", "kept"),
    [
        (lambda *_: 0.5, "cca ridge=3, CSLS strength 0.5"),
        (
            lambda mapped, _: 0.5 + 0.1 * (mapped.candidate.aligner == "ridge"),
            "ridge ridge=1, CSLS strength 0.5",
        ),
        (lambda _, strength: 0.5 + 0.1 * strength, "cca ridge=3"),
    ],
)
def test_without_evidence_the_first_choice_stays(
    score: Any, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read out with half of the correction for hubness, unless another is surely better."""
    monkeypatch.setattr("isthmus.selection.select.reciprocal_rank", score)
    choices = [Candidate("cca", {"ridge": 3.0}), *ridges(1.0, 10.0)]
    chosen = select(signal(n=40), choices, np.arange(40), auto=True)
    assert chosen.best.label == kept
    assert {outer.candidate.label for outer in chosen.outer} == {kept}


def test_kernels_get_more_centres_where_there_are_more_rows() -> None:
    best = {"kernel-cca": Candidate("kernel-cca", {"ridge": 1.0}), "cca": Candidate("cca")}
    more = Setting(records=1001)
    assert grown(best, Setting(records=1000)) == [] == grown({"cca": best["cca"]}, more)
    (wider,) = grown(best, more)
    assert wider.params == {"ridge": 1.0, "max_centres": 2500}


def test_ensembles_of_one_chunk_share_the_fits_of_their_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fits = _fits(monkeypatch, lambda candidate: candidate.label)
    a, b = Candidate("cca", {"ridge": 1.0}), Candidate("ridge", {"ridge": 1.0})
    entrants = [Candidate("ensemble", {}, (a, b), (1.0, w)) for w in (0.1, 0.25, 0.5)]
    table = made_table(lambda *_: 1.0)
    table.run(entrants, SPLITS[:2], Clock(None))
    assert sorted(fits) == sorted([a.label, b.label, *(c.label for c in entrants)] * 2)


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
def test_ensembles_score_as_their_heads_do(strength: float) -> None:
    a, b = Candidate("cca", {"ridge": 1.0}), Candidate("ridge", {"ridge": 1.0})
    both = Candidate("ensemble", {}, (a, b), (1.0, 0.25))
    folds = Folds(signal(), np.arange(100) % 5)
    training, held = folds.without(0), folds.pairs.take(folds.held(0))
    by_members = Ground(training, {0: held}).mapped(both, 0, Memo())
    by_heads = Mapped.by(fit(both, training), training.rows, held)
    for readout in ("instance", "semantic"):
        found, expected = (
            each.scores("image", "text", readout=readout, csls_strength=strength)
            for each in (by_members, by_heads)
        )
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_every_outer_fold_chooses_on_its_neighbours() -> None:
    doubles = _ring(5)
    assert len(set(doubles)) == 5
    for fold in range(5):
        splits = _inner(doubles, fold)
        assert sorted(scored for _, scored in splits) == sorted([(fold - 1) % 5, (fold + 1) % 5])
        assert all(fold in out and scored in out for (_, out), scored in splits)
    assert len(set(_ring(3))) == 3


def _fits(
    monkeypatch: pytest.MonkeyPatch,
    name: Callable[[Candidate], str] = lambda candidate: candidate.aligner,
) -> list[str]:
    """What is fitted from now on, by aligner unless named otherwise."""
    fits: list[str] = []
    plain = Ground._fit

    def counted(self: Ground, candidate: Candidate) -> Projection:
        fits.append(name(candidate))
        return plain(self, candidate)

    monkeypatch.setattr(Ground, "_fit", counted)
    return fits


@pytest.mark.parametrize("aligner", ["cca", "contrastive"])
def test_rows_that_were_scored_are_not_mapped_again(aligner: str) -> None:
    if aligner == "contrastive":
        pytest.importorskip("torch")
    folds = Folds(signal(), np.arange(100) % 5)
    held = folds.pairs.take(folds.held(0))
    ground = Ground(folds.without(0), {0: held})
    candidate = Candidate(aligner)
    seen: list[int] = []
    plain = ground.projection(candidate)

    def counted(rows: SharedRows, view: str) -> Any:
        seen.append(len(rows.x))
        return plain(rows, view)

    ground._kept[candidate.fitted] = counted
    ground.mapped(candidate, 0, Memo()).scores("image", "text")
    x, other = held.vectors["text"].copy(), held.vectors["text"] + 1
    again = [ground.fitted(candidate).transform(x, "text") for _ in range(3)]
    new = ground.fitted(candidate).transform(other, "text")
    mapped = 1 if aligner == "contrastive" else 2  # what is trained is kept from the score on
    assert seen.count(20) == 2 + mapped
    np.testing.assert_array_equal(again[2], plain(SharedRows(x), "text"))
    np.testing.assert_array_equal(new, plain(SharedRows(other), "text"))


def test_a_single_candidate_is_fitted_once_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = _fits(monkeypatch)
    pairs, labels = signal(), np.arange(100)
    alone = select(pairs, ridges(1.0), labels)
    assert fits == ["ridge"] * 5
    assert [outer.candidate.label for outer in alone.outer] == ["ridge ridge=1"] * 5
    assert sorted(np.concatenate([outer.held for outer in alone.outer])) == list(range(100))
    assert len(alone.folds_of_best(pairs)) == len(fits) == 5
    fits.clear()
    select(pairs, ridges(1.0, 2.0), labels)
    assert len(fits) == 2 * (4 * 5 + 5)  # four deals, and without every two neighbours


def test_what_is_trained_is_chosen_by_its_form_without_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("torch")
    fits = _fits(monkeypatch)
    short = {"epochs": 1, "components": 8, "width": 8, "k": 3}
    points = ({"restart": 0.9}, {"restart": 0.1})
    choices = [Candidate("cm-gnn", {**short, **point}) for point in points]
    forms = untrained(choices)
    assert [form.label for form in forms] == [
        f"propagation components=8 k=3 restart={point['restart']:g}" for point in points
    ]
    found = select(signal(60), choices, np.arange(60))
    assert found.best in choices
    assert fits.count("propagation") == 2 * (4 * 5 + 5)
    chosen = {outer.candidate.label for outer in found.outer} | {found.best.label}
    assert 5 <= fits.count("cm-gnn") <= 5 * len(chosen)
    trial = next(each for each in found.trials if each.candidate == found.best)
    assert trial.complete
    assert len(found.outer) == 5


def test_only_what_is_trained_from_a_form_of_its_own_is_chosen_by_one() -> None:
    assert untrained(ridges(1.0, 2.0)) == []
    assert untrained([Candidate("contrastive", {"mixup": x}) for x in (0.1, 0.2)]) == []
