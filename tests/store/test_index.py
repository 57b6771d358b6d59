"""The index of a large store: what it finds, what it forgets, and how it survives."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save
from tests.store.making import VIEWS

from isthmus.core.linalg import F32, l2_normalize
from isthmus.core.reading import parse_tensors
from isthmus.store import (
    Entry,
    HubnessCorrection,
    MemoryBackend,
    NearestRows,
    index,
    open_backend,
)
from isthmus.store._faiss import InvertedFile
from isthmus.store.cells import units_of, widened
from isthmus.store.filters import parse
from isthmus.store.lance import LanceBackend
from isthmus.store.vector_index import VectorIndex

pytest.importorskip("faiss")
DIM, N = 24, 6_000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Index stores of a thousand rows, and trust no filter to be quick row by row."""
    monkeypatch.setattr(index, "LEAST", 1_000)
    monkeypatch.setattr("isthmus.store.lance.LEAST", 1_000)
    monkeypatch.setattr(index, "_FEW", 50)


def clustered(n: int, seed: int = 0) -> tuple[list[Entry], F32, F32]:
    """Two views that lie apart, each in clusters."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(7)
    centres = shared.normal(size=(40, DIM))
    gap = shared.normal(size=DIM) * 0.7
    kind = rng.integers(0, 2, n)
    x = centres[rng.integers(0, 40, n)] + np.where(kind[:, None], gap, -gap)
    x = l2_normalize(x + rng.normal(size=(n, DIM)) * 0.4).astype(np.float32)
    entries = [
        Entry(f"{seed}-{i}", VIEWS[kind[i]], VIEWS[kind[i]], f"/a/{i % 10}/{i}.png", size=i)
        for i in range(n)
    ]
    return entries, x, rng.uniform(0.2, 0.5, size=(n, 2)).astype(np.float32)


def opened(folder: Path) -> LanceBackend:
    return open_backend(folder, DIM, VIEWS, "space")


@pytest.fixture
def store(tmp_path: Path) -> LanceBackend:
    made = opened(tmp_path / "s")
    made.add(*clustered(N))
    made.optimize()
    assert made._rows.index is not None
    return made


def ids(found: NearestRows) -> set[str]:
    return set(found.ids)


def recall(store: LanceBackend, k: int = 10, **options: object) -> float:
    """Share of the exact best that the index finds, for rows of the store as queries."""
    queries = clustered(60, seed=3)[1]
    shares = []
    for query in queries:
        exact = ids(store.search(query, k, exact=True, **options))  # type: ignore[arg-type]
        shares.append(len(exact & ids(store.search(query, k, **options))) / len(exact))  # type: ignore[arg-type]
    return float(np.mean(shares))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"view": "image"},
        {"view": "text", "correction": HubnessCorrection("image", 0.8)},
        {"correction": HubnessCorrection("text", 1.0)},
        {"where": parse("path~/a/3/*")},
        {
            "where": parse("size<3000"),
            "view": "image",
            "correction": HubnessCorrection("text", 0.5),
        },
        {"k": 100},
    ],
    ids=lambda options: "-".join(options) or "plain",  # filters have no name of their own
)
def test_what_is_found_is_nearly_always_the_best(
    store: LanceBackend, options: dict[str, object]
) -> None:
    assert recall(store, **options) >= 0.95  # type: ignore[arg-type]


def test_scores_are_those_of_an_exact_search(store: LanceBackend) -> None:
    query, correction = clustered(1, seed=5)[1][0], HubnessCorrection("image", 0.6)
    exact = store.search(query, 50, correction=correction, exact=True)
    found = store.search(query, 10, correction=correction)
    assert found.score.tolist() == sorted(found.score.tolist(), reverse=True)
    same = exact.take([exact.ids.index(each) for each in found.ids])
    np.testing.assert_allclose(found.cosine, same.cosine, atol=1e-6)
    np.testing.assert_allclose(found.score, same.score, atol=1e-6)
    np.testing.assert_array_equal(found.vectors, same.vectors)
    np.testing.assert_array_equal(found.hubness, same.hubness)


def test_filters_leave_only_what_passes_and_all_of_it(store: LanceBackend) -> None:
    query = clustered(1, seed=5)[1][0]
    some = store.search(query, 1_000, where=parse("path~/a/3/* and size<2000"))
    assert len(some) == 200
    assert all(int(each.split("-")[1]) % 10 == 3 for each in some.ids)
    assert store.search(query, 5, where=parse("size>1MB")).ids == []
    assert store.search(query, 5, view="text", where=parse("modality:image")).ids == []


def test_new_rows_are_found_at_once_and_deleted_ones_never(store: LanceBackend) -> None:
    entries, x, h = clustered(50, seed=9)
    store.add(entries, x, h)
    assert all(store.search(v, 1).ids == [e.id] for e, v in zip(entries, x, strict=True))
    store.delete([entries[4].id])
    assert store._rows.index is not None
    assert entries[4].id not in ids(store.search(x[4], 20))
    assert store.search(x[5], 1).ids == [entries[5].id]
    assert recall(store) >= 0.95


def test_it_is_kept_on_disk_without_vectors(store: LanceBackend, tmp_path: Path) -> None:
    before = [store.search(query, 10).ids for query in clustered(20, seed=3)[1]]
    again = opened(tmp_path / "s")
    again.add(*clustered(5, seed=11))
    again._fresh()
    again._open_index()
    assert again._rows.index is not None
    after = [again.search(query, 10).ids for query in clustered(20, seed=3)[1]]
    assert sum(a == b for a, b in zip(before, after, strict=True)) >= 18
    content = (tmp_path / "s/index").read_bytes()
    assert store.vectors(["0-7"])["0-7"].tobytes() not in content
    assert b"0-77\n" in content
    again.delete(["0-77"])
    assert b"\n0-77\n" not in (tmp_path / "s/index").read_bytes()


def test_it_is_opened_after_a_few_searches_only(store: LanceBackend, tmp_path: Path) -> None:
    again, query = opened(tmp_path / "s"), clustered(1)[1][0]
    again.search(query, 3)
    assert again._rows.index is None
    for _ in range(3):
        again.search(query, 3)
    assert again._rows.index is not None


def test_a_damaged_file_is_not_used_and_made_anew(store: LanceBackend, tmp_path: Path) -> None:
    path = tmp_path / "s/index"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    again = opened(tmp_path / "s")
    again._fresh()
    again._open_index()
    assert again._rows.index is None
    again.optimize()
    assert again._rows.index is not None and recall(again) >= 0.95


def _forged(path: Path, settings: dict[str, object], **changes: NDArray[np.generic] | None) -> None:
    """Change an index and its checksum."""
    texts, arrays = parse_tensors(path.read_bytes()[4:], "it")
    arrays = {n: x for n, x in {**arrays, **changes}.items() if x is not None}
    text = json.dumps({**json.loads(texts["index"]), **settings})
    data = save({n: np.ascontiguousarray(x) for n, x in arrays.items()}, metadata={"index": text})
    path.write_bytes(zlib.crc32(data).to_bytes(4, "little") + data)


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"views": ["text"]}, {}),
        ({"views": "text"}, {}),
        ({"built": 0}, {}),
        ({"built": "many"}, {}),
        ({"probes": {}}, {}),
        ({"probes": {"-2": 2**60, "0": 1, "1": 1}}, {}),
        ({"more": 1}, {}),
        ({}, {"cells": np.full(N, 2**30, np.int32)}),
        ({}, {"cells": np.full(N, -1, np.int32)}),
        ({}, {"cells": np.zeros(N, np.float32)}),
        ({}, {"cells": np.zeros(3, np.int32)}),
        ({}, {"cells": None}),
        ({}, {"ids": None}),
        ({}, {"ids": np.full(9, 255, np.uint8)}),
        ({}, {"owners": np.full(3, 9, np.int8)}),
        ({}, {"centroids": np.full((3, DIM), np.nan, np.float32)}),
        ({}, {"centroids": np.zeros((3, 1), np.float32)}),
        ({}, {"centroids": np.zeros(3, np.int64)}),
    ],
)
def test_a_file_that_was_forged_is_not_used(
    store: LanceBackend, tmp_path: Path, settings: dict[str, object], changes: dict[str, object]
) -> None:
    """Cells that do not exist would be written to past the end of an array."""
    rows = store._fresh()
    known = (store.views, rows.row, rows.x, rows.hubness, rows.codes)
    path = tmp_path / "s/index"
    _forged(path, {})
    assert index.CellIndex.load(path, *known) is not None
    _forged(path, settings, **cast("dict[str, NDArray[np.generic] | None]", changes))
    assert index.CellIndex.load(path, *known) is None


def test_another_process_follows_changes(store: LanceBackend, tmp_path: Path) -> None:
    other = opened(tmp_path / "s")
    assert other._fresh() is not None
    entries, x, h = clustered(3, seed=21)
    store.add(entries, x, h)
    assert other.search(x[0], 1).ids == [entries[0].id]
    store.delete([entries[0].id])
    assert entries[0].id not in ids(other.search(x[0], 5))
    assert other.count() == store.count()


def test_rows_of_a_view_that_is_new_are_found(tmp_path: Path) -> None:
    entries, x, h = clustered(2_000)
    only = [i for i, entry in enumerate(entries) if entry.view == "text"]
    store = opened(tmp_path / "s")
    store.add([entries[i] for i in only], x[only], h[only])
    store._rows.index = index.CellIndex.build(
        VIEWS, store._rows.x, store._rows.hubness, store._rows.codes
    )
    rest = [i for i in range(2_000) if i not in set(only)]
    store.add([entries[i] for i in rest], x[rest], h[rest])
    assert store.search(x[rest[0]], 1).ids == [entries[rest[0]].id]
    assert ids(store.search(x[rest[0]], 5, view="image")) <= {entries[i].id for i in rest}


class EvenRows:
    """An index that looks at every second row, and checks what it is told."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def catch_up(self, x: F32, hubness: F32, codes: NDArray[np.int8]) -> EvenRows:
        assert len(x) == len(hubness) == len(codes) > self.count
        return EvenRows(len(x))

    def drop(self, keep: NDArray[np.bool_], codes: NDArray[np.int8]) -> EvenRows:
        assert len(keep) == self.count
        return EvenRows(len(codes))

    def find(self, *_: object) -> NDArray[np.int64]:
        return np.arange(0, self.count, 2)


