from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import CorruptMediaError, EmptyMediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.media import Limits, decode
from isthmus.media.text import clean


def test_captions_are_cleaned_and_blank_ones_dropped() -> None:
    item = MediaItem.from_text([" a\x00 red\x1b[0m kangaroo ", "\t", "一只红袋鼠"])
    assert decode(item) == ("a red[0m kangaroo", "一只红袋鼠")


def test_joined_emoji_and_right_to_left_text_stay() -> None:
    for text in ("👩‍👩‍👧", "قطة حمراء", "e\u0301t\u00e9"):
        assert decode(MediaItem.from_text(text)) == (text,)


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u200b\ufeff", "\u3000", "\x00\x01"])
def test_blank(blank: str) -> None:
    with pytest.raises(EmptyMediaError, match="only blanks"):
        decode(MediaItem.from_text(blank))


def test_a_caption_of_100_000_characters() -> None:
    with pytest.raises(MediaTooLargeError, match=r"100,000 characters, the limit is 20,000; split"):
        decode(MediaItem.from_text("x" * 100_000))
    assert len(decode(MediaItem.from_text("x" * 20_000))[0]) == 20_000
    assert decode(MediaItem.from_text("x" * 30_000), Limits(max_characters=30_000))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "说明 🦘.txt"
    path.write_text("一只红袋鼠\n", encoding=encoding)
    assert decode(MediaItem.from_path(path, "text")) == ("一只红袋鼠",)


def test_files_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("café".encode("latin-1"))
    with pytest.raises(CorruptMediaError, match=r"a.txt: is not text in UTF-8 \(byte 3\)"):
        decode(MediaItem.from_path(path, "text"))
    path.write_text("袋鼠 " * 50_000, encoding="utf-8")
    with pytest.raises(MediaTooLargeError, match="more than 20,000 characters"):
        decode(MediaItem.from_path(path, "text"))
    path.write_bytes(b"")
    with pytest.raises(EmptyMediaError, match="zero bytes"):
        decode(MediaItem.from_path(path, "text"))


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_can_be_written_and_stays_clean(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert clean(cleaned) == cleaned
    assert not set(cleaned) & set(map(chr, [*range(9), *range(14, 32), 127]))
