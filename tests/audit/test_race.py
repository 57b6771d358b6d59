"""Encoders that race: tried, timed, sampled, left out with a reason, and recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.audit import Diagnosis, cost, diagnose
from isthmus.audit.cost import cost_of
from isthmus.audit.encoded import encoded_views
from isthmus.audit.entrants import entrants
from isthmus.audit.fit import DEALS, EncoderFit, encoder_fits, not_clearly_worse
from isthmus.audit.recommend import recommend
from isthmus.core.errors import DataError, InputError, MissingExtraError
from isthmus.core.item import MediaItem
from isthmus.core.linalg import F32
from isthmus.core.record import Dataset, Record
from isthmus.core.view import IMAGE, TEXT
from isthmus.datasets import load


class Clock:
    """Seconds that pass only when an encoder works."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Counting:
    """Texts to a few of their letters' counts; loading and encoding take time on a clock."""

    modality = TEXT
    languages: tuple[str, ...] = ()
    batch_size = 8
    folder: Path | None = None
    dim = 26

    def __init__(self, name: str, clock: Clock, item: float = 0.01, error: Any = None) -> None:
        self.id = self.fingerprint = name
        self.clock, self.item, self.error = clock, item, error
        self.loaded = False

    def prepare(self, decoded: Any) -> str:
        return " ".join(decoded)

    def encode(self, batch: Sequence[str]) -> F32:
        if self.error is not None:
            raise self.error
        self.clock.now += self.item * len(batch) + (0 if self.loaded else 0.5)
        self.loaded = True
        rows = [[1 + text.count(chr(97 + i)) for i in range(26)] for text in batch]
        return np.asarray(rows, dtype=np.float32)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cost, "time", made)
    return made


def texts(n: int) -> list[MediaItem]:
    return [MediaItem.from_text(f"caption number {i}") for i in range(n)]


def scenes(n: int = 40) -> Dataset:
    found = load("shapes", n=n)
    return found.select([TEXT, IMAGE])


# -- cost ----------------------------------------------------------------------------------


def test_an_item_costs_what_its_batches_take_and_the_first_the_loading(
    clock: Clock, tmp_path: Path
) -> None:
    mine = Counting("mine", clock)
    mine.folder = tmp_path / "model.onnx"
    mine.folder.write_bytes(bytes(5000))
    found = cost_of("caption", "mine", mine, texts(100))
    assert found.first_ms == pytest.approx(510)
    assert found.item_ms == pytest.approx(10) and found.low_ms == pytest.approx(found.high_ms)
    assert found.items == 16  # two batches
    assert (found.dim, found.vector_bytes, found.weights_bytes) == (26, 104, 5000)


def test_a_slow_encoder_is_timed_on_few_items(clock: Clock) -> None:
    slow = Counting("slow", clock, item=0.1)
    assert cost_of("caption", "slow", slow, texts(100)).items == 3
    slower = Counting("slower", clock, item=30.0)
    before = clock.now
    found = cost_of("caption", "slower", slower, texts(100))
    assert found.items == 1 and found.item_ms == pytest.approx(30_000)
    assert clock.now - before == pytest.approx(60.5)  # one to load it, one that is timed


def test_copies_count_as_what_they_cost(clock: Clock) -> None:
    """Equal texts are encoded once, so items of equal content are not timed twice."""
    same = [MediaItem.from_text("one caption")] * 30
    found = cost_of("caption", "mine", Counting("mine", clock), same)
    assert found.items == 1 and found.item_ms == pytest.approx(10)


# -- who takes part ------------------------------------------------------------------------


def taking_part(named: Any = None, race: Any = (), patience: float = 600.0) -> Any:
    return entrants(scenes(), named or {}, race, cache=None, patience=patience, progress=None)


def test_what_fails_is_listed_and_the_rest_goes_on(clock: Clock) -> None:
    good = Counting("good", clock)
    torn = Counting("torn", clock, error=RuntimeError("mat1 and mat2\nshapes"))
    bare = Counting("bare", clock, error=MissingExtraError("needs x. Run: pip install 'y'"))
    late = Counting("late", clock, item=60.0)
    found = taking_part({TEXT: [torn, good, bare, late], IMAGE: ["color-hog"]}, ["mfcc", "huh"])
    assert found.named[TEXT] == [good] and found.named[IMAGE] == ["color-hog"]
    reasons = {(lost.view, lost.encoder): lost.reason for lost in found.unusable}
    assert reasons[TEXT, "torn"] == "RuntimeError: mat1 and mat2"
    assert reasons[TEXT, "bare"] == "needs x. Run: pip install 'y'"
    assert "about 39 minutes for 39 items, 60.0 s each" in reasons[TEXT, "late"]
    assert "reads audio, but shapes has text (text), image (image)" in reasons["", "mfcc"]
    assert "unknown encoder 'huh'" in reasons["", "huh"]
    assert [each.encoder for each in found.costs] == ["good", "color-hog"]


