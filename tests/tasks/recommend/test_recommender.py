"""Recommenders: closed forms, exact forgetting, exact reasons, and settings that were earned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, InputError
from isthmus.core.paired import PairedVectors
from isthmus.datasets.interactions import Interactions
from isthmus.tasks.recommend.blend import Settings
from isthmus.tasks.recommend.choosing import Grid
from isthmus.tasks.recommend.content import Content
from isthmus.tasks.recommend.cooccurrence import Cooccurrence, neighbour_weights, taken_moments
from isthmus.tasks.recommend.diversity import diversified
from isthmus.tasks.recommend.holding import gains, without_items, without_last
from isthmus.tasks.recommend.recommender import Recommender

SETTINGS = Settings(ridge=3.0, share=0.4, content_ridge=1.0)


def world(users: int = 80, seed: int = 0) -> tuple[Interactions, PairedVectors]:
    """Two kinds of things, and users who mostly take one kind; vectors tell the kind in part."""
    rng = np.random.default_rng(seed)
    kind = np.arange(24) % 2
    names = [f"thing {i}" for i in range(24)]
    pairs = [
        (f"user {u}", names[i])
        for u in range(users)
        for i in rng.choice(24, 6, replace=False, p=np.where(kind == u % 2, 0.9, 0.1) / 12)
    ]
    times = rng.random(len(pairs))
    taken = Interactions.of(*zip(*pairs, strict=True), times=times, known=names)
    vectors = np.c_[kind * 2.0 - 1.0, rng.normal(size=(24, 3))].astype(np.float32)
    return taken, PairedVectors({"photo": vectors})


def test_weights_rebuild_what_users_took_and_nothing_stands_for_itself() -> None:
    taken, _ = world()
    x, ridge = taken.matrix(), 5.0
    model = Cooccurrence.of(taken_moments(taken), ridge)
    assert np.abs(np.diag(model.weights)).max() == 0
    for j in range(3):  # each column is a ridge regression on the other items
        others = np.delete(np.arange(24), j)
        gram = x[:, others].T @ x[:, others] + ridge * np.eye(23)
        want = np.linalg.solve(gram, x[:, others].T @ x[:, j])
        np.testing.assert_allclose(model.weights[others, j], want, atol=1e-6)


def test_a_user_who_leaves_was_never_there() -> None:
    taken, views = world()
    one = taken.of_user("user 3")
    with_all = Recommender.fit(taken, views, settings=SETTINGS)
    never = Recommender.fit(taken.without_user("user 3"), views, settings=SETTINGS)
    left = with_all.without(one)
    assert not np.array_equal(with_all.cooccurrence.weights, never.cooccurrence.weights)
    assert np.array_equal(left.cooccurrence.weights, never.cooccurrence.weights)
    assert left.users == never.users == 79


def test_reasons_sum_to_the_score() -> None:
    taken, views = world()
    model = Recommender.fit(taken, views, settings=SETTINGS)
    found = model.recommend(["thing 0", "thing 2"], ["thing 1"], k=24)
    assert len(found) == 21
    for each in found:
        assert sum(reason.value for reason in each.reasons) + each.rest == pytest.approx(each.score)
        assert {reason.item for reason in each.reasons} == {"thing 0", "thing 2", "thing 1"}
    assert len({round(each.rest, 9) for each in found}) == 1  # what no reason explains is constant
    assert found == sorted(found, key=lambda each: -each.score)


def test_what_is_liked_is_of_the_same_kind_and_what_is_disliked_of_the_other() -> None:
    taken, views = world()
    model = Recommender.fit(taken, views, settings=SETTINGS)
    found = [int(each.item.split()[1]) for each in model.recommend(["thing 0"], ["thing 1"], k=8)]
    assert sum(number % 2 == 0 for number in found) >= 7


def test_new_items_come_by_content_alone() -> None:
    taken, views = world()
    rest, cold = without_items(taken, 0.25, seed=1)
    model = Recommender.fit(rest, views, settings=SETTINGS)
    assert (model.new == cold).all() and cold.sum() == 6
    found = {each.item: each for each in model.recommend(["thing 0", "thing 2"], k=24)}
    fresh = [each for each in found.values() if each.new]
    assert fresh and all(reason.taken == 0 for each in fresh for reason in each.reasons)
    # The columns of new items in a model that knows no content say nothing.
    blind = Recommender.fit(rest, settings=SETTINGS)
    scores = blind.scores(rest)[:, cold]
    assert (scores == scores[:, :1]).all()


def test_the_content_score_is_a_ridge_regression_on_all_items() -> None:
    rng = np.random.default_rng(0)
    z, profile, ridge = rng.normal(size=(30, 4)), rng.random((1, 30)), 0.7
    found = Content.of(z, ridge).scores(profile)[0]
    centred = z.astype(np.float32) - z.astype(np.float32).mean(axis=0)
    covariance = centred.T @ centred / 30
    level = ridge * np.trace(covariance) / 4
    want = centred @ np.linalg.solve(covariance + level * np.eye(4), centred.T @ profile[0])
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


def test_settings_are_chosen_and_beat_random_order_on_items_never_seen() -> None:
    taken, views = world(300)
    rest, (users, targets) = without_last(taken, seed=2)
    model = Recommender.fit(rest, views, grid=Grid(ridges=(10.0, 100.0), half_lives=(None,)))
    seen = rest.matrix(users=users) > 0
    got = gains(model.scores(rest)[users], targets, seen)[0].mean()
    chance = gains(np.random.default_rng(0).random(seen.shape), targets, seen)[0].mean()
    assert got > chance + 0.05
    best = {
        part: max(t.value for t in model.tried if t.part == part) for part in ("taken", "blend")
    }
    assert best["blend"] >= best["taken"]


def test_of_times_that_say_what_comes_next_recent_ones_count_more() -> None:
    rng = np.random.default_rng(0)
    walks = [(f"u{u}", f"{(start + step) % 30}", step) for u in range(150)
             for start in [rng.integers(30)] for step in range(8)]  # fmt: skip
    users, items, times = zip(*walks, strict=True)
    taken = Interactions.of(users, items, times=times)
    model = Recommender.fit(taken, grid=Grid(ridges=(10.0,)))
    assert model.settings.half_life is not None
    no_times = Interactions.of(users, items)
    assert Recommender.fit(no_times, grid=Grid(ridges=(10.0,))).settings.half_life is None


def test_a_saved_recommender_is_the_same(tmp_path: Path) -> None:
    taken, views = world()
    model = Recommender.fit(taken, views, settings=SETTINGS)
    model.save(tmp_path / "shop")
    again = Recommender.load(tmp_path / "shop")
    assert again.settings == model.settings and again.users == model.users
    np.testing.assert_allclose(again.scores(taken), model.scores(taken))
    one = taken.of_user("user 5")
    assert np.array_equal(again.without(one).cooccurrence.weights,
                          model.without(one).cooccurrence.weights)  # fmt: skip


def test_neighbours_are_cosines_of_who_took_them() -> None:
    taken = Interactions.of("aabbc", ["x", "y", "x", "y", "z"])
    weights = neighbour_weights(taken_moments(taken), 2)
    assert weights[0, 1] == pytest.approx(1.0) and weights[0, 2] == 0 and weights[0, 0] == 0


def test_a_recommender_of_neighbours_forgets_and_explains_as_well(tmp_path: Path) -> None:
    taken, views = world()
    settings = Settings(ridge=3.0, share=0.4, neighbours=5)
    model = Recommender.fit(taken, views, settings=settings)
    model.save(tmp_path / "shop")
    left = Recommender.load(tmp_path / "shop").without(taken.of_user("user 3"))
    never = Recommender.fit(taken.without_user("user 3"), views, settings=settings)
    assert np.array_equal(left.cooccurrence.weights, never.cooccurrence.weights)
    first = model.recommend(["thing 0"], k=1)[0]
    assert sum(part.value for part in first.reasons) + first.rest == pytest.approx(first.score)


def test_diverse_results_are_less_alike() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    scores = x[:, 0].astype(np.float64)
    alike = [
        float((x[order] @ x[order].T)[np.triu_indices(8, 1)].mean())
        for order in (diversified(scores, x, 8, delta) for delta in (0.0, 0.3, 0.7))
    ]
    assert alike[0] > alike[1] > alike[2]
    with pytest.raises(InputError, match="between 0 and 1"):
        diversified(scores, x, 8, 1.5)


@pytest.mark.parametrize(
    ("liked", "disliked", "said"),
    [
        ([], [], "nothing is liked"),
        (["thing 0"], ["thing 0"], "both liked and disliked"),
        (["thing 99"], [], "knows no item 'thing 99'. Did you mean"),
    ],
)
def test_what_cannot_be_asked_is_said(liked: list[str], disliked: list[str], said: str) -> None:
    model = Recommender.fit(world()[0], settings=Settings(ridge=3.0))
    with pytest.raises(InputError) as caught:
        model.recommend(liked, disliked)
    assert said in str(caught.value)


def test_data_that_cannot_be_learned_from_is_refused() -> None:
    taken, views = world()
    with pytest.raises(DataError, match="one row for each of 24 items"):
        Recommender.fit(taken, views.take(np.arange(5)), settings=SETTINGS)
    with pytest.raises(DataError, match="two interactions"):
        Recommender.fit(Interactions.of("ab", "xy"))
    with pytest.raises(DataError, match="above 0"):
        Cooccurrence.of(taken_moments(taken), 0.0)
