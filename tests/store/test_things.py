"""Items and their parts in a store: one thing, however many rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.making import DIM, VIEWS, rows

from isthmus.store import (
    Backend,
    Entry,
    FileRecord,
    MemoryBackend,
    is_whole,
    open_backend,
    part_id,
    whole_id,
)
from isthmus.store.filters import parse
from isthmus.store.snapshot import Snapshot


def mixed(numbers: list[tuple[int, int]]) -> list[Entry]:
    """Rows of things by number; of each thing the rows 0 are whole, others parts of a view."""
    entries: dict[str, Entry] = {}
    for thing, row in numbers:
        whole = f"{thing:032x}"
        name = part_id(whole, "" if row % 2 else "sound", (row, row + 1)) if row else whole
        view = VIEWS[(thing + row) % 2]
        span = (float(row), row + 1.0) if row else None
        entries.setdefault(name, Entry(name, view, view, f"/{thing}", "", span, size=row * 10))
    return list(entries.values())


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    _, x, h = rows(max(n, 1))
    return x[:n], h[:n]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40), st.integers(0, 40))
def test_counts_are_of_things_in_any_order_and_in_older_snapshots(
    numbers: list[tuple[int, int]], cut: int
) -> None:
    entries = mixed(numbers)
    x, h = arrays(len(entries))
    cut = min(cut, len(entries))
    first = Snapshot.empty(DIM, VIEWS).extended(entries[:cut], x[:cut], h[:cut])
    both = first.extended(entries[cut:], x[cut:], h[cut:])
    small = parse("size<15")
    for snapshot, own in ((both, entries), (first, entries[:cut]), (both, entries)):
        assert snapshot.things == sum(is_whole(entry.id) for entry in own)
        for where in (None, small):
            some = [entry for entry in own if where is None or where.matches(entry)]
            things = {(whole_id(entry.id), entry.view) for entry in some}
            assert snapshot.count(where) == dict(Counter(view for _, view in things))
        for view in VIEWS:
            held = Counter(whole_id(entry.id) for entry in own if entry.view == view)
            parted = {whole_id(entry.id) for entry in own if not is_whole(entry.id)}
            wanted = {t: n for t, n in held.items() if n > 1 and t in parted}
            assert snapshot.parts(held, view) == wanted


@pytest.fixture(params=["memory", "lance"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if request.param == "memory":
        yield MemoryBackend(DIM, VIEWS)
    else:
        yield open_backend(tmp_path / "店", DIM, VIEWS, "space")


def test_a_search_within_a_thing_looks_at_its_rows_alone(store: Backend) -> None:
    entries = mixed([(thing, row) for thing in range(4) for row in range(5)])
    x, h = arrays(len(entries))
    store.add(entries, x, h)
    for thing in {whole_id(entry.id) for entry in entries}:
        for view in VIEWS:
            found = store.search(x[0], 99, view=view, within=thing)
            own = [i for i, e in enumerate(entries) if whole_id(e.id) == thing and e.view == view]
            order = sorted(own, key=lambda i: -float(x[i] @ x[0]))
            assert found.ids == [entries[i].id for i in order]
    assert len(store.search(x[0], 9, view="text", within="nobody")) == 0


def test_words_of_a_part_are_what_it_says(store: Backend) -> None:
    whole = "0" * 32
    entries = [
        Entry(f"{whole}@0-9", "text", "text", "/zoo/book.txt", "zoo book\na red kangaroo", (0, 9)),
        Entry(f"{whole}@9-20", "text", "text", "/zoo/book.txt", "zoo book\na blue whale", (9, 20)),
        Entry(whole, "text", "text", "/zoo/book.txt", "zoo book\na red kangaroo a blue whale"),
    ]
    x, h = arrays(3)
    store.add(entries, x, h)
    assert set(store.match("kangaroo", 9).ids) == {entries[0].id, whole}
    assert store.match("zoo", 9).ids == [whole]


def test_copies_are_kept_on_disk(tmp_path: Path) -> None:
    store = open_backend(tmp_path / "s", DIM, VIEWS, "space")
    entries = mixed([(1, 0), (1, 1), (2, 0)])
    entries[0] = replace(entries[0], copies=("/a b", "/猫"), origin="ocr", fields=(("n", 1.0),))
    x, h = arrays(3)
    store.add(entries, x, h)
    store.record_files([FileRecord("/1", 1, 1, entries[0].id)])
    again = open_backend(tmp_path / "s", DIM, VIEWS, "space")
    assert again.get([entries[0].id]) == {entries[0].id: entries[0]}
    assert again.check(deep=True) == []


def test_ids_of_parts_tell_long_spans_apart() -> None:
    ids = {part_id("0a", span=(i / 2, i / 2 + 1)) for i in range(43_000, 43_010)}
    ids |= {part_id("0a", span=(4_999_990.0 + i, 5_000_000.0)) for i in range(9)}
    assert len(ids) == 19 and {whole_id(each) for each in ids} == {"0a"}