def test_with_nothing_left_the_first_reason_is_raised(clock: Clock) -> None:
    torn = [Counting(name, clock, error=InputError(f"{name} is torn")) for name in "ab"]
    with pytest.raises(DataError, match="could encode none of the first items: a is torn"):
        taking_part({TEXT: torn})
    with pytest.raises(InputError, match="unknown encoder 'huh'"):
        taking_part(race=["huh", "hm"])


def test_ids_of_a_race_join_every_view_that_they_can_read() -> None:
    records = [
        Record(str(i), {name: MediaItem.from_text(f"{name} {i % 9} {i}") for name in ("q", "a")})
        for i in range(20)
    ]
    found = entrants(
        Dataset("asked", records), {"q": ["tfidf?dim=8"]}, ["tfidf?dim=9", "tfidf?dim=9"],
        cache=None, patience=600.0, progress=None,
    )  # fmt: skip
    assert found.named == {"a": ["tfidf?dim=9"], "q": ["tfidf?dim=8", "tfidf?dim=9"]}
    assert {(each.view, each.dim) for each in found.costs} == {("a", 9), ("q", 8), ("q", 9)}


def test_without_a_choice_nothing_is_timed() -> None:
    found = taking_part({TEXT: ["tfidf"], IMAGE: ["color-hog"]})
    assert found.costs == []


def test_only_a_sample_with_two_views_is_encoded(clock: Clock) -> None:
    whole = scenes(60)
    alone = [replace(record, items={TEXT: record.items[TEXT]}) for record in whole.records[:20]]
    mixed = Dataset("mixed", [*alone, *whole.records[20:]])
    named = {TEXT: [Counting("mine", clock)], IMAGE: ["color-hog"]}
    drawn = [encoded_views(mixed, named, most=25, seed=seed) for seed in (0, 0, 1)]
    ids = [each.pairs.ids for each in drawn]
    assert ids[0] == ids[1] != ids[2] and len(ids[0]) == 25
    assert drawn[0].total == 60 and drawn[0].pairs.present[IMAGE].all()
    order = [record.id for record in mixed.records]
    assert sorted(ids[0], key=order.index) == ids[0]


# -- towers of one model -------------------------------------------------------------------


class Tower:
    """One side of a made-up model: what the other side sees too, under noise."""

    languages: tuple[str, ...] = ()
    dim = 12
    logit_scale, logit_bias = 1.0, 0.0

    def __init__(self, modality: str, joint: str) -> None:
        self.modality, self.joint = modality, joint
        self.id = self.fingerprint = f"tower-{modality}"


def test_towers_of_one_model_are_measured_as_they_are_too() -> None:
    from isthmus.pipeline import prepare

    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 12))
    ready = prepare({m: z + 0.3 * rng.normal(size=z.shape) for m in "ab"})
    encoded = encoded_views(ready)
    for joint, rows in (("model", 2), ("", 1)):
        loaded = {m: {"vectors": Tower(TEXT, joint)} for m in "ab"}
        aligned = replace(encoded, loaded=loaded)
        found = encoder_fits(aligned, "a", "b", np.arange(60), seed=0, progress=None)
        assert len(found.fits) == rows
    aligned = replace(encoded, loaded={m: {"vectors": Tower(TEXT, "model")} for m in "ab"})
    found = encoder_fits(aligned, "a", "b", np.arange(60), seed=0, progress=None)
    as_is, fitted = sorted(found.fits, key=lambda fit: fit.fitted)
    assert not as_is.fitted and as_is.mrr.value > 0.9  # 48 pairs teach less than is known
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in ready.pairs.vectors.values()]
    held = found.folds[0].rows
    scores = unit[0][held] @ unit[1][held].T
    first = np.mean([scores.argmax(axis=1) == np.arange(len(held)),
                     scores.argmax(axis=0) == np.arange(len(held))])  # fmt: skip
    assert found.by_fold[found.fits.index(as_is)][1, 0] == pytest.approx(first)
    assert as_is.cka == fitted.cka


# -- recommendation ------------------------------------------------------------------------


