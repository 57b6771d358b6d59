"""Values of fields: what is kept of what a file claims."""

from __future__ import annotations

import math
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.fields import FIELDS, LONGEST, clock, said, tamed

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300), st.binary()
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "colour", "__class__"]), ANYTHING))
def test_whatever_is_claimed_what_is_kept_is_sane_and_taming_it_again_changes_nothing(
    claimed: dict[str, object],
) -> None:
    kept = tamed(claimed)
    assert tamed(kept) == kept
    assert [name for name in FIELDS if name in dict(kept)] == [name for name, _ in kept]
    for name, value in kept:
        field = FIELDS[name]
        if field.kind == "number":
            assert isinstance(value, int | float) and math.isfinite(value)
            assert field.least <= value <= field.most
        else:
            assert isinstance(value, str) and 0 < len(value) <= LONGEST
            assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in value)


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ({"title": "a\u202egpj.exe\x1b[31m\n\ud800b"}, {"title": "a gpj.exe [31m b"}),
        ({"title": "می\u200cخواهم"}, {"title": "می\u200cخواهم"}),
        ({"title": "x" * 10**6}, {"title": "x" * LONGEST}),
        ({"title": " \x00 "}, {}),
        ({"width": True, "height": "640"}, {}),
        ({"width": 10**30, "height": 0, "fps": -1}, {}),
        ({"width": 640.0}, {"width": 640}),
        ({"duration": math.inf}, {}),
        ({"fps": math.nan}, {}),
        ({"lat": 0.0, "lon": 0.0}, {}),
        ({"lat": 0.0, "lon": 9.5}, {"lat": 0, "lon": 9.5}),
        ({"lat": 91, "lon": 9.5}, {}),
        ({"lat": 48.20821234, "lon": -16.3}, {"lat": 48.208212, "lon": -16.3}),
        ({"taken": "2025-02-30"}, {}),
        ({"taken": "9999-01-01"}, {}),
        ({"taken": "0000-00-00T00:00:00"}, {}),
        ({"taken": "1970-01-01T00:00:00"}, {}),
        ({"taken": "1970-01-01T08:15:00"}, {"taken": "1970-01-01T08:15:00"}),
        ({"taken": "2025-06-30"}, {"taken": "2025-06-30"}),
        ({"year": sys.maxsize}, {}),
    ],
)
def test_values_out_of_reason_are_dropped_or_cut(
    claimed: dict[str, object], kept: dict[str, object]
) -> None:
    assert dict(tamed(claimed)) == kept


def test_a_place_is_said_only_where_it_may_be() -> None:
    fields = tamed({"artist": "Ada", "lat": 48.2, "lon": 16.4, "fps": 25.0})
    assert said(fields) == "Ada · 48.2, 16.4"
    assert said(fields, personal=False) == "Ada"
    assert clock(59.99) == "0:59" and clock(3600) == "1:00:00"
