"""Searches while a thread and another process add, forget, rename and optimise: none fails."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.store import traffic
from tests.store.traffic import DIM, VIEWS, hubness, opened, vector, write
from tests.waiting import PATIENCE

from isthmus.store import Entry, FoundRows, HubnessCorrection, MemoryBackend, Reader
from isthmus.store.filters import Filter, parse
from isthmus.store.lance import LanceBackend

SEARCHES = int(os.environ.get("ISTHMUS_SEARCHES", "150"))
"""The long form is ``ISTHMUS_SEARCHES=5000``."""
REVISIONS = 12
"""States of the store that are seen at least."""


def check(rows: FoundRows) -> None:
    """Every column of every row is of the item that its id names."""
    for found, x, near in zip(rows.entries, rows.vectors, rows.hubness, strict=True):
        number = int(found.id, 16)
        assert found.view == VIEWS[number % 2] and found.source.startswith(f"/{number}/")
        np.testing.assert_array_equal(x, vector(number))
        np.testing.assert_array_equal(near, hubness(number))


def search(store: Reader, number: int) -> None:
    query = vector(number)
    where = parse("size>0") if number % 3 else parse(f"size>{number * 10}")
    correction = HubnessCorrection("text", 0.5) if number % 2 else None
    exact = number % 5 == 0
    rows = store.search(query, 10, where=where, correction=correction, exact=exact)
    assert all(where.matches(found) for found in rows.entries)
    check(rows)
    viewed = store.search(query, 10, view="image")
    assert {found.view for found in viewed.entries} <= {"image"}
    check(viewed)
    if viewed.entries:
        check(store.match(viewed.entries[0].text, 3))
    assert store.count().keys() <= set(VIEWS)


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(p for p in sys.path if p)
    stop = folder.with_name("stop")
    command = [sys.executable, "-m", "tests.store.traffic", str(folder), "1", str(stop)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        yield child
    finally:
        stop.touch()
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, "the other writer failed"


@contextmanager
def a_thread(store: LanceBackend) -> Iterator[list[BaseException]]:
    failures: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        seed = 0
        while not over.is_set():
            seed += 1
            try:
                write(store, 2, seed)
            except BaseException as error:
                failures.append(error)
                raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield failures
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("indexed", [False, True], ids=["every-row", "index"])
def test_no_search_fails_under_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    if indexed:
        pytest.importorskip("faiss")
        monkeypatch.setenv("TRAFFIC_INDEX", "1")
        for name in ("index.LEAST", "lance.LEAST", "index._FEW"):
            monkeypatch.setattr(f"isthmus.store.{name}", 500)
    store = opened(tmp_path / "s")
    first = range(100, 900)
    x, near = np.stack([*map(vector, first)]), np.stack([*map(hubness, first)])
    store.add([traffic.entry(number) for number in first], x, near)
    store.optimize()
    revisions: set[int] = set()
    number = 0
    with another_process(tmp_path / "s"), a_thread(store) as failures:
        while number < SEARCHES or len(revisions) < REVISIONS:
            number += 1
            assert failures == []
            search(store, number)
            before = store.snapshot()
            revisions.add(before.revision)
            listed = [found.id for found in before.entries()]
            assert len(listed) == len(before) == len(set(listed))
            assert sum(before.count().values()) == len(before)
    assert failures == []
    assert store.known(traffic.entry(number).id for number in first) == {
        traffic.entry(number).id for number in first
    }
    assert store.check(deep=True) == []


def test_a_snapshot_stays_as_it_is() -> None:
    store = MemoryBackend(DIM, VIEWS)
    write(store, 3, 1)  # type: ignore[arg-type]
    before = store.snapshot()
    entries, query = before.entries(), vector(5)
    want, words = before.search(query, 5), before.match(entries[0].text, 5)
    for seed in range(2, 30):
        write(store, 3, seed)  # type: ignore[arg-type]
    assert before.entries() == entries and len(before) == len(entries)
    got = before.search(query, 5)
    assert got.ids == want.ids and before.match(entries[0].text, 5).ids == words.ids
    np.testing.assert_array_equal(got.score, want.score)
    assert store.revision != before.revision
    again = store.snapshot()
    assert again.revision == store.snapshot().revision


def test_filters_that_are_written_alike_are_not_taken_for_one_another() -> None:
    store = MemoryBackend(DIM, VIEWS)
    numbers = range(10, 20)
    x, near = np.stack([*map(vector, numbers)]), np.stack([*map(hubness, numbers)])
    store.add([traffic.entry(number) for number in numbers], x, near)

    def odd(found: Entry) -> bool:
        return found.size % 2 == 1

    for test, want in ((odd, 5), (lambda found: not odd(found) and found.size > 15, 2)):
        found = store.search(vector(1), 10, where=Filter("mine", test))
        assert len(found) == want and all(map(test, found.entries))
    more = range(20, 23)
    rows, hubs = np.stack([*map(vector, more)]), np.stack([*map(hubness, more)])
    store.add([traffic.entry(number) for number in more], rows, hubs)
    assert len(store.search(vector(1), 20, where=Filter("mine", odd))) == 6


def test_appending_a_row_costs_the_same_however_many_there_are() -> None:
    """Rows that are moved to make room are few: fewer than twice those that are appended."""
    store, moved = MemoryBackend(DIM, VIEWS), 0
    room = store.snapshot()._rows.vectors.x
    for number in range(3_000):
        store.add([traffic.entry(number)], vector(number)[None], hubness(number)[None])
        now = store.snapshot()._rows.vectors.x
        moved += 0 if now is room else len(store) - 1
        room = now
    assert moved < 2 * len(store)
