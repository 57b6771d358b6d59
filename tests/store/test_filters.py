"""The grammar of filters: what it reads, what it refuses, and that it never runs anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import InputError
from isthmus.store import Entry
from isthmus.store.filters import FIELDS, comparison, parse

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
CAT = Entry(
    "1",
    "photo a",
    "image",
    "/home/me/Animals/cat (1).png",
    "猫 on a mat",
    added=NEW_YEAR + 3600,
    size=20_000,
)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("modality:image", True),
        ("MODALITY = Image", True),
        ("modality:text", False),
        ('view:"photo a"', True),
        ("view:image", False),
        ('path~"animals/*"', True),
        ("path~*.png", True),
        ("path~nimals/*", False),
        ("path~*.jpg", False),
        ('path:"/home/me/animals/cat (1).png"', True),
        ("path:cat", False),
        ("text~猫", True),
        ('text~"ON A"', True),
        ("text~dog", False),
        ("added:2026-01-01", True),
        ("added>2026-01-01", False),
        ("added>=2026-01-01", True),
        ("added<=2026-01-01", True),
        ("added<2026-01-01", False),
        ("added>2026-01-01T00:30", True),
        ("size:20k", True),
        ("size>19.5kb and size<1MB", True),
        ("size>=5MB", False),
        ("gone:no", True),
        ("not gone:yes", True),
        ("not (modality:image or size>5MB)", False),
        ("modality:text and modality:image or gone:no", True),
        ("modality:text and (modality:image or gone:no)", False),
        ("not modality:text and not modality:audio", True),
    ],
)
def test_what_a_filter_lets_pass(text: str, passes: bool) -> None:
    assert parse(text).matches(CAT) is passes


def test_a_quote_or_backslash_in_a_value_stands_behind_a_backslash() -> None:
    entry = replace(CAT, labels=(('red "circle"', 0.9), ("a\\", 0.5)))
    assert parse(r'label:"red \"circle\"" and gone:no').matches(entry)
    assert parse(r'label:"a\\" and label:"red \"circle\""').matches(entry)
    assert parse(r'label:"a\"').matches(entry)  # one that opens nothing stands for itself
    assert not parse(r'label:"red circle"').matches(entry)


@given(st.text(), st.text())
def test_a_comparison_is_printed_as_it_is_read(value: str, other: str) -> None:
    entry = replace(CAT, labels=((value, 0.9), (other, 0.8)))
    one, two = (comparison("label", name) for name in (value, other))
    assert parse(one).labels == (value,)
    both = parse(f"({one}) and {two}")
    assert both.labels == (value, other) and both.matches(entry)


def test_a_value_that_never_closes_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="need a comparison"):
        parse('text:"' + "\\\\" * 10_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modalty:image", "no field 'modalty'.*view, modality, path"),
        ("modality:image size>3", r"at 'size>3': need and, or, or the end"),
        ("(modality:image", "need a closing parenthesis"),
        ("modality:image and", "at 'its end': need a comparison"),
        ("", "need a comparison"),
        ("size>big", "size needs bytes such as 500, 10k or 5MB, got 'big'"),
        ("added>yesterday", "added needs a date"),
        ("added~2026", "added takes"),
        ("path>3", "path can be compared with : or ~, not with '>'"),
        ("gone:maybe", "gone takes yes or no"),
        ("1=1; DROP TABLE items --", "need a comparison"),
        ("not " * 60 + "gone:no", "nests deeper"),
        ("(" * 60 + "gone:no" + ")" * 60, "nests deeper"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)


hostile = st.text(
    st.sampled_from(list("ab猫é%_*?[]()'\\;-/. ")), min_size=1, max_size=20
) | st.sampled_from(["' OR '1'='1", "x'); DROP TABLE items; --", "%", "_", "\\", "(?i)a", "[a"])


@given(hostile)
def test_a_quoted_value_is_only_compared_with(value: str) -> None:
    where = comparison("text", value)
    assert parse(where).matches(Entry("1", "text", "text", "/x", value))
    assert not parse(where).matches(Entry("1", "text", "text", "/x", value + "x"))


@given(hostile)
def test_a_pattern_without_wildcards_is_found_anywhere(value: str) -> None:
    if not set(value) & set("*?["):
        assert parse(comparison("path", value, "~")).matches(
            Entry("1", "text", "text", f"/x/{value}y", "")
        )


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text).matches(CAT)
    except InputError as error:
        assert str(error)


def test_every_field_is_named_when_one_is_unknown() -> None:
    with pytest.raises(InputError) as error:
        parse("id:3")
    assert all(field in str(error.value) for field in FIELDS)
