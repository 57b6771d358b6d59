from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.core.errors import InputError
from isthmus.prompts.templates import PLACE, language_of, load, random_prompts


def test_every_language_has_sentences_with_a_place_and_the_bare_name() -> None:
    known = load()
    assert {"en", "zh", "fr", "es", "de", "ja"} <= set(known.languages)
    for language in known.languages:
        for modality in ("image", "audio", "text", "video", "vector"):
            sentences = known.of(language, modality)
            assert PLACE in sentences
            assert all(PLACE in each for each in sentences)
            assert len(set(sentences)) == len(sentences)


def test_sentences_speak_of_what_is_classified_in_the_language_of_the_name() -> None:
    assert "the sound of rain" in load().prompts("rain", "en", "audio")
    assert "一张猫的图片" in load().prompts("猫", "zh", "image")
    assert load().of("zh-TW", "image") == load().of("zh", "image")


def test_an_unknown_language_names_the_known_ones_and_a_way_out() -> None:
    with pytest.raises(InputError, match=r"'xx'; languages: en, zh.*templates='mine.toml'"):
        load().of("xx", "image")


def test_a_file_adds_languages_and_replaces_sentences(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('[nl]\nany = "een {}"\n[en]\nimage = ["a stamp of {}"]\n', encoding="utf-8")
    made = load(own)
    assert made.prompts("kat", "nl", "image") == ("een kat",)
    assert made.of("en", "image") == ("a stamp of {}",)
    assert made.of("en", "audio") == load().of("en", "audio")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[en]\nimage = ["a picture"]\n', "has no {} for the name"),
        ('en = "a {}"\n', "need a table for each language"),
        ("[en\n", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_says_what(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(own)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_random_prompts_are_the_same_for_all_classes_and_differ_by_seed() -> None:
    cats, dogs = random_prompts("cat"), random_prompts("dog")
    assert len(set(cats)) == 30
    assert [each.removeprefix("cat") for each in cats] == [
        each.removeprefix("dog") for each in dogs
    ]
    assert random_prompts("cat", seed=1) != cats == random_prompts("cat", seed=0)


def test_the_script_tells_a_language_where_it_can() -> None:
    assert [language_of(x) for x in ("猫", "ねこ", "고양이", "кот", "chat", "3")] == [
        "zh", "ja", "ko", "ru", "en", "en",
    ]  # fmt: skip
