from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.core.artifact import DOCUMENT
from isthmus.core.errors import DataError, FingerprintError, InputError, NoSignalError
from isthmus.core.item import MediaItem
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record
from isthmus.core.view import Direction, ViewPair, all_directions
from isthmus.moments import Moments
from isthmus.pipeline import prepare
from isthmus.pipeline.cache import VectorCache
from isthmus.selection import align, remember
from isthmus.selection.candidates import Candidate, candidates
from isthmus.selection.folds import Folds
from isthmus.selection.null import permutation_p, shuffled
from isthmus.selection.predicting import table
from isthmus.selection.select import select
from isthmus.space import Space, evaluate, starter
from isthmus.space.evaluate import LEVEL


def signal(n: int = 120, seed: int = 0, noise: float = 0.4, **dims: int) -> PairedVectors:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 6))
    sizes = dims or {"image": 24, "text": 16}
    return PairedVectors(
        {m: z @ rng.normal(size=(6, d)) + noise * rng.normal(size=(n, d)) for m, d in sizes.items()}
    )


@pytest.fixture(scope="module")
def space() -> Space:
    return align(signal(), aligner="cca")


def test_chosen_space_finds_held_out_partners(space: Space) -> None:
    rng = np.random.default_rng(0)
    whole = signal(n=220)
    learned = align(whole.take(np.arange(120)), aligner="cca", nested=False)
    held = whole.take(np.arange(120, 220))
    found = evaluate(learned.heads, learned.banks, held)[Direction("image", "text")].instance
    assert found.r1 > 0.9
    assert found.chance_r1 == pytest.approx(0.01)
    null = evaluate(learned.heads, learned.banks, shuffled(held, rng))
    assert null[Direction("image", "text")].instance.r1 < 0.1


def test_report_has_estimate_null_spread_and_what_was_tried(space: Space) -> None:
    report = space.report
    way = Direction("text", "image")
    row = report.held_out[way].instance.r1
    assert row.n == 5 and row.sd >= 0 and row.mean > 0.8
    for null in (report.estimate.null.shuffled, report.estimate.null.random):
        assert null[way].instance.r1.mean < 0.2
    assert report.estimate.p_values == {ViewPair("text", "image"): 0.001}
    tried = report.choice.tried
    assert len(tried) == 31
    complete = [row for row in tried if row.complete]
    assert len(complete) == 11  # a third of those scored on the first splits, and the default
    assert tried[0].score == max(row.score for row in complete)
    assert report.chosen.label in [row.candidate for row in tried if row.complete]


def test_shuffled_pairs_are_refused() -> None:
    pairs = signal()
    refused = 0
    for seed in range(10):
        false = shuffled(pairs, np.random.default_rng(seed))
        try:
            align(false, aligner="ridge", seed=seed)
        except NoSignalError as error:
            refused += 1
            assert "no better than shuffled" in str(error)
    assert refused >= 9


def test_folds_that_learn_from_each_other_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(0)
    fold, small = np.arange(40) % 5, 0
    for _ in range(500):
        x, y = rng.normal(size=(2, 40, 20))
        parts = []
        for held in (fold == each for each in range(5)):
            own = x[~held]
            weights = np.linalg.solve(own.T @ own + 5 * np.eye(20), own.T @ y[~held])
            parts.append(_directions(x[held] @ weights) @ _directions(y[held]).T)
        small += permutation_p(parts) <= 0.01
    assert small <= 8  # of 5 that are expected; 22 if folds count as independent


