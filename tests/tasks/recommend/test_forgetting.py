"""A recommender that forgets somebody is the one that never met them, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isthmus.core.errors import DataError
from isthmus.core.paired import PairedVectors
from isthmus.datasets.interactions import Interactions
from isthmus.tasks.recommend.blend import Settings
from isthmus.tasks.recommend.recommender import Recommender

ITEMS = [f"thing {i}" for i in range(7)]
ROWS = st.tuples(
    st.sampled_from(["ann", "bob", "李雷", "zoë", "1"]), st.sampled_from(ITEMS), st.integers(1, 5)
)


def taken_of(rows: list[tuple[str, str, int]]) -> Interactions:
    users, items, ratings = zip(*rows, strict=True)
    return Interactions.of(users, items, ratings=ratings, known=ITEMS)


def same(one: Recommender, other: Recommender, taken: Interactions) -> None:
    assert one.items == other.items and one.people == other.people
    assert one.users == other.users == len(one.people)
    assert np.array_equal(one.cooccurrence.weights, other.cooccurrence.weights)
    assert np.array_equal(one.cooccurrence.counts, other.cooccurrence.counts)
    assert np.array_equal(one.scores(taken), other.scores(taken))
    assert np.isfinite(one.scores(taken)).all()
    assert one.recommend(["thing 3"], k=9) == other.recommend(["thing 3"], k=9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=24),
    st.sampled_from([None, 2.0, 4.0]),
    st.booleans(),
    st.sampled_from([Settings(2.0, share=0.4, content_ridge=0.5), Settings(2.0, neighbours=2)]),
    st.data(),
)
def test_forgetting_is_never_having_met(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int]],
    least: float | None,
    content: bool,
    chosen: Settings,
    data: st.DataObject,
) -> None:
    taken = taken_of(rows)
    seven = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    views = PairedVectors({"photo": seven}) if content else None
    assume(len(taken.liked(least)))  # else it is refused
    model = Recommender.fit(taken, views, settings=chosen, least=least)
    rest = taken
    for name in data.draw(st.lists(st.sampled_from(list(taken.users)), unique=True)):
        gone = taken.of_user(name)
        rest = rest.without_user(name)
        if len(gone.liked(least)):
            model = model.without(gone)
        else:
            with pytest.raises(DataError, match="has learned nothing from"):
                model.without(gone)
        if data.draw(st.booleans()):
            folder = tmp_path_factory.mktemp("kept") / "shop"
            model.save(folder)
            model = Recommender.load(folder)
        # Nobody learns from what nobody likes; a model may come to it by forgetting.
        left = rest if len(rest.liked(least)) else rest.liked(least)
        same(model, Recommender.fit(left, views, settings=chosen, least=least), taken)


def shop() -> tuple[Interactions, Recommender]:
    taken = taken_of([("ann", "thing 0", 5), ("ann", "thing 1", 2), ("bob", "thing 0", 4),
                      ("bob", "thing 2", 4), ("eve", "thing 2", 1)])  # fmt: skip
    return taken, Recommender.fit(taken, settings=Settings(2.0), least=3)


def test_nobody_is_forgotten_twice_or_in_part() -> None:
    taken, model = shop()
    left = model.without(taken.of_user("ann"))
    for whom, names in ((left, "'ann'"), (left.without(taken.of_user("bob")), "'ann', 'bob'")):
        with pytest.raises(DataError, match=f"nothing from {names}, or has forgotten it already"):
            whom.without(taken.without_user("eve"))
    with pytest.raises(DataError, match="nothing from 'dan'"):
        model.without(Interactions.of(["dan"], ["thing 0"], ratings=[5]))
    bob = taken.of_user("bob")
    with pytest.raises(DataError, match="'bob' took something else"):
        model.without(bob.take(bob.item == 0))
    with pytest.raises(DataError, match="there are no ratings"):
        model.without(Interactions.of(["ann"], ["thing 0"]))
    with pytest.raises(DataError, match="nothing from 'eve'"):  # nothing of hers counted
        model.without(taken.of_user("eve"))
    with pytest.raises(DataError, match="nothing from 'max'"):
        model.without(Interactions.of(["max"], ["a thing that nobody knows"], ratings=[5]))


def test_interactions_over_other_items_are_placed_by_name() -> None:
    taken, model = shop()
    ann = Interactions.of(["ann", "ann"], ["thing 1", "thing 0"], ratings=[2, 5])
    want = model.without(taken.of_user("ann"))
    assert np.array_equal(model.without(ann).cooccurrence.counts, want.cooccurrence.counts)


def test_forgetting_all_leaves_an_empty_recommender(tmp_path: Path) -> None:
    taken, model = shop()
    left = model.without(taken.without_user("eve"))  # of whom nothing was learned
    left.save(tmp_path / "shop")
    again = Recommender.load(tmp_path / "shop")
    assert again.users == 0 and again.new.all() and not again.cooccurrence.weights.any()
    assert [each.score for each in again.recommend(["thing 0"], k=3)] == [0.0, 0.0, 0.0]
