"""Full text in any script, patterns, and the form in which both compare."""

from __future__ import annotations

import unicodedata

import pytest

from isthmus.store import Entry
from isthmus.store.filters import parse
from isthmus.store.patterns import folded, path_matcher, text_matcher
from isthmus.store.words import WordIndex, words


def rows(texts: list[str], query: str) -> list[int]:
    found, _ = WordIndex(texts).find(query)
    return sorted(found.tolist())


@pytest.mark.parametrize("name", ["Mädchen", "학교", "Čeština", "がっこう"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_names_are_found_in_either_normal_form(name: str, stored: str, asked: str) -> None:
    texts = [unicodedata.normalize(stored, name), "something else"]
    assert rows(texts, unicodedata.normalize(asked, name)) == [0]


@pytest.mark.parametrize("query", ["İstanbul", "istanbul", "ISTANBUL", "ıstanbul"])
@pytest.mark.parametrize("stored", ["İstanbul", "istanbul", "ISTANBUL"])
def test_the_turkish_i_is_an_i(query: str, stored: str) -> None:
    assert rows([stored, "ankara"], query) == [0]


def test_combining_marks_belong_to_their_words() -> None:
    assert words("किताब_घर-2") == ["किताब", "घर", "2"]
    assert rows(["किताब", "कताब"], "किताब") == [0]


def test_scripts_without_blanks_are_found_inside_a_run() -> None:
    thai = ["ช้างป่าอยู่ในป่า", "แมวนอนหลับ"]
    assert rows(thai, "ช้าง") == [0]
    assert rows(thai, "แมว") == [1]
    assert rows(thai, "ปา") == []
    assert rows(["猫在睡觉", "狗在睡觉"], "猫") == [0]
    assert rows(["၀မ်းဗိုက်", "ကြောင်"], "ကြောင်") == [1]


def test_words_of_a_name_count_more_than_those_of_folders() -> None:
    index = WordIndex()
    index.extend(
        ["图片 图1", "图片 图3", "gibbon"], ["/3/zoo/图1.png", "/3/zoo/图3.png", "/3/apes"]
    )
    found, shares = index.find("图3")
    assert found.tolist() == [1, 0] and shares[0] == 1 > shares[1]
    found, shares = index.find("zoo")
    assert found.tolist() == [0, 1] and shares.tolist() == [0.5, 0.5]


def test_joiners_and_widths_make_no_difference() -> None:
    assert folded("می\u200cخواهم") == folded("میخواهم")
    assert rows(["ＡＢＣ１２３", "other"], "abc123") == [0]


def test_brackets_are_letters_of_a_pattern() -> None:
    hit = path_matcher("a[1]/*")
    assert hit("/x/a[1]/red.png")
    assert not hit("/x/a1/red.png")


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("*.jpg", "/a/b.JPG", True),
        ("*.jpg", "/a/b.jpg.png", False),
        ("thumbs", "/a/thumbs/b.png", True),
        ("thumbs", "/a/mythumbs/b.png", False),
        ("a/*.png", "/x/a/b.png", True),
        ("a/*.png", "/x/a/b/c.png", False),
        ("a/**/*.png", "/x/a/b/c.png", True),
        ("a/**/*.png", "/x/a/c.png", True),
        ("a/**", "/x/a/b/c.png", True),
        ("**/c.png", "/c.png", True),
        ("red?.png", "/a/red1.png", True),
        ("a?b", "/a/b", False),
        ("/a/", "/x/a/b.png", True),
        ("Mädchen*", "/x/" + unicodedata.normalize("NFD", "mädchen") + ".png", True),
        ("[!a].png", "/x/b.png", False),
        ("new*.png", "/x/new\nline.png", True),
    ],
)
def test_paths_match_by_their_names(pattern: str, path: str, wanted: bool) -> None:
    assert path_matcher(pattern)(path) is wanted


def test_texts_match_anywhere() -> None:
    assert text_matcher("red*roo")("a big Red\nKangaroo here")
    assert text_matcher("r?d")("a RED thing")
    assert not text_matcher("[r]ed")("red")


def test_filters_use_the_same_patterns() -> None:
    entry = Entry("a", "image", "image", "/zoo/a[1]/Ro\u0308.png", text="zoo a 1 Rö")
    assert parse('path~"a[1]/*"').matches(entry)
    assert not parse('path~"a[0-9]/*"').matches(entry)
    assert parse("text~rö").matches(entry)
    assert parse("path~RÖ").matches(entry)
    assert not parse('path~"zoo/*.png"').matches(entry)
    assert parse('path~"zoo/**/*.png"').matches(entry)


def test_many_stars_take_no_longer() -> None:
    assert not path_matcher("*" * 60 + "x")("/" + "a" * 3000)
