"""Explanations sum to the score, whatever the head."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.aligners.heads import AnchorHead, ConcatHead, LinearHead, MLPHead
from isthmus.core.errors import InputError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.core.view import IMAGE, TEXT
from isthmus.datasets import load
from isthmus.encoders.parts import AdditiveParts, Mask, Span
from isthmus.pipeline import prepare
from isthmus.report.pages.explanation.words import sentences
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.retrieval import attribution
from isthmus.tasks.retrieval.attribution import attribute, shapley
from isthmus.tasks.retrieval.explain import Explanation, explain
from isthmus.tasks.retrieval.support import paired, support


def unit(x: Any) -> np.ndarray:
    return np.asarray(x) / np.linalg.norm(x, axis=-1, keepdims=True)


def check(found: Explanation) -> None:
    for side in (found.query, found.item):
        assert side.baseline + side.values.sum() == pytest.approx(found.score, abs=1e-5)
        assert len(side.places) == len(side.values) == len(side.errors)
    total = found.pairs.values.sum() + found.pairs.residual
    assert total == pytest.approx(found.score, abs=1e-5)


def parts_for(count: int, dim: int, seed: int = 0) -> AdditiveParts:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(count), size=dim).T
    return AdditiveParts([Span(i, i + 1) for i in range(count)], rng.normal(size=(count, dim)),
                         shares)  # fmt: skip


def test_worked_linear_head() -> None:
    # x = (3, 4) = (3, 0) + (0, 4), mean (0, 0): cosine with (1, 0) is 3/5, all from the first
    parts = AdditiveParts([Span(0, 1), Span(1, 2)], np.diag([3.0, 4.0]), np.full((2, 2), 0.5))
    head = LinearHead(np.zeros(2), np.eye(2))
    found = attribute(head, parts, np.array([1.0, 0.0]), np.zeros(2))
    np.testing.assert_allclose(found.values, [0.6, 0.0])
    assert (found.baseline, found.method) == (0.0, "closed form")
    # with mean (−1, 4): x − mean = (4, 0), each part less half of the mean, over length 4
    moved = LinearHead(np.array([-1.0, 4.0]), np.eye(2))
    found = attribute(moved, parts, np.array([1.0, 0.0]), np.zeros(2))
    np.testing.assert_allclose(found.values, [3.5 / 4, 0.5 / 4])


def heads(dim: int) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    mean = rng.normal(size=dim)
    linear = LinearHead(mean, rng.normal(size=(dim, 5)))
    centres = unit(rng.normal(size=(7, dim)))
    mlp = MLPHead(mean, centres, rng.normal(size=(7, 4)), rng.normal(size=4), sharpness=2.0,
                  linear=0.3)  # fmt: skip
    anchors = AnchorHead(mean, unit(rng.normal(size=(9, dim))), k=4, power=3)
    return {
        "linear": linear,
        "mlp": mlp,
        "anchors": anchors,
        "linear and linear": ConcatHead([linear, LinearHead(-mean, rng.normal(size=(dim, 3)))],
                                        [1, 3]),
        "linear and mlp": ConcatHead([linear, mlp, anchors], [2, 1, 1]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(heads(3)))
@pytest.mark.parametrize("count", [1, 6, 13])
def test_parts_sum_to_the_cosine_for_every_head(kind: str, count: int) -> None:
    head, parts = heads(6)[kind], parts_for(count, 6)
    rng = np.random.default_rng(count)
    other = unit(rng.normal(size=head.output_dim))
    typical = 0.3 * unit(rng.normal(size=head.output_dim))
    found = attribute(head, parts, other, typical)
    cosine = float(head(parts.total[None])[0] @ other)
    assert found.baseline + found.values.sum() == pytest.approx(cosine, abs=1e-6)
    if kind in ("mlp", "anchors"):
        assert found.baseline == pytest.approx(float(typical @ other))


def test_an_item_that_is_the_average_has_no_parts_that_count() -> None:
    parts = AdditiveParts([Span(0, 1)], np.array([[1.0, 2.0]]), np.ones((1, 2)))
    found = attribute(LinearHead(np.array([1.0, 2.0]), np.eye(2)), parts, np.array([1.0, 0.0]),
                      np.zeros(2))  # fmt: skip
    assert found.values.tolist() == [0.0]
    assert found.baseline == pytest.approx(np.sqrt(0.5))


def glove(kept: Mask) -> np.ndarray:
    """Two left gloves and one right one: a pair is worth 1."""
    return np.minimum(kept[:, 0] | kept[:, 1], kept[:, 2]).astype(float)


def test_shapley_values_of_the_glove_game() -> None:
    found = shapley(glove, 3)
    np.testing.assert_allclose(found.values, [1 / 6, 1 / 6, 4 / 6])
    assert found.method == "Shapley values over all 8 subsets"


@settings(max_examples=20)
@given(st.integers(9, 14), st.integers(0, 1000))
def test_sampled_orders_sum_exactly_and_keep_what_is_linear(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=count)

    def curved(kept: Mask) -> np.ndarray:
        return np.tanh(kept @ weights) + 0.5

    found = shapley(curved, count, seed=seed, orders=3)
    total = float(curved(np.ones((1, count), dtype=bool))[0])
    assert found.baseline + found.values.sum() == pytest.approx(total, abs=1e-12)
    linear = shapley(lambda kept: kept @ weights, count, seed=seed, orders=3)
    np.testing.assert_allclose(linear.values, weights, atol=1e-12)
    np.testing.assert_allclose(linear.errors, 0, atol=1e-12)


def test_sampled_orders_come_near_to_all_of_them() -> None:
    def worth(kept: Mask) -> np.ndarray:
        return glove(kept) + 0.1 * kept[:, 3:].sum(axis=1)

    found = shapley(worth, 9, orders=400)
    expected = np.array([1 / 6, 1 / 6, 4 / 6, *[0.1] * 6])
    assert (np.abs(found.values - expected) <= 4 * found.errors + 1e-12).all()
    again = shapley(worth, 9, orders=400)
    np.testing.assert_array_equal(found.values, again.values)


@settings(max_examples=20)
@given(st.integers(0, 40), st.integers(2, 12), st.integers(0, 1000))
def test_training_pairs_and_what_is_left_sum_to_the_score(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    u, v = unit(rng.normal(size=(n, k))), unit(rng.normal(size=(n, k)))
    q, x = unit(rng.normal(size=k)), unit(rng.normal(size=k))
    found = support(q, x, u, v, [str(i) for i in range(n)])
    assert found.values.sum() + found.residual == pytest.approx(float(q @ x), abs=1e-9)


def test_training_pairs_of_a_whole_basis_are_the_coordinates() -> None:
    q, x = unit([3.0, 4.0, 0.0]), unit([1.0, 1.0, 1.0])
    found = support(q, x, np.eye(3), np.eye(3), ["a", "b", "c"])
    # M = I, so with the ridge of 0.01 every pair carries q_i x_i / 1.01
    np.testing.assert_allclose(found.values, q * x / 1.01, atol=1e-12)
    assert found.residual == pytest.approx(float(q @ x) * 0.01 / 1.01)
    assert [pair.id for pair in found.strongest(2)] == ["b", "a"]


def test_of_very_many_coordinates_the_weakest_are_left_to_the_residual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("isthmus.tasks.retrieval.support.MOST", 2)
    q = x = unit([3.0, 2.0, 1.0])
    found = support(q, x, np.eye(3), np.eye(3), ["a", "b", "c"])
    np.testing.assert_allclose(found.values, np.array([9, 4, 0]) / 14 / 1.01, atol=1e-12)
    assert found.residual == pytest.approx(1 - 13 / 14 / 1.01)


def test_pairs_are_matched_by_the_ids_of_records() -> None:
    u, v = np.arange(3, dtype=np.float32)[:, None], 10 * np.arange(3, dtype=np.float32)[:, None]
    left, right, ids = paired(u, ["a", "b", "c"], v, ["c", "x", "a"])
    assert (ids, left.ravel().tolist(), right.ravel().tolist()) == (["a", "c"], [0, 2], [20, 0])


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    return load("shapes", n=60, seed=1)


@pytest.fixture(scope="module")
def spaces(scenes: Dataset) -> dict[str, Space]:
    encoders = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
    ready = prepare(scenes, encoders, by_group=False)
    return {name: align(ready, aligner=name, nested=False) for name in ("ridge", "anchors")}


@pytest.mark.parametrize("aligner", ["ridge", "anchors"])
def test_every_pair_of_modalities_is_explained(
    spaces: dict[str, Space], scenes: Dataset, aligner: str
) -> None:
    space, record = spaces[aligner], scenes.records[7]
    things = {m: record.items[m] for m in ("image", "audio")} | {TEXT: "a large red star"}
    vectors = {m: space.embed([thing], m).vectors[0] for m, thing in things.items()}
    for a, b in ((TEXT, "image"), ("image", TEXT), ("audio", "image"), ("image", "image")):
        found = explain(space, things[a], a, things[b], b)
        check(found)
        assert found.score == pytest.approx(float(vectors[a] @ vectors[b]), abs=1e-5)
        assert len(found.pairs.ids) == 60 and 0 <= found.above <= 1
    assert [p.label for p in explain(space, things[TEXT], TEXT, record.items[IMAGE], IMAGE)
            .query.places] == ["a", "large", "red", "star"]  # fmt: skip


def test_own_record_leads_the_training_pairs(spaces: dict[str, Space], scenes: Dataset) -> None:
    first = 0
    for record in scenes.records[:10]:
        found = explain(spaces["ridge"], record.items[TEXT], TEXT, record.items[IMAGE], IMAGE)
        first += record.id in [pair.id for pair in found.leaning(3)]
    assert first >= 8


def test_vectors_of_a_user_have_no_parts_but_training_pairs() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4))
    space = align({"a": x, "b": x @ rng.normal(size=(4, 3))}, aligner="ridge", nested=False)
    found = explain(space, x[0], "a", (x @ np.eye(4, 3))[1], "b")
    assert not found.query.places and "cannot explain which parts" in found.query.method
    assert found.to_json()["query"]["parts"] == []
    total = found.pairs.values.sum() + found.pairs.residual
    assert total == pytest.approx(found.score, abs=1e-6)


def test_what_cannot_be_used_is_named(spaces: dict[str, Space]) -> None:
    with pytest.raises(InputError, match="no view 'smell'"):
        explain(spaces["ridge"], "a", "smell", "b", TEXT)
    with pytest.raises(InputError, match="only blanks"):
        explain(spaces["ridge"], "  ", TEXT, "b", TEXT)


@pytest.mark.starter
@pytest.mark.tuxpaint
@pytest.mark.usefixtures("starter", "tuxpaint_root")
def test_tux_paint_with_the_starter_encoders() -> None:
    data = load("tuxpaint")
    animals = [r for r in data.records if r.id.startswith("animals/")]
    some = Dataset("some", [r for i, r in enumerate(animals) if "marsupials" in r.id or i % 3 == 0])
    space = align(prepare(some, by_group=False), aligner="cca", params={"ridge": 1.0},
                  nested=False)  # fmt: skip
    kangaroo = next(r for r in some.records if r.id.endswith("marsupials/kangaroo"))
    for words in ("a red kangaroo", "一只红袋鼠", "a kangaroo that hops over the dry red plain"):
        found = explain(space, MediaItem.from_text(words), TEXT, kangaroo.items[IMAGE], IMAGE)
        check(found)
        assert len(found.item.places) == 81 and found.item.method == "closed form"
    english = explain(space, "a red kangaroo", TEXT, kangaroo.items[IMAGE], IMAGE)
    article, colour, animal = english.query.values
    assert min(colour, animal) > 0.05 and abs(article) < min(colour, animal)
    assert kangaroo.id in [pair.id for pair in english.leaning(2)]


def test_a_long_text_costs_no_more_than_its_beginning(
    spaces: dict[str, Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "shapley", partial(attribution.shapley, orders=2))
    space = spaces["ridge"]
    short = " ".join(f"red star {n}" for n in range(40))[:160]
    long = (short + " a large blue circle" * 1000)[:10_000]
    steps: dict[str, list[tuple[str, int, int]]] = {short: [], long: []}
    for text, told in steps.items():
        found = explain(
            space,
            text,
            TEXT,
            "a red star",
            TEXT,
            progress=lambda *step, told=told: told.append(step),
        )
        check(found)
    assert [step[2] for step in steps[short] if step[0] == "weigh parts"] != []
    weighed = {text: [s for s in told if s[0] == "weigh parts"] for text, told in steps.items()}
    assert sum(total > 128 for _, _, total in weighed[long]) <= len(weighed[short])
    rest = found.query.places[-1]
    assert rest.label == f"… {10_000 - found.query.places[-2].end:,} more characters …"
    assert found.query.errors[-1] == 0
    assert "what is around them counts whole" in found.query.method


def test_of_a_long_text_the_words_that_count_most_are_told_in_reading_order(
    spaces: dict[str, Space],
) -> None:
    filler = "A small blue square lies there. " * 12
    text = f"{filler}A large red star hangs here. {filler}"
    found = explain(spaces["ridge"], "a red star", TEXT, text, TEXT)
    check(found)
    labels = [place.label for place in found.item.places]
    assert labels == ["… 384 more characters …", "A", "large", "red", "star", "hangs", "here",
                      "… 383 more characters …"]  # fmt: skip
    best = {place.label for place, _ in found.item.strongest(2)}
    assert best == {"red", "star"}
    assert "“star” counts most" in " ".join(sentences(found)) or "“red” counts most" in " ".join(
        sentences(found)
    )


def test_who_is_told_of_progress_can_end_an_explanation(spaces: dict[str, Space]) -> None:
    steps = 0

    def leave(phase: str, done: int, total: int) -> None:
        nonlocal steps
        steps += phase == "weigh parts"
        if steps == 3:
            raise KeyboardInterrupt

    text = " ".join(f"star{n}" for n in range(40))
    with pytest.raises(KeyboardInterrupt):
        explain(spaces["ridge"], text, TEXT, "a red star", TEXT, progress=leave)
    assert steps == 3