def _directions(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_permutation_test_is_uniform_under_the_null_and_small_under_signal() -> None:
    rng = np.random.default_rng(0)
    p = [permutation_p([rng.normal(size=(12, 12)) for _ in range(3)], seed=s) for s in range(60)]
    assert 0.35 < np.mean(p) < 0.65
    assert permutation_p([np.eye(12) + rng.normal(size=(12, 12))]) <= LEVEL
    assert permutation_p([np.ones((12, 12))]) == 1.0


def test_selection_never_sees_the_outer_fold() -> None:
    """Spoiling one outer fold changes nothing about what is chosen and fitted for it."""
    pairs = signal(n=60)
    choices = candidates("ridge")
    first = select(pairs, choices, np.arange(60), seed=3)
    outer = first.outer[0]
    spoiled = {m: x.copy() for m, x in pairs.vectors.items()}
    held = np.setdiff1d(np.arange(60), outer.train)
    spoiled["text"][held] = np.random.default_rng(0).normal(size=(len(held), 16))
    second = select(replace(pairs, vectors=spoiled), choices, np.arange(60), seed=3)
    assert second.outer[0].candidate == outer.candidate
    np.testing.assert_allclose(
        second.outer[0].fitted.transform(pairs.vectors["image"], "image"),
        outer.fitted.transform(pairs.vectors["image"], "image"),
        atol=1e-5,
    )


def test_fold_moments_equal_those_of_the_rows() -> None:
    pairs = signal(n=50)
    labels = np.arange(50) % 5
    training = Folds(pairs, labels).without(1, 3)
    moments = training.moments
    expected = Moments.of(pairs.take(~np.isin(labels, [1, 3])))
    assert len(training.rows) == 30
    np.testing.assert_allclose(moments.cross("image", "text"), expected.cross("image", "text"))
    np.testing.assert_allclose(moments.covariance("text"), expected.covariance("text"))


def test_candidates_that_cannot_run_are_reported_with_the_reason() -> None:
    """Image and sound never meet, so anchors, which need complete records, do not apply."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 5))
    vectors = {m: z @ rng.normal(size=(5, 12)) + 0.3 * rng.normal(size=(80, 12)) for m in "abt"}
    here = np.arange(80) < 40
    pairs = PairedVectors(vectors, {"a": here, "b": ~here})
    space = align(pairs)
    tried = {row.candidate: row for row in space.report.choice.tried}
    assert "records have all of" in tried["anchors k=0.2 power=4"].reason
    assert space.emergent([Direction("a", "b"), Direction("a", "t")]) == [Direction("a", "b")]
    assert set(space.report.data.pairs) == {ViewPair("a", "t"), ViewPair("b", "t")}


@pytest.mark.parametrize("rows", [3, 9])
def test_too_few_records_say_how_many_are_needed(rows: int) -> None:
    with pytest.raises(DataError, match=f"{rows} records have two views or more, need at least 10"):
        align(signal(n=rows))


def test_unpaired_rows_are_refused_with_the_way_out() -> None:
    here = np.arange(40) < 20
    pairs = signal(n=40)
    split = PairedVectors(dict(pairs.vectors), {"image": here, "text": ~here})
    with pytest.raises(DataError, match="give files that belong together the same name"):
        align(split)


def test_groups_are_kept_together() -> None:
    pairs = replace(signal(n=60), groups=np.repeat(np.arange(6), 10))
    assert align(pairs, aligner="ridge").report.data.groups == 6
    assert align(pairs, aligner="ridge", by_group=False).report.data.groups == 60


def test_unknown_aligner_and_parameter_are_told_before_any_work() -> None:
    with pytest.raises(InputError, match="Did you mean 'cca'"):
        align(signal(), aligner="cc")
    with pytest.raises(InputError, match="can be set only for one aligner"):
        align(signal(), params={"ridge": 2.0})
    with pytest.raises(InputError, match=r"sigma.*it has"):
        align(signal(), aligner="cca", params={"sigma": 2.0})


def test_fixed_parameters_are_not_searched() -> None:
    labels = {c.label for c in candidates("cca", ridge=2.0, power=1.0)}
    assert labels == {"cca ridge=2 power=1", "cca ridge=2 power=1 scale=True"}


def test_save_and_load_give_the_same_space(space: Space, tmp_path: Path) -> None:
    folder = space.save(tmp_path / "空间")
    loaded = Space.load(folder)
    x = signal().vectors["image"]
    np.testing.assert_array_equal(loaded.transform(x, "image"), space.transform(x, "image"))
    np.testing.assert_array_equal(loaded.banks["text"], space.banks["text"])
    assert loaded.fingerprint == space.fingerprint
    assert loaded.report == space.report
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| text→image |" in card and space.fingerprint in card


def test_an_ensemble_survives_saving(tmp_path: Path) -> None:
    members = (Candidate("cca", {"ridge": 1.0}), Candidate("anchors", {"k": 0.5}))
    candidate = Candidate("ensemble", members=members, weights=(1.0, 0.5))
    pairs = signal()
    chosen = select(pairs, [candidate], np.arange(len(pairs)), nested=False)
    assert chosen.best.label.startswith("1·(cca ridge=1) + 0.5·(anchors")


def test_another_encoder_is_refused(shapes: Dataset, tmp_path: Path) -> None:
    ready = prepare(shapes, {"text": "tfidf", "image": "color-hog", "audio": "mfcc"})
    space = align(ready, aligner="ridge", nested=False)
    folder = space.save(tmp_path / "s")
    other = prepare(
        shapes.take(range(30)), {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
    )
    with pytest.raises(FingerprintError, match="make the space again"):
        Space.load(folder).attach(other.encoders["text"])


def test_real_media_all_three_modalities_and_back(shapes: Dataset, tmp_path: Path) -> None:
    classical = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
    space = align(prepare(shapes, classical), aligner="cca", by_group=False)
    loaded = Space.load(space.save(tmp_path / "s"))
    found = loaded.embed(["a red circle", "蓝色的三角形", " "], "text")
    assert found.ok.tolist() == [True, True, False]
    np.testing.assert_allclose(np.linalg.norm(found.vectors[:2], axis=1), 1, atol=1e-5)
    assert len(found.failures) == 1
    found = space.report.held_out
    assert set(found.directions) == set(all_directions(["text", "image", "audio"]))
    assert found[Direction("text", "image")].instance.r10.mean > 0.85  # of galleries of 12


ODD = ("EEG–left", "EEG→right", "a b", "x|y")


def test_views_may_be_called_anything(tmp_path: Path) -> None:
    """The last two share no record; all others do, whatever their names look like."""
    pairs = signal(n=80, **dict.fromkeys(ODD, 12))
    here = np.arange(80) < 40
    pairs = PairedVectors(dict(pairs.vectors), {ODD[2]: here, ODD[3]: ~here})
    space = align(pairs, aligner="ridge")
    loaded = Space.load(space.save(tmp_path / "s"))
    assert loaded.report == space.report
    ways = all_directions(ODD)
    unpaired = [Direction(*ODD[2:]), Direction(*ODD[:1:-1])]
    assert set(loaded.emergent(ways)) == set(unpaired)
    measured = loaded.report.held_out.directions
    assert set(measured) == set(ways) - set(unpaired)
    assert all(row.instance.r1.mean > 2 * row.instance.chance_r1.mean for row in measured.values())
    assert set(loaded.calibration) <= set(measured)
    found = evaluate(loaded.heads, loaded.banks, signal(n=60, seed=0, **dict.fromkeys(ODD, 12)))
    assert set(found.directions) == set(ways)


def test_the_same_work_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite")
    first = align(signal(), aligner="ridge", cache=cache)
    module = importlib.import_module("isthmus.selection.align")
    monkeypatch.setattr(module, "select", lambda *a, **k: pytest.fail("chosen again"))
    again = align(signal(), aligner="ridge", cache=cache)
    assert again.fingerprint == first.fingerprint and again.report == first.report


def test_other_vectors_are_chosen_for_anew(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "vectors.sqlite")
    first = align(signal(), aligner="ridge", nested=False, cache=cache)
    second = align(signal(seed=9), aligner="ridge", nested=False, cache=cache)
    assert first.fingerprint != second.fingerprint


def test_what_the_starter_space_learned_counts_as_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code() -> str:
        return remember.code_key.__wrapped__(remember._CODE)

    before = code()
    (tmp_path / DOCUMENT).write_text("{}")
    monkeypatch.setattr(starter, "folder", lambda: tmp_path)
    assert code() != before


def test_all_code_that_chooses_counts() -> None:
    """What selection imports, but for what makes native vectors: encoders have fingerprints.

    Nor do prompts count: a new space has none. Predictors have a key of their own.
    """
    uncounted = {"datasets", "encoders", "media", "prompts"}
    assert _reached("selection", but="predicting") - uncounted == set(remember._CODE)
    assert _reached("fusion") | {"predictor", "selection/predicting"} == set(table._CODE)


def _reached(first: str, but: str = "") -> set[str]:
    """The packages that a part of isthmus imports, itself and through others."""
    root = Path(remember.__file__).parents[1]
    reached: set[str] = set()
    todo = [first]
    while todo:
        package = todo.pop()
        if package not in reached:
            reached.add(package)
            files = [f for f in (root / package).rglob("*.py") if f.parent.name != but]
            sources = (path.read_text(encoding="utf-8") for path in files)
            todo += [n for s in sources for n in re.findall(r"(?:from|import) isthmus\.(\w+)", s)]
    return {package.partition("/")[0] for package in reached}


def test_modalities_that_the_space_lacks_are_named(space: Space) -> None:
    with pytest.raises(InputError, match="no view 'audio'; its views are image, text"):
        space.transform(np.ones((1, 3)), "audio")


def test_a_user_encoder_object_has_to_be_attached_after_loading(tmp_path: Path) -> None:
    class Letters:
        id, modality, dim, languages = "letters", "text", 26, ()
        fingerprint = "letters-1"

        def prepare(self, decoded: tuple[str, ...]) -> str:
            return decoded[0]

        def encode(self, batch: list[str]) -> np.ndarray:
            rows = [[1 + t.lower().count(chr(97 + i)) for i in range(26)] for t in batch]
            return np.array(rows, dtype=np.float32)

    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefgh"), 20)) for _ in range(40)]
    records = []
    for i, text in enumerate(texts):
        counts = np.array([text.count(c) for c in "abcdefgh"], dtype=float)
        vector = MediaItem.from_vector(counts + 0.1, source=f"row {i}")
        records.append(Record(f"r{i}", {"text": MediaItem.from_text(text), "sensor": vector}))
    space = align(Dataset("letters", records), {"text": Letters()}, aligner="ridge")
    loaded = Space.load(space.save(tmp_path / "s"))
    with pytest.raises(InputError, match="attach it"):
        loaded.embed(["abc"], "text")
    loaded.attach(Letters())
    assert loaded.embed(["abc"], "text").ok.all()


def test_records_that_lack_a_partner_do_not_count(space: Space) -> None:
    here = np.arange(40) < 6
    few = PairedVectors(dict(signal(n=40).vectors), {"image": here})
    with pytest.raises(DataError, match="6 records have two views or more"):
        align(few)


def test_one_group_says_how_to_go_on() -> None:
    with pytest.raises(DataError, match="by_group=False"):
        align(replace(signal(n=40), groups=np.zeros(40)), aligner="ridge")


def test_many_rows_keep_only_some_at_hand_but_all_in_the_moments() -> None:
    pairs = signal(n=7000, image=4, text=3)
    training = Folds(pairs, np.arange(7000) % 5).without(0)
    assert len(training.rows) == 5000
    assert training.moments.count("image", "text") == 5600


def test_rows_without_a_group_are_not_one_group() -> None:
    groups = np.array(["a", "a", *[None] * 58], dtype=object)
    made = align(replace(signal(n=60), groups=groups), aligner="ridge", nested=False)
    assert made.report.data.groups == 59


def test_groups_without_signal_are_named_first() -> None:
    """What groups have in common is all that pairs share."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(5), 12)
    kinds = {m: 3 * rng.normal(size=(5, 20)) for m in ("image", "text")}
    vectors = {m: kinds[m][group] + 0.4 * rng.normal(size=(60, 20)) for m in kinds}
    pairs = PairedVectors(vectors, groups=[f"kind {g}" for g in group])
    said = r"your 5 groups \(kind 0, kind 1, kind 2, …\) were held out whole.* add by_group=False"
    with pytest.raises(NoSignalError, match=said):
        align(pairs)
    plain = align(pairs, by_group=False).report.estimate
    assert plain is not None and plain.ungrouped is None
