"""Prompts of several parts: their vectors, their shares, and what guides do to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.tasks.conftest import picture

from isthmus.core.errors import InputError
from isthmus.core.linalg import l2_normalize
from isthmus.core.record import Dataset
from isthmus.datasets.shapes import ATTRIBUTES
from isthmus.prompts import Guide, LearnedPrompt, Prompt, Term
from isthmus.prompts.typed import PARTS
from isthmus.space import Space
from isthmus.store import Entry
from isthmus.tasks import SearchOptions, Store
from isthmus.tasks.prompting import EncodedPrompt

WORDS = ["red", "green", "blue", "star", "circle", "cross", "small", "large", "left", "圆形"]


@pytest.fixture(scope="module")
def store(space: Space) -> Store:
    """Two hundred vectors of each view."""
    made, rng = Store.in_memory(space), np.random.default_rng(0)
    for view in space.views:
        near = space.banks[view][rng.integers(0, len(space.banks[view]), 200)]
        x = l2_normalize(near + 0.1 * rng.normal(size=near.shape)).astype(np.float32)
        entries = [Entry(f"{view}{n}", view, view, f"{view}{n}") for n in range(200)]
        made.backend.add(entries, x, space.hubness(x, view))
    return made


def random_prompt(words: Sequence[Term], rng: np.random.Generator) -> Prompt:
    def some(least: int) -> dict[Term, float]:
        chosen = rng.choice(len(words), int(rng.integers(least, 3)), replace=False)
        return {words[i]: float(rng.uniform(0.1, 2)) for i in chosen}

    parts = {"style": some(0), "context": some(0), "avoid": some(0)}
    return Prompt(some(1), **parts, ignore=list(some(0)))


def test_shares_sum_to_the_score_of_200_random_prompts(store: Store) -> None:
    rng, asked = np.random.default_rng(1), 0
    done = store.space.embed(WORDS, "text")
    words = [
        replace(Prompt(word).terms[0], view="text", vectors=(row, native[None]))
        for word, row, native in zip(WORDS, done.vectors, done.native, strict=True)
    ]
    while asked < 200:
        prompt = random_prompt(words, rng)
        readout = "instance" if asked % 2 else "semantic"
        try:
            found = store.search(prompt, k=3, views="image", readout=readout, words=False)
        except InputError as error:  # parts may cancel, and guides leave nothing
            assert "cancel" in str(error) or "nothing is left" in str(error)
            continue
        asked += 1
        scoring = [term for term in prompt.terms if not term.guides]
        for hit in found.hits:
            assert [share.prompt for share in hit.shares] == [term.said for term in scoring]
            assert sum(share.value for share in hit.shares) == pytest.approx(hit.score, abs=1e-5)
            if readout == "semantic":
                assert all(share.hubness == 0 for share in hit.shares)


def test_a_share_is_the_weighted_score_of_its_part_alone(store: Store) -> None:
    prompt = Prompt("star", style="red", avoid="large")
    hit = store.search(prompt, k=1, views="image", words=False).hits[0]
    for share, words in zip(hit.shares, ("star", "red", "large"), strict=True):
        alone = store.search(words, k=200, views="image", words=False).hits
        (same,) = [each for each in alone if each.id == hit.id]
        assert share.value == pytest.approx(share.weight * same.score, abs=1e-5)
    assert [share.part for share in hit.shares] == ["content", "style", "avoid"]
    assert [share.weight for share in hit.shares] == pytest.approx([1 / 2, 1 / 2, -1 / 4])
    assert all(share.hubness != 0 for share in hit.shares)


def test_parts_that_cancel_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match=r'the parts of "star" - 1\*"star" cancel each other'):
        store.search("star - 1*star")


@pytest.mark.parametrize(
    "typed", ["star - star", '"star" - 0.1*star', "star + red - red - star", "2*star - star"]
)
def test_a_prompt_that_avoids_all_that_it_looks_for_is_refused(store: Store, typed: str) -> None:
    with pytest.raises(InputError, match="cancel each other"):
        store.search(typed)


def test_what_leaves_something_to_look_for_does_not_cancel(store: Store) -> None:
    for typed in ("star + red - star", "star - blue", 'star + style:"red" - red'):
        assert store.search(typed, words=False, views="image").hits


def test_every_part_moves_the_results_its_way(store: Store) -> None:
    def red(prompt: Prompt) -> float:
        (vector,) = EncodedPrompt.of(store.space, Prompt("red")).vectors
        hits = store.search(prompt, k=20, views="image", words=False, readout="semantic").hits
        vectors = store.backend.vectors([hit.id for hit in hits])
        return float(np.mean([vectors[hit.id] @ vector for hit in hits]))

    plain = red(Prompt("star"))
    assert red(Prompt("star", style="red")) > plain > red(Prompt("star", avoid="red"))
    assert red(Prompt("star", context="red")) == pytest.approx(red(Prompt("star", style="red")))


def test_what_guides_says_how_to_compare(store: Store) -> None:
    space = store.space
    items = store.backend.vectors([f"image{n}" for n in range(200)])
    every = np.stack(list(items.values()))
    for made in (Prompt("a red star", ignore=["red", "blue"]), Prompt("a red star", only="star")):
        found = EncodedPrompt.of(space, made)
        guide = found.guide
        assert guide is not None and 1 <= guide.size <= 2
        assert np.allclose(guide.project(found.vectors), found.vectors, atol=1e-6)
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
        compared = guide.project(every) if guide.kept is None else every
        best = float((compared @ found.vectors.T).max())
        hit = store.search(made, k=1, views="image", words=False).hits[0]
        assert (hit.cosine, hit.score) == pytest.approx((best, 2 * best), abs=1e-5)
    ignoring = EncodedPrompt.of(space, Prompt("star", ignore="red"))
    red = EncodedPrompt.of(space, Prompt("red")).vectors - space.typical("text")
    assert np.abs(ignoring.vectors @ red.T).max() < 1e-5
    with pytest.raises(InputError, match=r"nothing is left of @one \+ ignore:@one"):
        EncodedPrompt.of(_with_one(space), Prompt("@one", ignore="@one"))


def _with_one(space: Space) -> Space:
    """The same space with a prompt of its own."""
    one = LearnedPrompt("content", "text", np.eye(1, space.dim, dtype=np.float32), 1)
    parts = {name: getattr(space, name) for name in ("bank_ids", "calibration", "native_banks")}
    return Space(space.heads, space.banks, space.encoders, prompts={"one": one}, **parts)


def test_what_was_learned_or_guided_has_no_probability(store: Store) -> None:
    store = Store(_with_one(store.space), store.backend)
    plain = store.search("star", views="image", words=False)
    assert plain.hits[0].probability is not None
    for prompt in (Prompt("star", ignore="red"), Prompt("@one"), Prompt("star", style="@one")):
        found = store.search(prompt, views="image", words=False)
        assert {hit.probability for hit in found.hits} == {None}
        assert [str(each) for each in found.uncalibrated] == ["text→image"]
        assert "without saved prompts and without guides" in found.advice


def test_a_saved_prompt_says_what_it_was_saved_as(space: Space) -> None:
    row = np.eye(1, space.dim, dtype=np.float32)
    other = _with_one(space)
    other.prompts = {part: LearnedPrompt(part, "image", row, 3) for part in PARTS}
    found = EncodedPrompt.of(other, Prompt(["star", "@style"]))
    assert [(term.part, term.weight) for term in found.terms] == [("content", 1), ("style", 1)]
    assert np.array_equal(found.vectors[1], row[0]) and found.views[1] == "image"
    weighed = EncodedPrompt.of(other, Prompt({"star": 1, "@style": 2}))
    assert weighed.terms[1].weight == 2
    assert EncodedPrompt.of(other, Prompt(["star", "@ignore"])).guide is not None
    guided = EncodedPrompt.of(other, Prompt("star", ignore="@content"))
    assert guided.guide is not None and abs(guided.vectors[0] @ row[0]) < 1e-6
    with pytest.raises(InputError, match="@only says what to only, so it cannot be a style"):
        EncodedPrompt.of(other, Prompt("star", style="@only"))
    with pytest.raises(InputError, match="saved as @styl; did you mean @style"):
        EncodedPrompt.of(other, Prompt("@styl"))
    with pytest.raises(InputError, match="takes no weight and no minus"):
        EncodedPrompt.of(other, Prompt.parse("star - @ignore"))


def test_only_content_is_found_by_its_name(space: Space) -> None:
    store, x = Store.in_memory(space), space.banks["text"][:2]
    named = [Entry(n, "text", "text", f"{n}.txt", text=n) for n in ("watercolour", "garden")]
    store.backend.add(named, x, space.hubness(x, "text"))
    found = store.search(Prompt("garden", style="watercolour"), k=2)
    assert {hit.id: hit.named for hit in found.hits} == {"garden": True, "watercolour": False}


def test_items_of_a_store_can_be_every_part(store: Store) -> None:
    term = Term(None, "image7")
    for prompt in (
        Prompt("star", style=term),
        Prompt("star", avoid=term),
        Prompt("star", ignore=term),
        Prompt(Term(None, "image9"), only=[term, "star"]),
    ):
        assert store.search(prompt, SearchOptions(views=("image",)), words=False).hits
    with pytest.raises(InputError, match="holds no item 'nothing'"):
        store.search(Prompt("star", ignore=replace(term, stored="nothing")))


def test_a_part_that_cannot_be_read_is_named(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "half.png"
    picture(broken, 1)
    broken.write_bytes(broken.read_bytes()[:200])
    for prompt in (Prompt("star", style=broken), Prompt("star", ignore=broken)):
        with pytest.raises(InputError, match=r"half\.png cannot be searched by: "):
            store.search(prompt)


def test_what_is_ignored_no_longer_counts(space: Space, scenes: Dataset) -> None:
    """A query with a colour finds pictures of its place if colours are ignored, and not by luck."""
    held = list(scenes.records[80:])
    pictures = space.embed([record.items["image"] for record in held], "image").vectors
    captions = [record.items["text"].captions[0] for record in held]
    places = [next(p for p in ATTRIBUTES["place"] if p in caption) for caption in captions]
    nuisances = [w for name in ("shape", "colour", "size") for w in ATTRIBUTES[name]]
    guide = EncodedPrompt.of(space, Prompt("x", ignore=nuisances)).guide
    assert guide is not None
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(space.dim, guide.size)))[0]
    queries = space.embed(captions, "text").vectors

    def right(chosen: Guide | None) -> float:
        q, x = (each if chosen is None else chosen.project(each) for each in (queries, pictures))
        best = np.argsort(-(q @ x.T), axis=1)[:, :5]
        return float(np.mean([places[i] == place for place, row in zip(places, best, strict=True)
                              for i in row]))  # fmt: skip

    plain, ignoring = right(None), right(guide)
    random = right(Guide(basis.T.astype(np.float32), None))
    assert ignoring >= plain + 0.05 and random <= plain + 0.05
