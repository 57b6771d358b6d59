"""Japanese queries are asked as they are typed and as dictionaries spell them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import MissingDataError, MissingExtraError
from isthmus.core.item import MediaItem
from isthmus.encoders.universal import UniversalEncoder
from isthmus.media.source import item_from_path
from isthmus.prompts import japanese
from isthmus.prompts.japanese import LANGUAGE, has_kana, in_both_spellings, note, spelled
from isthmus.prompts.prompt import Prompt
from isthmus.space import Space
from isthmus.tasks.prompting import EncodedPrompt, spelling_note

READER = UniversalEncoder()
KANA = "しろい クジャクのメス"
needs_words = pytest.mark.skipif(
    not japanese.available(), reason="needs a dictionary: pip install 'isthmus[japanese]'"
)


@needs_words
@pytest.mark.parametrize(
    ("typed", "other"),
    [
        (KANA, "白い 孔雀のメス"),
        ("あかい りんご", "赤い 林檎"),
        ("やまの うえの いえ", "山の うえの いえ"),
    ],
)
def test_nouns_and_adjectives_are_spelled_as_in_dictionaries(typed: str, other: str) -> None:
    assert spelled(typed) == other
    item = in_both_spellings(MediaItem.from_text(typed), READER)
    assert item.captions == tuple(dict.fromkeys((typed, other)))
    assert item.source == MediaItem.from_text(typed).source
    told = f"Asked in this spelling as well: {other}" if other != typed else ""
    assert note([MediaItem.from_text(typed)], READER) == told


@pytest.mark.parametrize("text", ["a duck", "白孔雀", "개구리", "", "あ" * 30_000])
def test_other_texts_stay_as_they_are(text: str) -> None:
    item = MediaItem.from_text(text)
    assert in_both_spellings(item, READER).captions == item.captions
    assert has_kana(text) == text.startswith("あ")


def test_files_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "クジャク.png"
    Image.new("RGB", (8, 8), "red").save(path)
    item = item_from_path(path, "image")
    assert in_both_spellings(item, READER) is item


def test_without_a_dictionary_a_query_is_asked_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(japanese, "available", lambda: False)
    item = MediaItem.from_text(KANA)
    assert in_both_spellings(item, READER) is item
    assert "pip install 'isthmus[japanese]'" in note([item], READER)
    assert note([MediaItem.from_text("a duck")], READER) == ""
    monkeypatch.setitem(__import__("sys").modules, "sudachipy", None)
    japanese._tokenizer.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[japanese\]'"):
        spelled(KANA)


@needs_words
def test_a_query_is_the_mean_of_both_and_as_familiar_as_the_more_familiar(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (KANA, spelled(KANA))
    monkeypatch.setattr(space.encoder("text"), "languages", (LANGUAGE,))
    both = space.embed([MediaItem.from_text(ways)], "text")
    each = space.embed(list(ways), "text")
    found = EncodedPrompt.of(space, Prompt(KANA))
    np.testing.assert_allclose(found.vectors[0], both.vectors[0], atol=1e-6)
    native = found.natives[0]
    assert native is not None and both.native is not None and each.native is not None
    np.testing.assert_allclose(native, np.concatenate([both.native, each.native]), atol=1e-6)
    monkeypatch.setattr(space, "native_banks", {"text": each.native[1:]})
    told = space.backgrounds(found.unguided, "text", native)["image"].native
    alone = space.backgrounds(each.vectors[1:], "text", each.native[1:])["image"].native
    assert told is not None and told.shape == (1,)
    np.testing.assert_allclose(told, alone, atol=1e-6)


@needs_words
def test_a_file_is_asked_as_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "q.txt"
    path.write_text(KANA, encoding="utf-8")
    found = in_both_spellings(item_from_path(path, "text"), READER)
    assert found.captions == (KANA, spelled(KANA))
    path.write_bytes(b"\xff\xfe\x00")
    broken = item_from_path(path, "text")
    assert in_both_spellings(broken, READER) is broken


@needs_words
def test_encoders_that_were_not_made_for_japanese_are_asked_as_typed(space: Space) -> None:
    item, encoder = MediaItem.from_text(KANA), space.encoder("text")
    assert LANGUAGE not in encoder.languages
    assert in_both_spellings(item, encoder) is item
    assert note([item], encoder) == "" == spelling_note(space, Prompt(KANA))


@needs_words
def test_a_dictionary_that_cannot_be_read_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no such file")

    monkeypatch.setattr("sudachipy.Dictionary", broken)
    japanese._tokenizer.cache_clear()
    item = MediaItem.from_text(KANA)
    assert in_both_spellings(item, READER) is item
    with pytest.raises(MissingDataError, match="force-reinstall"):
        spelled(KANA)
