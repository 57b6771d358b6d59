from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError, InputError
from isthmus.core.item import MediaItem
from isthmus.core.options import parse_options
from isthmus.core.record import Dataset, Record
from isthmus.core.rows import families, thin


@given(st.integers(1, 500), st.integers(1, 60))
def test_thinning_keeps_order_ends_and_the_limit(n: int, limit: int) -> None:
    kept = thin(np.arange(n), limit)
    assert len(kept) == min(n, limit) and (np.diff(kept) > 0).all()
    assert kept[0] == 0 and (limit == 1 or kept[-1] == n - 1)


@given(st.lists(st.sets(st.integers(0, 8), max_size=3), max_size=30))
def test_families_are_the_connected_components(keys: list[set[int]]) -> None:
    found = families(keys)
    for i, a in enumerate(keys):
        for j, b in enumerate(keys):
            if a & b:
                assert found[i] == found[j]
    for i in range(len(keys)):
        assert found[i] <= i and found[found[i]] == found[i]


def test_options_become_numbers_and_truths() -> None:
    given_ = ["n=3", "noise=0.5", "pair-all=True", "languages=en,zh", "empty="]
    assert parse_options(given_, "shapes") == {
        "n": 3,
        "noise": 0.5,
        "pair_all": True,
        "languages": "en,zh",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["n", "=3", "n m=3", ""])
def test_other_forms_are_refused_with_what_was_written(text: str) -> None:
    with pytest.raises(InputError, match="--data-option needs NAME=VALUE"):
        parse_options([text], "--data-option")


def record(name: str, **items: str) -> Record:
    return Record(
        name, {m: MediaItem.from_bytes(v.encode(), m, source=v) for m, v in items.items()}
    )


def test_two_records_with_one_id_are_named() -> None:
    with pytest.raises(DataError, match="pets: records 0 and 2 both have the id 'cat'"):
        Dataset("pets", [record("cat"), record("dog"), record("cat")])


def test_selecting_modalities_drops_what_has_none() -> None:
    pets = Dataset("pets", [record("cat", image="c", audio="m"), record("dog", audio="w")])
    cut = pets.select(["image", "text"])
    assert [r.id for r in cut.records] == ["cat"] and cut.views == ("image",)
    assert pets.views == ("image", "audio")


def test_words_for_no_number_stay_words():
    found = parse_options(["dialect=infinity", "a=nan", "b=-inf", "c=1e3"], "x")
    assert found == {"dialect": "infinity", "a": "nan", "b": "-inf", "c": 1000.0}
