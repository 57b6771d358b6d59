"""Recommendations of a store: likes, dislikes, reasons, a history, and clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import isthmus as ist
from isthmus.cli.recommend import _say_history
from isthmus.core.errors import DataError, InputError
from isthmus.datasets.interactions import Interactions
from isthmus.prompts import Prompt
from isthmus.space import Space
from isthmus.tasks import RecommendOptions, Store, learn_history
from isthmus.tasks.recommend.history import forget_history, forget_user
from isthmus.tasks.recommend.results import Recommendations
from isthmus.tasks.recommend.stored import history_of


@pytest.fixture(scope="module")
def store(space: Space, library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """What tests that only read share."""
    with Store.open(tmp_path_factory.mktemp("recommend") / "store", space) as found:
        found.add(library)
        yield found


def ids(store: Store) -> dict[str, str]:
    return {Path(entry.source).name: entry.id for entry in store.backend.entries()}


def names(found: Recommendations) -> list[str]:
    return [Path(each.hit.source).name for each in found]


def test_one_like_is_a_search_by_it(store: Store) -> None:
    liked = ids(store)["图3.png"]
    found = store.recommend(liked, views="image", k=5)
    hits = store.search(Prompt.stored(liked), views="image", k=5).hits
    assert [each.hit.id for each in found] == [hit.id for hit in hits]
    assert all(each.hit.probability is None for each in found)


def test_reasons_sum_to_the_score_and_name_what_is_liked(store: Store) -> None:
    known = ids(store)
    found = store.recommend([known["图3.png"], "a red circle"], [known["图5.png"]], k=9)
    assert len(found) == 9
    for each in found:
        assert sum(part.value for part in each.reasons) + each.rest == pytest.approx(each.score)
        by = {part.name: part for part in each.reasons}
        assert set(by) == {"图3.png", "a red circle", "图5.png"}
        assert by["图3.png"].item == known["图3.png"] and by["a red circle"].item == ""
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    assert "because you like" in found.items[0].said


def test_what_is_disliked_falls(store: Store) -> None:
    known = ids(store)
    liked, away = known["图3.png"], known["图5.png"]
    like = store.recommend(liked, views="image", k=12, exclude_seen=False)
    both = store.recommend(liked, away, views="image", k=12, exclude_seen=False)
    rank = [[each.hit.id for each in found].index(away) for found in (like, both)]
    assert rank[1] > rank[0] and rank[1] >= 9
    assert both.items[0].hit.id == liked  # what is liked may be shown, where that is asked for


def test_what_is_liked_is_left_out_by_id_path_and_name(store: Store, library: Path) -> None:
    known, path = ids(store), library / "图3.png"
    by_id = store.recommend(known["图3.png"], k=20)
    for other in (path, str(path), "图3.png", f"id:{known['图3.png']}"):
        found = store.recommend([other], k=20)
        assert names(found) == names(by_id)
    assert "图3.png" not in names(by_id)


def test_a_name_is_that_of_an_item_whatever_it_ends_with(shop: Store, tmp_path: Path) -> None:
    for name, said in (("two circles.txt", "two red circles"), ("circle", "a blue circle")):
        (tmp_path / name).write_text(said, encoding="utf-8")
        shop.add(tmp_path / name)
        [reason] = shop.recommend(name, k=1).items[0].reasons
        assert reason.item == ids(shop)[name] and reason.name == name
    assert shop.recommend('"circle"', k=1).items[0].reasons[0].item == ""  # what is quoted is words
    assert shop.recommend("circles", k=1).items[0].reasons[0].item == ""


def test_a_name_of_two_files_needs_a_path(shop: Store, tmp_path: Path) -> None:
    paths = [tmp_path / folder / "note.txt" for folder in ("a", "b")]
    for path, said in zip(paths, ("a red square", "a green circle"), strict=True):
        path.parent.mkdir()
        path.write_text(said, encoding="utf-8")
    shop.add(paths)
    both = f"2 files are named 'note.txt': {paths[0]}, {paths[1]}; give the whole path"
    for liked in (["note.txt"], [Path("note.txt")]):
        with pytest.raises(InputError) as caught:
            shop.recommend(liked)
        assert str(caught.value) == both
    known = {entry.source: entry.id for entry in shop.backend.entries()}
    for path in paths:
        assert shop.recommend(path, k=1).items[0].reasons[0].item == known[str(path)]


def test_a_file_that_lies_there_is_meant_before_one_of_its_name(
    shop: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tasks.conftest import picture

    monkeypatch.chdir(tmp_path)
    picture(Path("图3.png"), 4)
    assert shop.recommend("图3.png", k=1).items[0].reasons[0].item == ""
    held = next(Path(e.source) for e in shop.backend.entries() if e.source.endswith("图3.png"))
    Path("copy.png").write_bytes(held.read_bytes())
    for copy in ("copy.png", Path("copy.png")):
        assert shop.recommend(copy, k=1).items[0].reasons[0].item == ids(shop)["图3.png"]


def test_a_file_that_the_store_does_not_hold_is_read(store: Store, tmp_path: Path) -> None:
    from tests.tasks.conftest import picture

    found = store.recommend(picture(tmp_path / "noise.png", 4), views="image", k=3)
    assert len(found) == 3 and found.items[0].reasons[0].item == ""


def test_diverse_items_are_less_alike(store: Store) -> None:
    liked = ids(store)["图3.png"]
    alike = []
    for diversity in (0.0, 0.6):
        found = store.recommend(liked, views="image", k=5, diversity=diversity)
        rows = store.backend.vectors([each.hit.id for each in found])
        x = np.stack(list(rows.values()))
        alike.append(float((x @ x.T)[np.triu_indices(len(x), 1)].mean()))
    assert alike[1] < alike[0]


def test_a_filter_and_a_view_are_kept(store: Store) -> None:
    liked = ids(store)["图3.png"]
    found = store.recommend(liked, where='path~"*图1*"', views="image", k=9)
    assert names(found) and all("图1" in name for name in names(found))
    nothing = store.recommend(liked, where='path~"nowhere/*"')
    assert not nothing.items and "no item passes the filter" in nothing.reason


def test_words_of_a_text_split_its_likeness(store: Store) -> None:
    liked = ids(store)["图3.png"]
    found = store.recommend(liked, views="text", k=2, words=True)
    for each in found:
        words = each.reasons[0].words
        text = Path(each.hit.source).read_text(encoding="utf-8")
        assert words and all(word.of == "item" and word.word in text for word in words)
    # Two items differ by their words, and by their correction for hubness.
    one, two = found.items
    scale = (one.reasons[0].content - two.reasons[0].content) / (
        one.hit.shares[0].value - two.hit.shares[0].value
    )
    words = [sum(word.value for word in each.reasons[0].words) for each in found]
    alike = [share.value - share.hubness for share in (one.hit.shares[0], two.hit.shares[0])]
    assert words[0] - words[1] == pytest.approx(scale * (alike[0] - alike[1]), abs=1e-3)


@pytest.fixture
def shop(space: Space, library: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "shop", space) as found:
        found.add(library)
        yield found


def history(pairs: dict[str, str], people: int = 30) -> Interactions:
    """Everybody who takes one takes its partner; and others by chance."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people):
        one = list(pairs)[person % len(pairs)]
        rows += [(f"p{person}", one), (f"p{person}", pairs[one])]
        rows.append((f"p{person}", f"图{rng.integers(6, 10)}.png"))
    return Interactions.of(*zip(*rows, strict=True))