def test_any_index_can_stand_behind_the_protocol() -> None:
    entries, x, h = clustered(40)
    store = MemoryBackend(DIM, VIEWS)
    store.add(entries[:30], x[:30], h[:30])
    store._rows = store._rows.indexed(cast(VectorIndex, EvenRows(30)))
    store.add(entries[30:], x[30:], h[30:])
    exact = store.search(x[0], 40, exact=True)
    even = {entry.id for entry in entries[::2]}
    assert store.search(x[0], 40).ids == [each for each in exact.ids if each in even]
    before = store.snapshot()
    store.delete([entries[0].id])
    assert ids(store.search(x[1], 40)) == {entry.id for entry in entries[1::2]}
    assert ids(before.search(x[1], 40)) == even


def test_a_snapshot_searches_by_its_own_index_whatever_is_written(store: LanceBackend) -> None:
    queries = clustered(20, seed=3)[1]
    before = store.snapshot()
    want = [before.search(query, 10).ids for query in queries]
    store.add(*clustered(300, seed=4))
    store.delete([f"0-{i}" for i in range(0, N, 3)])
    store.add(*clustered(30, seed=5))
    assert len(before) == N and len(store) == N * 2 // 3 + 330
    got = [before.search(query, 10) for query in queries]
    assert {each.partition("-")[0] for found in got for each in found.ids} == {"0"}
    shared = [len(set(a) & set(b.ids)) / 10 for a, b in zip(want, got, strict=True)]
    assert np.mean(shared) >= 0.95
    for found, query in zip(got, queries, strict=True):
        assert len(found) == 10
        np.testing.assert_allclose(found.vectors @ query, found.cosine, atol=1e-5)
    assert not {f"0-{i}" for i in range(0, N, 3)} & ids(store.search(queries[0], 500))


