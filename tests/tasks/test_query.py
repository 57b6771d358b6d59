"""Queries as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus.core.errors import InputError, IsthmusError
from isthmus.tasks.retrieval.query import AVOID, Query


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("sunset", [("“sunset”", 1)]),
        ("  a black-and-white photo ", [("“a black-and-white photo”", 1)]),
        (
            '"red kangaroo" + 2*sea - night',
            [("“red kangaroo”", 1), ("“sea”", 2), ("“night”", AVOID)],
        ),
        ("红色的车 - 卡通", [("“红色的车”", 1), ("“卡通”", AVOID)]),
        ("“日落” + 0.5*海", [("“日落”", 1), ("“海”", 0.5)]),
        ('a - 0.7*"b + c"', [("“a”", 1), ("“b + c”", -0.7)]),
        ("C++ book", [("“C++ book”", 1)]),
        ("1 + 1", [("“1”", 1), ("“1”", 1)]),
    ],
)
def test_parts_and_weights(typed: str, terms: list[tuple[str, float]]) -> None:
    found = Query.parse(typed).terms
    assert [(t.item.source, t.weight) for t in found if t.item is not None] == terms


def test_files_and_stored_items(tmp_path: Path) -> None:
    picture = tmp_path / "一只 红袋鼠.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    first, second, third = Query.parse(f"{picture} + id:abc123 - dark").terms
    assert first.item is not None and first.item.modality == "image"
    assert (second.item, second.stored) == (None, "abc123")
    assert third.weight == AVOID


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is empty"),
        ("\u200b ", "is empty"),
        ("- cat", "not only what to avoid"),
        ('""', "holds no words"),
        ("nowhere/kangaroo.jpg", "no file 'nowhere/kangaroo.jpg'"),
        ("./missing", "no file"),
    ],
)
def test_what_cannot_be_searched(typed: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Query.parse(typed)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(InputError, match=r"empty\.png: has zero bytes"):
        Query.parse(str(empty))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        query = Query.parse(text)
    except IsthmusError:
        return
    assert any(term.weight > 0 for term in query.terms)