@pytest.mark.parametrize(("people", "given"), [(6, False), (30, True)])
def test_a_figure_says_of_how_many_users_it_is(
    shop: Store, capsys: pytest.CaptureFixture[str], people: int, given: bool
) -> None:
    report = learn_history(shop, history({"图0.png": "声5.wav"}, people))
    _say_history(report)
    said = " ".join(capsys.readouterr().err.split())
    assert report.judged == report.to_json()["judged_users"] <= people
    if given:
        best = report.best("blend")
        assert best is not None
        assert f"held-out interactions of {report.judged} users: {best:.3f}" in said
    else:
        assert report.best("blend") is None and report.to_json()["ndcg_at_10"]["taken"] is None
        assert "No nDCG@10 is given" in said
        assert f"of {report.judged} users, which are too few" in said


def test_what_others_took_counts_and_says_so(shop: Store) -> None:
    pairs = {"图0.png": "声5.wav", "图1.png": "声7.wav"}
    before = shop.recommend("图0.png", views="audio", k=12)
    report = learn_history(shop, history(pairs))
    assert report.used == 90 and not report.unknown and report.to_json()["users"] == 30
    found = shop.recommend("图0.png", views="audio", k=12)
    assert found.share == report.model.settings.share < 1
    first = found.items[0]
    assert Path(first.hit.source).name == "声5.wav" and not first.new
    assert first.reasons[0].taken > 0 and "others took both" in first.said
    assert names(before)[0] != "声5.wav"
    assert first.reasons[0].value + first.rest == pytest.approx(first.score)
    assert first.rest == pytest.approx(0, abs=1e-4)
    new = [each for each in found if each.new]
    assert new and all(part.taken == 0 for each in new for part in each.reasons)


def test_a_person_is_forgotten_exactly(shop: Store) -> None:
    taken = history({"图0.png": "声5.wav", "图1.png": "声7.wav"})
    whole = learn_history(shop, taken).model
    left = forget_user(shop, taken.of_user("p4"))
    want = whole.without(
        Interactions.of(
            ["p4"] * 3,
            [ids(shop)[taken.items[i]] for i in taken.of_user("p4").item],
            known=whole.items,
        )
    )
    assert np.array_equal(left.cooccurrence.weights, want.cooccurrence.weights)
    kept = history_of(shop)
    assert kept is not None and kept.users == 29
    assert forget_history(shop) and history_of(shop) is None and not forget_history(shop)


