"""What is said of a hit: the same by a search and an explanation, and true of names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.view import Direction
from isthmus.prompts import Prompt
from isthmus.report.pages.explanation.words import sentences, short_id
from isthmus.space import Space
from isthmus.space.breadth import Breadth
from isthmus.space.calibration import LEAST_IF_WEAK, Background, Calibration
from isthmus.store import Entry, MemoryBackend
from isthmus.tasks import SearchOptions, Store
from isthmus.tasks.retrieval.hits import CLEAR, Hit, Standing
from isthmus.tasks.retrieval.search import search


@pytest.fixture(scope="module")
def starter() -> Space:
    return Space.load("starter")


@pytest.fixture(scope="module")
def filled(starter: Space) -> Store:
    """Every third training caption and picture of the space, as items with names that tell all."""
    store = Store.in_memory(starter)
    for view in ("text", "image"):
        rows = np.arange(0, len(starter.banks[view]), 3)
        names = [starter.bank_ids[view][row] for row in rows]
        vectors = starter.banks[view][rows]
        entries = [
            Entry(f"{view}{row}", view, view, name, name.partition(" (")[0])
            for row, name in zip(rows, names, strict=True)
        ]
        store.backend.add(entries, vectors, starter.hubness(vectors, view))
    return store


@pytest.mark.parametrize(
    "words", ["a dog", "birds", "animals", "a striped animal", "xqzt wvvk", "the and of which"]
)
def test_a_search_and_a_judgement_of_one_item_agree(filled: Store, words: str) -> None:
    from isthmus.tasks.retrieval.encoded_query import EncodedQuery
    from isthmus.tasks.retrieval.nearest import judged

    options = SearchOptions(views="image", words=False, k=10)
    found = filled.search(words, options)
    rows = filled.backend.snapshot()
    encoded = EncodedQuery.of(filled.space, rows, Prompt.text(words), SearchOptions())
    for hit in found.hits:
        again = judged(encoded, filled.get(hit.id), rows.vectors([hit.id])[hit.id])
        assert (again.words, again.standing) == (hit.words, hit.standing)
        assert again.probability == pytest.approx(hit.probability, abs=1e-6)
    if found.nothing:
        assert {hit.words for hit in found.hits} == {"unlikely"}


def test_an_explanation_says_the_word_the_number_and_the_place_of_the_search(
    space: Space, media: Path
) -> None:
    store = Store.in_memory(space)
    store.add(media)
    for words in ("a large green triangle", "a red circle", "zzqx"):
        for hit in store.search(words, views="image", words=False, k=4).hits:
            made = store.explain(words, hit.id)
            assert made.judgement.words == hit.words
            assert made.judgement.standing == hit.standing
            assert made.probability == pytest.approx(hit.probability, abs=1e-6)
            if made.probability is not None:
                said = sentences(made)[0].lower()
                assert hit.words in said and str(hit.standing) in said
            assert made.to_json()["words"] == hit.words


def test_broad_queries_are_told_from_narrow_ones(starter: Space) -> None:
    """The words are no words of the stamps' folders or captions."""
    line = starter.breadths["text"]
    broad, narrow = (
        line.of(starter.embed(texts, "text").native)
        for texts in (["creatures", "groceries", "wildlife"], ["my uncle's sloth", "a quince"])
    )
    assert broad.min() > narrow.max()


def test_letters_at_random_are_like_no_short_note(starter: Space) -> None:
    """Among few items all are likely by the numbers; a note is still found by itself."""
    notes = ["xq", "todo", "kb", "A dog runs through the park."]
    vectors = starter.embed(notes, "text").vectors
    entries = [Entry(f"note{i}", "text", "text", f"{i}.txt") for i in range(len(notes))]
    with Store.in_memory(starter) as store:
        store.backend.add(entries, vectors, starter.hubness(vectors, "text"))

        def likely(query: str) -> list[str]:
            hits = store.search(query, views="text").hits
            assert any((hit.probability or 0) >= 0.5 for hit in hits)
            return [hit.id for hit in hits if hit.words != "unlikely"]

        assert [likely(each) for each in ("xqzvbn", "lkjlkj", "hgfd")] == [[], [], []]
        assert likely("xq") == ["note0"]
        assert likely("a dog in the park") == ["note3"]


