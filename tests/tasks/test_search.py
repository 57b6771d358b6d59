"""Search: any direction, several terms, filters, words, and an honest nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tasks.conftest import picture

from isthmus.core.errors import InputError, MediaError
from isthmus.core.view import Direction
from isthmus.media.source import item_from_path
from isthmus.prompts import Prompt, Term
from isthmus.space import Space
from isthmus.store import Entry
from isthmus.store.snapshot import Snapshot
from isthmus.tasks import SearchOptions, Store, annotate_store
from isthmus.tasks.retrieval.encoded_query import EncodedQuery
from isthmus.tasks.retrieval.hits import FAINT, Hit, in_percent, in_words
from isthmus.tasks.retrieval.search import merged


@pytest.fixture(scope="module")
def store(space: Space, library: Path) -> Store:
    """What tests that only read share."""
    found = Store.in_memory(space)
    found.add(library)
    return found


def name(hit: Hit) -> str:
    return Path(hit.source).name


def test_a_caption_finds_its_picture_and_its_sound(store: Store, library: Path) -> None:
    ranks: dict[str, list[int]] = {"image": [], "audio": []}
    for number in range(12):
        caption = (library / f"词{number}.txt").read_text(encoding="utf-8")
        for modality, stem, ending in (("image", "图", "png"), ("audio", "声", "wav")):
            found = store.search(Prompt.text(caption), views=modality, k=12, words=False).hits
            ranks[modality].append([name(h) for h in found].index(f"{stem}{number}.{ending}"))
            assert {h.modality for h in found} == {modality}
            assert all(h.probability is not None and 0 <= h.probability <= 1 for h in found)
    # Among twelve, chance is a mean rank of 5.5.
    assert np.mean(ranks["image"]) < 2.5 and np.mean(ranks["audio"]) < 4


def test_scores_are_those_of_the_space(store: Store, space: Space, library: Path) -> None:
    paths = sorted(library.glob("*.png"))
    query = space.embed(["a large red circle"], "text").vectors
    gallery = space.embed(paths, "image").vectors
    want = space.score(query, "text", gallery, "image")[0]
    hits = store.search("a large red circle", views="image", k=12, words=False).hits
    found = {name(h): h for h in hits}
    for path, score, cosine in zip(paths, want, (query @ gallery.T)[0], strict=True):
        assert found[path.name].score == pytest.approx(score, abs=1e-5)
        assert found[path.name].cosine == pytest.approx(cosine, abs=1e-5)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_a_picture_finds_sounds_it_was_never_told_of(store: Store, library: Path) -> None:
    found = store.search(library / "图3.png", views="audio", k=12)
    assert len(found.hits) == 12
    assert found.to_json()["hits"][0]["modality"] == "audio"


def test_more_like_an_item_leaves_the_item_out(store: Store, library: Path) -> None:
    first = store.search("red", views="image", k=1).hits[0]
    like = store.search(Prompt.stored(first.id), views="image", k=12).hits
    assert first.id not in {h.id for h in like} and len(like) == 11
    with pytest.raises(InputError, match="holds no item 'nobody'"):
        store.search("id:nobody")


def test_a_view_has_no_pairs_with_itself_to_learn_probabilities_from(store: Store) -> None:
    found = store.search(Prompt.text("red"), views="text", words=False)
    assert [str(each) for each in found.uncalibrated] == ["text→text"]
    assert found.advice == "probabilities are learned from pairs, and a view has none with itself"


def test_what_is_avoided_comes_later(store: Store) -> None:
    plain = [h.id for h in store.search("circle", views="image", k=12, words=False).hits]
    away = [h.id for h in store.search("circle - red", views="image", k=12, words=False).hits]
    red = [h.id for h in store.search("red", views="image", k=12, words=False).hits][:3]
    before, after = (np.mean([ranked.index(each) for each in red]) for ranked in (plain, away))
    assert after > before


def test_what_is_avoided_is_not_brought_back_by_its_words(store: Store, library: Path) -> None:
    path = str(library / "词3.txt")
    item = next(e for e in store.backend.entries() if e.source == path)
    caption = Path(path).read_text(encoding="utf-8")
    query = Prompt([*Prompt.text(caption).terms, Term(None, item.id, -0.5)])
    assert item.id not in {hit.id for hit in store.search(query, k=40).hits}


def test_weights_of_terms_are_those_of_scores(store: Store) -> None:
    def scores(query: str) -> dict[str, float]:
        return {h.id: h.score for h in store.search(query, views="image", k=12, words=False).hits}

    both, red, circle = scores("2*red + circle"), scores("red"), scores("circle")
    for each, score in both.items():
        assert score == pytest.approx((2 * red[each] + circle[each]) / 3, abs=1e-4)


def test_filters_and_views(store: Store) -> None:
    found = store.search("red", where='path~"图*" and size>0', k=36, words=False).hits
    assert found and {h.modality for h in found} == {"image"}
    with pytest.raises(InputError, match="no view 'video'; its views are text, image, audio"):
        store.search("red", views="video")
    with pytest.raises(InputError, match="no view 'caption'"):
        store.search("red", asked_as="caption")
    with pytest.raises(InputError, match="no option 'modality'; there are k, views"):
        store.search("red", modality="image")
    with pytest.raises(InputError, match="has no field 'colour'"):
        store.search("red", where="colour:red")
    with pytest.raises(InputError, match="k must be at least 1"):
        store.search("red", k=0)


def test_words_of_names_are_found_and_say_so(store: Store) -> None:
    found = store.search("图7", k=5)
    assert name(found.hits[0]) == "图7.png" and found.hits[0].named and not found.nothing
    without = store.search("图7", k=5, words=False)
    assert not any(h.named for h in without.hits)


def test_unlikely_hits_are_left_out(store: Store) -> None:
    every = store.search("a large red circle", views="image", k=12, words=False)
    likely = store.search(
        "a large red circle", views="image", k=12, words=False, min_probability=0.3
    )
    assert {h.id for h in likely.hits} == {
        h.id for h in every.hits if h.probability is not None and h.probability >= 0.3
    }
    with pytest.raises(InputError, match="between 0 and 1"):
        store.search("red", min_probability=2)


def test_nothing_matches_in_an_empty_store(space: Space) -> None:
    found = Store.in_memory(space).search("a red circle")
    assert found.nothing and found.hits == []


def test_it_is_said_why_there_is_nothing_to_look_among(space: Space, library: Path) -> None:
    store = Store.in_memory(space)
    assert store.search("red").reason == "the store is empty; fill it with: isthmus index PATHS"
    store.add(sorted(library.glob("*.png"))[:3])
    entries = store.backend.entries()
    store.backend.amend([replace(entry, labels=(("cat", 0.9),)) for entry in entries])
    no_sound = store.search("red", views="audio")
    assert no_sound.nothing and no_sound.to_json()["reason"] == no_sound.reason
    assert no_sound.reason == "the store holds no item of audio; it holds: image 3"
    for where, said in (
        ("label:kat", ": no item has the label 'kat'"),
        ("label:cats", ": no item has the label 'cats'. Did you mean 'cat'?"),
        ("view:image and (label:cta or label:CAT) and size>1GB",
         ": no item has the label 'cta'. Did you mean 'cat'?"),
        ("label:CAT and size>1GB", ""),
    ):  # fmt: skip
        reason = f"no item passes the filter {where!r}{said}"
        assert store.search("red", where=where).reason.startswith(reason)
        with pytest.raises(InputError, match=re.escape(reason)):
            annotate_store(store, ["red"], where=where)
    for where in ("label:cat", "label~ca", "not label:kat", "label:kat or label:cat"):
        assert store.search("red", where=where).hits and not store.search("red", where=where).reason


def test_an_item_a_path_and_a_query_are_queries(store: Store, library: Path) -> None:
    path = library / "图3.png"
    asked = (path, str(path), Prompt.file(path), item_from_path(path))
    found = [store.search(each, views="image", k=3).hits for each in asked]
    assert [[hit.id for hit in hits] for hits in found] == [[hit.id for hit in found[0]]] * 4
    with pytest.raises(InputError, match="holds no words"):
        store.search(Prompt.text(" "))


def test_options_made_before_and_changed(store: Store) -> None:
    options = SearchOptions(k=3, views=["image"], words=False)
    hits = store.search("a red circle", options).hits
    assert len(hits) == 3 and {hit.view for hit in hits} == {"image"}
    assert store.search("a red circle", options, k=2).hits == hits[:2]
    assert store.search("a red circle", k=3, views="image", words=False).hits == hits
    exact = store.search("a red circle", options, exact=True).hits
    assert exact == hits
    assert {hit.view for hit in store.search("red", options, views="audio").hits} == {"audio"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"min_probability": float("nan")}, "min_probability must be between 0 and 1"),
        ({"readout": "best"}, "readout must be one of instance, semantic"),
        ({"where": "colour:red"}, "has no field 'colour'"),
        ({"kk": 3}, "no option 'kk'"),
    ],
)
def test_options_are_checked_where_they_are_made(options: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SearchOptions.of(**options)


def test_nothing_is_looked_up_again(
    space: Space, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def spied(name: str) -> Callable[..., object]:
        real = getattr(Snapshot, name)

        def spy(*arguments: object) -> object:
            asked.append(name)
            return real(*arguments)

        return spy

    store = Store.in_memory(space)
    store.add(media)
    for name in ("get", "vectors"):
        monkeypatch.setattr(Snapshot, name, spied(name))
    assert store.search("图7 + a red circle - a triangle", k=20).hits
    assert asked == []
    store.search(Prompt.stored(store.search("red", k=1).hits[0].id))
    assert asked == ["get", "vectors"]  # of the item that is searched by


def test_merged_lists_order_by_probability_where_all_have_one() -> None:
    def hit(modality: str, score: float, probability: float | None, prominence: float) -> Hit:
        name = f"{modality}{score}"
        return Hit(name, modality, modality, "", 0.5, score, probability, prominence)

    images = [hit("image", 0.3, 0.9, 1.0), hit("image", 0.2, 0.2, 0.5)]
    sounds = [hit("audio", 5.0, 0.6, 9.0)]
    assert [h.probability for h in merged([images, sounds])] == [0.9, 0.6, 0.2]
    texts = [hit("text", 9.0, None, 2.0)]
    assert [h.prominence for h in merged([images, texts])] == [2.0, 1.0, 0.5]


def test_views_take_turns_by_the_depth_of_their_partners_where_hits_are_faint() -> None:
    def hits(view: str, *probabilities: float) -> list[Hit]:
        return [
            Hit(f"{view}{place}", view, view, "", 0.5, -place, p, -place)
            for place, p in enumerate(probabilities, 1)
        ]

    texts = hits("text", 0.9, 0.09, 0.08, 0.07)
    sounds = hits("audio", 0.05, 0.04, 0.03, 0.02, 0.01)
    plain = [hit.id for hit in merged([texts, sounds])]
    assert plain == ["text1", "text2", "text3", "text4", *(f"audio{i}" for i in range(1, 6))]
    # Places over depths: texts 2/2, 3/2, 4/2; sounds 1/4, 2/4, 3/4, 4/4, 5/4.
    fair = [hit.id for hit in merged([texts, sounds], [2.0, 4.0])]
    assert fair == [
        *("text1", "audio1", "audio2", "audio3"),
        *("text2", "audio4", "audio5", "text3", "text4"),
    ]
    assert [hit.id for hit in merged([texts, sounds], [2.0, None])] == plain
    assert [hit.id for hit in merged([texts], [2.0])] == [hit.id for hit in texts]
    shown = [max(hit.probability or 0, FAINT) for hit in merged([texts, sounds], [2.0, 4.0])]
    assert shown == sorted(shown, reverse=True)


def test_what_is_faint_is_told_as_one() -> None:
    assert [in_percent(p) for p in (0.834, 0.1, 0.0999, 0.0)] == [
        *("83%", "10%"),
        *("under 10%", "under 10%"),
    ]


def test_probabilities_in_words() -> None:
    said = [in_words(p) for p in (0.9, 0.6, 0.3, 0.1, None)]
    assert said == ["very likely", "likely", "maybe", "unlikely", "uncalibrated"]


def test_an_explanation_speaks_of_the_probability_of_the_search(store: Store) -> None:
    hit = store.search("a large green triangle", views="image", words=False).hits[0]
    made = store.explain("a large green triangle", hit.id)
    assert made.probability == pytest.approx(hit.probability, abs=1e-3)
    assert made.score == pytest.approx(hit.cosine, abs=1e-4)
    assert made.item.baseline + made.item.values.sum() == pytest.approx(made.score, abs=1e-5)
    again = store.explain(f"id:{hit.id}", hit.id)
    assert again.score == pytest.approx(1.0, abs=1e-4)


def test_what_cannot_be_explained_says_why(space: Space, media: Path) -> None:
    store = Store.in_memory(space)
    store.add(media / "图3.png")
    hit = store.search("a large green triangle", views="image").hits[0]
    with pytest.raises(InputError, match="looks for saved prompts only"):
        store.explain("@ink", hit.id)
    with pytest.raises(InputError, match="holds no item"):
        store.explain("a triangle", "nothing")
    picture(Path(hit.source), seed=5)
    with pytest.raises(MediaError, match="has changed since it was indexed"):
        store.explain("a triangle", hit.id)


def test_what_is_out_of_distribution_can_still_be_like_an_item_of_its_own_view(
    space: Space,
) -> None:
    """A note that the space makes nothing of is found by itself, and no picture is."""
    with Store.in_memory(space) as store:
        note = "amortization of quarterly subsidies"
        encoded = space.embed([note], "text").vectors
        pictures = space.banks["image"][:30]
        for modality, rows in (("text", encoded), ("image", pictures)):
            names = [f"{modality}{i}" for i in range(len(rows))]
            entries = [Entry(each, modality, modality, each) for each in names]
            store.backend.add(entries, rows, space.hubness(rows, modality))
        asked = EncodedQuery.of(space, store.backend, Prompt.text(note), SearchOptions())
        assert asked.out_of_distribution
        assert store.search(note, views="image", words=False).nothing
        found = store.search(note, views="text", words=False)
        assert not found.nothing and found.hits[0].id == "text0"


def test_fewer_hits_are_the_first_of_more(space: Space, library: Path) -> None:
    found = Store.in_memory(space)
    found.add(library)
    caption = (library / "词3.txt").read_text(encoding="utf-8")
    for query in (Prompt.text(caption), Prompt.text(caption.split()[0]), library / "图3.png"):
        ids = {k: [hit.id for hit in found.search(query, k=k).hits] for k in (1, 3, 5, 10, 30)}
        assert len(ids[10]) == 10
        for k, some in ids.items():
            assert some == ids[30][:k]


def test_only_directions_of_results_are_called_weak(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncodedQuery, "weak", lambda _, view: [Direction("text", view)])
    found = store.search("a red circle", k=1, words=False)
    assert [each.gallery for each in found.weak] == [hit.view for hit in found.hits]