def fit(name: str, ms: float | None, p_value: float = 0.001) -> EncoderFit:
    from isthmus.audit import Share

    share = Share(0.5, 0.4, 0.6)
    return EncoderFit("a", "b", name, "y", 99, recall=share, mrr=share, p_value=p_value, gallery=99,
                      record_ms=ms)  # fmt: skip


def folds(mean: float, wobble: Sequence[float]) -> np.ndarray:
    mrr = mean + np.tile(wobble, DEALS)
    return np.stack([mrr, mrr + 0.1])


WOBBLE = (0.02, -0.02, 0.01, -0.01, 0.0)


def test_the_cheaper_of_two_that_noise_could_part_is_taken() -> None:
    near = folds(0.49, WOBBLE[::-1])  # .01 behind, over folds that differ by .02
    taken = recommend([fit("best", 90.0), fit("near", 9.0)], [folds(0.5, WOBBLE), near])
    assert taken.encoder_a == "near" and taken.cheaper and taken.best_a == "best"
    assert taken.behind == pytest.approx(0.01) and (taken.equals, taken.compared) == (2, 2)
    assert (taken.record_ms, taken.best_record_ms) == (9.0, 90.0)
    assert taken.chosen.value == pytest.approx(0.59, abs=0.005)


def test_a_clear_lead_is_worth_its_cost_and_an_untimed_best_stays() -> None:
    far = folds(0.4, WOBBLE)
    taken = recommend([fit("best", 90.0), fit("far", 9.0)], [folds(0.5, WOBBLE), far])
    assert taken.encoder_a == "best" and not taken.cheaper and taken.equals == 1
    near = folds(0.49, WOBBLE[::-1])
    untimed = recommend([fit("best", None), fit("near", None)], [folds(0.5, WOBBLE), near])
    assert untimed.encoder_a == "best" and untimed.equals == 2


def test_what_is_no_better_than_shuffled_pairs_is_never_recommended() -> None:
    both = [folds(0.5, WOBBLE), folds(0.49, WOBBLE[::-1])]
    taken = recommend([fit("lucky", 1.0, p_value=0.4), fit("real", 90.0)], both)
    assert taken.encoder_a == "real"
    assert recommend([fit("lucky", 1.0, p_value=0.4)], both[:1]) is None


def test_the_choice_is_judged_where_it_was_not_made() -> None:
    """Of pure noise the best looks better than it is; the folds left out say how good it is."""
    rng = np.random.default_rng(0)
    shown, honest = [], []
    for _ in range(60):
        by_fold = [np.stack([row, row]) for row in rng.normal(0.5, 0.05, size=(12, 10))]
        fits = [fit(str(i), None) for i in range(12)]
        taken = recommend(fits, by_fold)
        shown.append(max(each[1].mean() for each in by_fold))
        honest.append(taken.chosen.value)
    assert np.mean(shown) > 0.52
    assert np.mean(honest) == pytest.approx(0.5, abs=3 * np.std(honest) / np.sqrt(60))


def test_ties_are_judged_fold_by_fold() -> None:
    hard = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.1, 0.9, 0.2, 0.8, 0.3])
    assert not not_clearly_worse(hard - 0.02, hard)  # always behind, however folds differ
    assert not_clearly_worse(hard[::-1].copy(), hard)
    assert not not_clearly_worse(np.zeros(0), hard)


# -- all of it -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raced() -> Diagnosis:
    return diagnose(
        scenes(120),
        race=["tfidf", "tfidf?dim=4", "color-hog", "mfcc"],
        most=80,
        by_group=False,
    )


def test_a_race_says_what_each_costs_and_what_to_take(raced: Diagnosis) -> None:
    document = raced.to_json()
    assert document["data"]["records"] == 80 and document["data"]["drawn_from"] == 120
    assert {each["encoder"] for each in document["costs"]} == {"tfidf", "tfidf?dim=4", "color-hog"}
    assert [each["encoder"] for each in document["encoders_left_out"]] == ["mfcc"]
    (taken,) = document["recommended"]
    assert taken["encoder_b"] == "color-hog" and taken["compared"] == 2
    costs = {each["encoder"]: each["item_ms"] for each in document["costs"]}
    for found in document["fits"]:
        whole = costs[found["encoder_a"]] + costs[found["encoder_b"]]
        assert found["record_ms"] == pytest.approx(whole)


def test_shuffled_pairs_are_found_as_often_as_chance_says(raced: Diagnosis) -> None:
    for found in raced.fits:
        null = found.shuffled
        assert null.null_mean == pytest.approx(found.chance, abs=4 * null.null_sd / np.sqrt(99))
        assert found.first.value <= found.recall.value or found.k == 1
    assert raced.fits[0].shuffled.sds > 3
