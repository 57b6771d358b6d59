from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError
from isthmus.core.item import MediaItem
from isthmus.core.record import Record
from isthmus.pipeline.splits import fold_labels, linked_groups


def record(name: str, text: str, image: str | None = None, group: str | None = None) -> Record:
    items = {"text": MediaItem.from_text(text)}
    if image is not None:
        items["image"] = MediaItem.from_bytes(image.encode(), "image", source=image)
    return Record(name, items, group=group)


def test_records_are_linked_through_shared_items_and_groups() -> None:
    records = [
        record("a", "cat", "1.png"),
        record("b", "dog", "2.png"),
        record("c", "a cat", "1.png"),  # the picture of a
        record("d", "dog", "3.png"),  # the caption of b
        record("e", "bird", "4.png", group="g"),
        record("f", "fish", "5.png", group="g"),
    ]
    assert linked_groups(records).tolist() == [0, 1, 0, 1, 2, 2]
    assert linked_groups(records, by_group=False).tolist() == [0, 1, 0, 1, 2, 3]


def test_links_are_transitive() -> None:
    records = [record("a", "x", "1"), record("b", "y", "2"), record("c", "x", "2")]
    assert linked_groups(records).tolist() == [0, 0, 0]


@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=80).filter(lambda g: len(set(g)) > 1),
    st.integers(0, 5),
)
def test_no_group_straddles_and_every_fold_is_used(groups: list[int], seed: int) -> None:
    labels = fold_labels(np.array(groups), seed=seed)
    assert all(len(set(labels[np.array(groups) == g])) == 1 for g in groups)
    assert set(labels) == set(range(min(5, len(set(groups)))))


def test_folds_are_even_where_groups_allow() -> None:
    sizes = np.bincount(fold_labels(np.arange(103)))
    assert sizes.tolist() == [21, 21, 21, 20, 20] or sorted(sizes) == [20, 20, 21, 21, 21]


def test_seeds_change_folds_and_equal_seeds_do_not() -> None:
    groups = np.arange(50)
    assert (fold_labels(groups, seed=1) == fold_labels(groups, seed=1)).all()
    assert (fold_labels(groups, seed=1) != fold_labels(groups, seed=2)).any()


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(DataError, match="one group"):
        fold_labels(np.zeros(9, dtype=int))