def test_items_of_a_history_are_named_like_those_that_are_liked(
    shop: Store, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library.parent)
    image = next(library.rglob("图0.png"))
    below = str(image.relative_to(library.parent))
    named = [below, f"./{below}", str(image), "图0.png", "图0"]
    taken = Interactions.of(["a", "b", "c", "d", "e"] * 2, [*named, *["图1.png"] * 5])
    report = learn_history(shop, taken)
    assert not report.unknown and set(report.model.items) == {
        ids(shop)[name] for name in ("图0.png", "图1.png")
    }
    assert forget_user(shop, taken.of_user("a")).users == 4
    assert shop.recommend(below, k=1).prompt == shop.recommend("图0.png", k=1).prompt


def test_a_person_is_forgotten_as_they_were_learned(shop: Store) -> None:
    """Ratings that were too low, and things of two names, were never learned."""
    known, plain = ids(shop), history({"图0.png": "声5.wav", "图1.png": "声7.wav"})
    users = [plain.users[u] for u in plain.user] + ["p4", "p4", "p5"]
    things = [plain.items[i] for i in plain.item] + [known["图3.png"], "图4.png", "图4.png"]
    ratings = [5.0] * 90 + [5.0, 1.0, 2.0]
    taken = Interactions.of(users, things, ratings=ratings)
    learn_history(shop, taken, least=3)
    with pytest.raises(DataError, match="there are no ratings"):
        forget_user(shop, Interactions.of(users, things).of_user("p4"))
    with pytest.raises(DataError, match="'p4' took something else"):
        forget_user(shop, taken.take(np.arange(90)).of_user("p4"))
    with pytest.raises(DataError, match="has learned nothing from 'max'"):
        forget_user(shop, Interactions.of(["max"], ["x.png"], ratings=[5.0]))
    for name in ("p4", "p5"):
        forget_user(shop, taken.of_user(name))
    rest = taken.without_user("p4").without_user("p5")
    kept = history_of(shop)
    assert kept is not None and kept.users == 28
    want = learn_history(shop, rest, least=3).model
    place = [kept.items.index(name) for name in want.items]
    assert len(kept.items) == len(want.items) + 1 and kept.new.sum() == 1  # only p4 took 图3
    assert np.array_equal(
        kept.cooccurrence.counts[place], np.asarray(want.cooccurrence.counts, dtype=np.float64)
    )
    assert kept.people == want.people


def test_the_last_person_is_forgotten(shop: Store) -> None:
    taken = history({"图0.png": "声5.wav", "图1.png": "声7.wav"}, people=2)
    before = shop.recommend("图0.png", k=5)
    learn_history(shop, taken)
    for name in taken.users:
        forget_user(shop, taken.of_user(name))
    kept = history_of(shop)
    assert kept is not None and kept.users == 0 and kept.new.all()
    after = shop.recommend("图0.png", k=5)
    assert [each.hit.id for each in after] == [each.hit.id for each in before]
    with pytest.raises(DataError, match="nothing from 'p0', or has forgotten it already"):
        forget_user(shop, taken.of_user("p0"))


def test_a_history_that_cannot_be_used_is_refused(shop: Store, space: Space) -> None:
    taken = Interactions.of(["a", "a"], ["x.png", "y.png"])
    with pytest.raises(DataError, match=r"holds none of the items .* 'x\.png', 'y\.png'"):
        learn_history(shop, taken)
    with pytest.raises(DataError, match="no ratings"):
        learn_history(shop, taken, least=4)
    rated = Interactions.of(["a", "a"], ["图1.png", "图2.png"], ratings=[3.0, 4.5])
    with pytest.raises(DataError, match=r"rated 9 or better; the best rating is 4\.5: .* least=4"):
        learn_history(shop, rated, least=9)
    with pytest.raises(DataError, match="in memory"):
        learn_history(Store.in_memory(space), taken)


@pytest.mark.parametrize(
    ("liked", "disliked", "said"),
    [
        ([], [], "nothing is liked"),
        ([], ["图1.png"], "nothing is liked"),
        (["图1.png"], ["图1.png"], "'图1.png' is both liked and disliked"),
        (["red"], ["red"], "'red' is both liked and disliked"),
        (["id:nothing"], [], "holds no item 'nothing'"),
        (["/nowhere/a.png"], [], "there is no file '/nowhere/a.png'"),
        (["  "], [], "empty"),
        (3, [], "liked needs ids, paths or words, got int"),
        ([f"word {n}" for n in range(70)], [], "70 things"),
    ],
)
def test_what_cannot_be_asked_is_said(
    store: Store, liked: list[str], disliked: list[str], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        store.recommend(liked, disliked)
    assert said in str(caught.value)


def test_options_that_cannot_be_used_are_said(store: Store) -> None:
    for changes, said in (
        ({"k": 0}, "k must be at least 1"),
        ({"diversity": 2}, "between 0 and 1"),
        ({"where": "size>"}, "size"),
        ({"views": "smell"}, "smell"),
        ({"divers": 1}, "Did you mean 'diversity'"),
    ):
        with pytest.raises(InputError, match=said):
            store.recommend("red", **changes)
    assert RecommendOptions(views="image").views == ("image",)
    assert ist.Store.recommend.__doc__ is not None