def test_two_states_that_go_on_apart_do_not_mix(store: LanceBackend) -> None:
    assert store._rows.index is not None
    (one, a, h), (two, b, _) = clustered(40, seed=4), clustered(40, seed=5)
    first, second = store._rows.extended(one, a, h), store._rows.extended(two, b, h)
    for state, other, entries, x in ((first, two, one, a), (second, one, two, b)):
        assert len(state) == N + 40 and not state.known(each.id for each in other)
        found = [state.search(row, 1).ids for row in x]
        assert found == [[each.id] for each in entries]


def test_it_knows_of_every_row_of_the_store(store: LanceBackend) -> None:
    assert store._rows.index is not None and len(store._rows.index) == N
    entries, x, h = clustered(2, seed=9)
    store.add(entries, x, h)
    store.search(x[0], 1)
    assert len(store._rows.index) == N + 2
    store.delete([entries[0].id])
    assert len(store._rows.index) == N + 1


@pytest.mark.parametrize("width", [16, 32, 48, 64, 272])
def test_bytes_are_scored_as_the_numbers_that_they_stand_for(width: int) -> None:
    """One kind of bytes of faiss scores falsely where the width is a multiple of 32."""
    rng = np.random.default_rng(0)
    x = rng.integers(-127, 128, size=(500, width)).astype(np.float32)
    file = InvertedFile(1, width)
    file.move(np.zeros((1, width), np.float32))
    file.add(x, np.zeros(len(x), np.int64))
    for query in rng.normal(size=(5, width)).astype(np.float32):
        assert set(file.nearest(query, 1, 10)) == set(np.argsort(-(x @ query))[:10])
    some = np.packbits(np.arange(len(x)) % 2, bitorder="little")
    found = file.within(query, np.zeros(1, np.int64), 10, some)
    assert set(found) == set(np.argsort(np.where(np.arange(500) % 2, -(x @ query), np.inf))[:10])