def test_the_size_of_a_gallery_counts_less_for_broad_queries(starter: Space) -> None:
    made = starter.calibration[Direction("text", "image")]
    one = np.full(1, 0.4, dtype=np.float32)

    def fall(breadth: float) -> float:
        told = Background(one, one, one, np.full(1, breadth, dtype=np.float32))
        p = [float(made.probability(one, one, told, size)[0]) for size in (110, 11_000)]
        return float(np.log(p[0] / (1 - p[0])) - np.log(p[1] / (1 - p[1])))

    assert fall(0.0) == pytest.approx(np.log(10), rel=0.02)
    assert fall(2.0) == pytest.approx(np.log(10) * np.exp(-2), rel=0.05)


def test_a_breadth_survives_its_row_and_keeps_to_its_ends() -> None:
    line = Breadth(np.array([2.0, 0.0]), 1.0, 0.5, 2.0)
    again = Breadth.of_row(line.row())
    x = np.array([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    assert again.of(x).tolist() == [2.0, 1.0, 0.5]


def test_a_weak_direction_needs_more_to_match() -> None:
    known = np.full(50, 0.01)
    weak = Calibration(np.zeros(4), 0.0, 0.02, -1.0, known, 100, 100)
    assert weak.is_weak and weak.threshold_among(100) == LEAST_IF_WEAK
    able = replace(weak, true_probabilities=np.full(50, 0.4))
    assert not able.is_weak and able.threshold_among(100) == pytest.approx(0.02)


def test_the_starter_space_is_weak_between_pictures_and_sounds_alone(starter: Space) -> None:
    weak = {str(way) for way, each in starter.calibration.items() if each.is_weak}
    assert weak == {"image→audio", "audio→image"}


def test_what_is_avoided_restrains_what_is_found_by_its_name(starter: Space) -> None:
    backend = MemoryBackend(starter.dim, starter.views)
    texts = {"dog": "A dog.", "food": "food hot dog", "sausage": "A hot dog with mustard to eat."}
    vectors = starter.embed(list(texts.values()), "text").vectors
    entries = [Entry(name, "text", "text", name, text) for name, text in texts.items()]
    backend.add(entries, vectors, starter.hubness(vectors, "text"))
    query = Prompt.parse("dog - food", files=False)
    found = search(starter, backend, query, SearchOptions())
    assert found.hits[0].id == "dog" and found.hits[0].named
    assert not any(hit.named for hit in found.hits if hit.id == "food")
    plain = search(starter, backend, Prompt.parse("dog", files=False), SearchOptions())
    chance = {hit.id: hit.probability or 0.0 for hit in plain.hits}
    assert all((hit.probability or 0.0) < chance[hit.id] for hit in found.hits)


@pytest.mark.parametrize("query", ["dog + 0*food", "0*food + dog"])
def test_a_part_of_weight_zero_changes_nothing(starter: Space, query: str) -> None:
    backend = MemoryBackend(starter.dim, starter.views)
    texts = {"a": "A dog.", "b": "soup and bread: food for a dog", "c": "food"}
    vectors = starter.embed(list(texts.values()), "text").vectors
    entries = [Entry(name, "text", "text", "", text) for name, text in texts.items()]
    backend.add(entries, vectors, starter.hubness(vectors, "text"))
    plain, found = (
        search(starter, backend, Prompt.parse(each, files=False), SearchOptions(words=False))
        for each in ("dog", query)
    )
    assert [hit.id for hit in found.hits] == [hit.id for hit in plain.hits]
    assert not any(hit.avoided for hit in found.hits)
    for hit, other in zip(found.hits, plain.hits, strict=True):
        assert hit.probability == pytest.approx(other.probability, abs=1e-4)


def test_a_hit_says_why_it_is_here_and_how_it_stands() -> None:
    hit = Hit("a", "image", "image", "", 0.5, 1.0, 0.84, standing=Standing(1, 569, clear=True))
    assert hit.said == "very likely 84%, clear best of 569"
    named = replace(hit, probability=0.0, named=True, standing=None)
    assert named.said == "by its name; by its content: unlikely under 10%"
    assert replace(named, named=False, partly_named=True).said.startswith("in part by its name")
    text = replace(named, view="text", modality="text")
    assert text.said == "by its words; by their meaning: unlikely under 10%"
    unsure = replace(hit, passes=False)
    assert (unsure.words, unsure.said) == ("unlikely", "unlikely, clear best of 569")
    assert replace(unsure, probability=0.15).said == "unlikely 15%, clear best of 569"
    assert str(Standing(3, 1569)) == "number 3 of 1,569"
    assert 0 < CLEAR < 2


def test_the_name_of_a_training_pair_is_not_cut() -> None:
    assert short_id("A red kangaroo. (animals/mammals/kangaroo)") == "A red kangaroo"
    assert short_id("zoo/fox.png") == "fox.png"
