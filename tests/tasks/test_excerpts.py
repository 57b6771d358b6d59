"""What is shown of a long text."""

from __future__ import annotations

import pytest

from isthmus.prompts.prompt import Prompt
from isthmus.tasks.retrieval.excerpts import excerpt, shown_text, words_sought

FILLER = "Nobody knew who had built the old mill first. " * 8
CHAPTER = f"{FILLER}\n\nChapter 7: The railway\n\n{FILLER}The steam engine stood there. {FILLER}"


def test_an_excerpt_shows_the_sentence_that_holds_the_words() -> None:
    sought = words_sought(Prompt.parse("a Steam engine"))
    found = excerpt(CHAPTER, sought, 80)
    assert found.startswith("… The steam engine stood there.") and found.endswith(" …")
    assert len(found) <= 84
    named = shown_text(f"books mill\n{CHAPTER}", sought, 80)
    assert named == f"books mill\n{found}"


@pytest.mark.parametrize("sought", [frozenset(), frozenset({"glacier"})], ids=["none", "absent"])
def test_without_the_words_an_excerpt_begins_with_its_own_chapter(sought: frozenset[str]) -> None:
    assert excerpt(CHAPTER, sought, 80).startswith("… Chapter 7: The railway")
    assert excerpt(FILLER, sought, 80).startswith("Nobody knew who")
    late = f"{FILLER}{FILLER}\n\nChapter 8\n\nThe end came."
    assert excerpt(late, sought, 80).startswith("Nobody knew who")


def test_near_the_end_more_of_what_stands_before_is_shown() -> None:
    found = excerpt(f"{FILLER}It rained. A glacier.", frozenset({"glacier"}), 80)
    assert found == "… Nobody knew who had built the old mill first. It rained. A glacier."


@pytest.mark.parametrize("text", ["", "A mill.", "猫" * 500, "a" * 500, "b " * 500, "\n\n"])
def test_an_excerpt_of_any_text_is_a_stretch_of_it(text: str) -> None:
    found = excerpt(text, frozenset({"猫", "a"}), 80)
    assert found.removeprefix("… ").removesuffix(" …") in text
    assert len(found) <= 84


def test_what_is_avoided_is_not_sought() -> None:
    assert words_sought(Prompt.parse("a red star - blue")) == {"a", "red", "star"}