def test_trimming_changes_no_result_and_more_may_come() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-127, 128, size=(900, 16)).astype(np.float32)
    file = InvertedFile(3, 16)
    file.move(rng.normal(size=(3, 16)).astype(np.float32))
    file.add(x[:600], np.arange(600) % 3)
    queries = rng.normal(size=(20, 16)).astype(np.float32)
    before = [file.nearest(query, 3, 5) for query in queries]
    file.trim()
    after = [file.nearest(query, 3, 5) for query in queries]
    assert all(map(np.array_equal, before, after))
    file.add(x[600:], np.arange(300) % 3)
    for query in queries:
        assert set(file.nearest(query, 3, 5)) == set(np.argsort(-(x @ query))[:5])


def test_answers_are_no_views_of_one_another() -> None:
    x = np.eye(16, dtype=np.float32) * 100
    file = InvertedFile(1, 16)
    file.move(np.zeros((1, 16), np.float32))
    file.add(x, np.zeros(16, np.int64))
    first, second = file.nearest(x[3], 1, 1), file.nearest(x[5], 1, 1)
    assert (first[0], second[0]) == (3, 5)
    assert set(file.nearest(x[3], 1, 40)) == set(range(16))  # no more than there are


def test_units_let_every_number_fit_into_a_byte() -> None:
    _, x, hubness = clustered(300)
    wide, units = widened(x, hubness), units_of(x, hubness)
    assert units.dtype == np.float32 and (units > 0).all()
    whole = np.abs(wide / units).max(axis=0)
    np.testing.assert_allclose(whole[: DIM + 2], 127, rtol=1e-5)
    assert not whole[DIM + 2 :].any()


def test_later_rows_of_larger_numbers_are_found(store: LanceBackend) -> None:
    """They are cut off in the index, and scored by what they are."""
    x = np.eye(DIM, dtype=np.float32)
    assert np.abs(store._rows.x).max() < 0.95
    entries = [Entry(f"axis {i}", VIEWS[i % 2], VIEWS[i % 2], "") for i in range(DIM)]
    store.add(entries, x, np.full((DIM, 2), 0.9, np.float32))
    for i, row in enumerate(x):
        found = store.search(row, 1, view=VIEWS[i % 2])
        assert (found.ids, found.score[0]) == ([f"axis {i}"], 1.0)
