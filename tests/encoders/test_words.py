from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from isthmus.encoders.parts import AdditiveParts, RemovableParts
from isthmus.encoders.words import MOST, caption_parts, characters, joined, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a red kangaroo", ["a", "red", "kangaroo"]),
        ("  Don't stop, at 3.5 m!  ", ["Don't", "stop", "at", "3.5", "m"]),
        ("iPhone手机", ["iPhone", "手", "机"]),
        ("赤いカンガルー", ["赤", "い", "カ", "ン", "ガ", "ル", "ー"]),
        ("красный кенгуру", ["красный", "кенгуру"]),
        ("?!", ["?!"]),
    ],
)
def test_words_cover_the_text(text: str, words: list[str]) -> None:
    found = split(text)
    assert [word.text for word in found] == words
    assert found[0].start == 0 and found[-1].end == len(text)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert joined(text, found, np.ones(len(found), dtype=bool)) == text.strip()


def test_unspaced_scripts_are_cut_by_the_tokenizer_where_its_pieces_fit() -> None:
    assert [w.text for w in split("吃红苹果", lambda run: [run[:2], run[2:]])] == ["吃红", "苹果"]
    assert [w.text for w in split("吃红", lambda run: ["<unk>"])] == ["吃", "红"]
    assert characters("สีแดง") == ["สี", "แ", "ด", "ง"]  # a vowel above stays with its consonant


def test_long_texts_are_cut_into_runs_of_words() -> None:
    found = split(" ".join(f"w{i}" for i in range(100)), most=40)
    assert len(found) == 40
    assert sorted({len(word.text.split()) for word in found}) == [2, 3]


def spelled(items: list[tuple[str, ...]]) -> np.ndarray:
    """A unit vector of the counts of a, b and c, averaged over captions."""
    rows = []
    for captions in items:
        units = [np.array([text.count(c) + 0.1 for c in "abc"]) for text in captions]
        mean = np.mean([unit / np.linalg.norm(unit) for unit in units], axis=0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, dtype=np.float32)


def test_one_caption_is_split_into_words_that_are_taken_out() -> None:
    parts = caption_parts(("a bb c",), spelled)
    assert isinstance(parts, RemovableParts)
    kept = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    absent = np.array([9.0, 8.0, 7.0])
    found = parts.native(kept, absent)
    np.testing.assert_allclose(found[:2], spelled([("a bb c",), ("bb",)]), atol=1e-7)
    np.testing.assert_array_equal(found[2], absent)
    np.testing.assert_array_equal(found[3], found[1])


def test_several_captions_are_a_sum() -> None:
    captions = ("a b", "c", "c c a")
    parts = caption_parts(captions, spelled)
    assert isinstance(parts, AdditiveParts)
    np.testing.assert_allclose(parts.total, spelled([captions])[0], atol=1e-6)
    assert [(p.text, p.caption) for p in parts.places] == [("a b", 0), ("c", 1), ("c c a", 2)]


@pytest.mark.parametrize(
    ("text", "end"),
    [("ab " * 5000, 120), ("a" * 10_000, 120), ("猫" * 10_000, 120), ("a b", 3)],
    ids=["blanks", "one word", "no blanks", "short"],
)
def test_of_a_long_text_the_beginning_is_split(text: str, end: int) -> None:
    longest: list[int] = []

    def seen(items: list[tuple[str, ...]]) -> np.ndarray:
        longest.append(max(len(caption) for item in items for caption in item))
        return spelled(items)

    parts = caption_parts((text,), seen)
    assert isinstance(parts, RemovableParts)
    assert parts.places[-1].end == end and len(parts.places) <= MOST
    left = len(text) - end
    assert (parts.around is None) == (parts.stretches is None) == (left == 0)
    if parts.around is not None:
        assert [place.label for place in parts.around.places] == [f"… {left:,} more characters …"]
    parts.native(np.ones((1, len(parts.places)), dtype=bool), np.zeros(3))
    assert longest == [len(text[:end].strip())]
    assert parts.batch == 256 // end


def test_of_a_long_text_what_counts_most_is_split_wherever_it_stands() -> None:
    filler = "Nobody bit. " * 20
    text = f"{filler}A cab came, c and c. {filler}The cock crows. {filler}"
    parts = caption_parts((text,), spelled)
    assert isinstance(parts, RemovableParts) and parts.stretches is not None
    count = parts.stretches.count
    alone = parts.stretches.encode(range(count))
    close = parts.stretches.closer(alone[:, 2].astype(np.float64))
    assert close.around is not None
    places = sorted((*close.places, *close.around.places), key=lambda place: place.start)
    assert [place.label for place in places] == [
        "… 240 more characters …", "A", "cab", "came", "c", "and", "c",
        "… 240 more characters …", "The", "cock", "crows", "… 240 more characters …",
    ]  # fmt: skip
    assert all(a.end == b.start for a, b in pairwise(places))
    every, none = np.ones((1, 3), dtype=bool), np.zeros((1, 3), dtype=bool)
    np.testing.assert_allclose(close.around.encode(every), spelled([(text,)]))
    all_words = np.ones((1, len(close.places)), dtype=bool)
    np.testing.assert_allclose(close.around.encode(none), close.encode(all_words))
    np.testing.assert_allclose(
        close.encode(all_words), spelled([("A cab came, c and c. The cock crows.",)])
    )


def test_of_many_captions_the_last_count_as_one() -> None:
    captions = tuple("abc"[n % 3] * (n % 5 + 1) for n in range(100))
    parts = caption_parts(captions, spelled)
    assert isinstance(parts, AdditiveParts)
    assert [place.text for place in parts.places] == [*captions[:40], "… and 60 more captions"]
    np.testing.assert_allclose(parts.total, spelled([captions])[0], atol=1e-6)
    np.testing.assert_allclose(parts.shares.sum(axis=0), 1)
    np.testing.assert_allclose(parts.shares[-1], 0.6)
