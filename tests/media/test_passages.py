"""Long texts as passages."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.sentences import SENTENCE
from isthmus.core.view import TEXT
from isthmus.media.limits import Limits
from isthmus.media.passages import passages
from isthmus.media.text import decode_text, long_text

WORDS = st.lists(st.text("abcé猫狗.!?。\n ", min_size=1, max_size=30), max_size=40)


@given(WORDS, st.integers(1, 60))
def test_passages_hold_every_sign_and_are_no_longer_than_the_window(
    words: list[str], window: int
) -> None:
    text = " ".join(words)
    spans = passages(text, window)
    held = set[int]()
    for start, stop in spans:
        assert 0 < stop - start <= window
        assert not text[start].isspace() and not text[stop - 1].isspace()
        held.update(range(start, stop))
    assert spans == sorted(set(spans))
    assert {i for i, c in enumerate(text) if not c.isspace()} <= held


@given(st.lists(st.sampled_from(["red", "kangaroo", "sits.", "a\n\nB"]), min_size=1, max_size=80))
def test_no_word_that_fits_is_cut(words: list[str]) -> None:
    text = " ".join(words)
    for start, stop in passages(text, 40):
        assert start == 0 or text[start - 1].isspace()
        assert stop == len(text) or text[stop].isspace()


def test_headings_go_with_what_follows_and_paragraphs_stay_whole() -> None:
    body = "It eats grass and leaves, and it drinks little. " * 4
    text = f"Kangaroos\n\n{body}\n\nWombats\n=======\n\n{body}\n\n# Koalas\n\n{body}"
    found = [text[a:b] for a, b in passages(text, 260)]
    assert [each.split("\n")[0] for each in found] == ["Kangaroos", "Wombats", "# Koalas"]
    assert all(each.endswith("little.") for each in found)


def test_many_short_lines_are_a_list_and_no_headings() -> None:
    text = "\n\n".join(f"item {n}" for n in range(400))
    found = passages(text, 200)
    assert len(found) < 70 and all(stop - start > 100 for start, stop in found[:-1])


def test_dots_of_a_table_of_contents_are_passed_once() -> None:
    ends = SENTENCE.finditer("." * 200_000 + "a. ")  # takes an hour where each dot is a beginning
    assert [found.span() for found in ends] == [(200_001, 200_002)]


def test_chinese_is_cut_at_its_full_stops() -> None:
    text = "红袋鼠坐在草地上。它吃草和树叶，很少喝水。" * 20
    found = [text[a:b] for a, b in passages(text, 50)]
    assert all(each[-1] == "。" and each[0] in "红它" for each in found)


def test_half_of_a_passage_may_come_again_and_nothing_does_without_overlap() -> None:
    text = "\n\n".join(f"Paragraph {i} says {'so ' * 10}." for i in range(40))
    apart = passages(text, 200, overlap=0)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(apart))
    shared = passages(text, 200)
    common = [a[1] - b[0] for a, b in itertools.pairwise(shared)]
    assert len(shared) > len(apart) and all(0 < each <= 100 for each in common)


def test_a_span_of_a_file_is_what_is_decoded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "书.txt"
    text = "猫坐着。\r\n\r\n" + "A long book. " * 3000
    path.write_bytes(text.encode())
    item = MediaItem("0" * 32, TEXT, str(path), path, (10.0, 30.0))
    assert decode_text(item) == (text[10:30].strip(),)
    whole = MediaItem.from_path(path, TEXT)
    assert long_text(whole) == text
    with pytest.raises(MediaTooLargeError, match="the limit is 20,000"):
        decode_text(whole)
    with pytest.raises(MediaTooLargeError, match="the limit is 30,000"):
        long_text(whole, Limits(max_long_characters=30_000))
