"""What every backend keeps: checked on memory and on disk alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.store.making import DIM, VIEWS, rows

from isthmus.core.errors import VectorError
from isthmus.store import (
    Backend,
    Entry,
    FileRecord,
    FileStatus,
    HubnessCorrection,
    MemoryBackend,
    open_backend,
)
from isthmus.store.filters import parse

Open = Callable[[], Backend]


@pytest.fixture(params=["memory", "lance"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again, from disk where there is one."""
    if request.param == "memory":
        backend = MemoryBackend(DIM, VIEWS)
        yield lambda: backend
    else:
        yield lambda: open_backend(tmp_path / "店", DIM, VIEWS, "space")


def test_it_keeps_the_protocol(reopen: Open) -> None:
    assert isinstance(reopen(), Backend)


def test_what_was_added_is_there_again(reopen: Open) -> None:
    entries, x, h = rows(20)
    assert reopen().add(entries, x, h) == [e.id for e in entries]
    again = reopen()
    assert len(again) == 20 and again.count() == {"text": 10, "image": 10}
    assert again.get(["id3", "id5", "nobody"]) == {"id3": entries[3], "id5": entries[5]}
    np.testing.assert_array_equal(again.vectors(["id3"])["id3"], x[3])
    assert again.known(["id1", "x"]) == {"id1"}


def test_known_ids_are_left_as_they_are(reopen: Open) -> None:
    entries, x, h = rows(5)
    store = reopen()
    store.add(entries[:3], x[:3], h[:3])
    assert store.add([*entries, entries[4]], x[[0, 1, 2, 3, 4, 0]], h[[0, 1, 2, 3, 4, 0]]) == [
        "id3",
        "id4",
    ]
    np.testing.assert_array_equal(reopen().vectors(["id4"])["id4"], x[4])
    assert len(reopen()) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_useless_vectors_are_refused_and_nothing_is_added(reopen: Open, bad: float) -> None:
    entries, x, h = rows(3)
    x[1] = bad
    with pytest.raises(VectorError, match="row 1 has"):
        reopen().add(entries, x, h)
    assert len(reopen()) == 0


def test_search_is_the_product_with_and_without_correction(reopen: Open) -> None:
    entries, x, h = rows(300)
    store = reopen()
    store.add(entries, x, h)
    query = x[7]
    cosine = x @ query
    plain = store.search(query, 5)
    order = np.argsort(-cosine)[:5]
    assert plain.ids == [f"id{i}" for i in order]
    assert list(plain.entries) == [entries[i] for i in order]
    np.testing.assert_array_equal(plain.vectors, x[order])
    np.testing.assert_array_equal(plain.hubness, h[order])
    np.testing.assert_allclose(plain.cosine, cosine[order], atol=1e-6)
    np.testing.assert_array_equal(plain.score, plain.cosine)
    some = plain.take([3, 0])
    assert some.ids == [plain.ids[3], plain.ids[0]]
    np.testing.assert_array_equal(some.cosine, plain.cosine[[3, 0]])
    score = 2 * cosine - 0.7 * h[:, 1]
    corrected = store.search(query, 5, correction=HubnessCorrection("image", 0.7))
    assert corrected.ids == [f"id{i}" for i in np.argsort(-score)[:5]]
    np.testing.assert_allclose(corrected.score, np.sort(score)[::-1][:5], atol=1e-5)
    some = store.search(query, 4, view="image", where=parse("path~animals and size>=5k"))
    passing = [i for i in np.argsort(-cosine) if i % 2 and i % 3 and i >= 50]
    assert some.ids == [f"id{i}" for i in passing[:4]]
    assert store.search(query, 3, where=parse("modality:video")).ids == []


def test_amended_and_deleted_entries(reopen: Open) -> None:
    entries, x, h = rows(10)
    store = reopen()
    store.add(entries, x, h)
    moved = replace(entries[4], source="/elsewhere'; --.png", gone=True)
    store.amend([moved, replace(entries[5], id="nobody")])
    assert reopen().get(["id4"])["id4"] == moved and len(reopen()) == 10
    np.testing.assert_array_equal(reopen().vectors(["id4"])["id4"], x[4])
    assert store.delete(["id0", "id9", "nobody", "x' OR '1'='1"]) == 2
    left = reopen()
    assert len(left) == 8 and left.known(["id0", "id9"]) == set()
    assert set(left.search(x[0], 10).ids) == {f"id{i}" for i in range(1, 9)}
    assert left.add(entries[:1], x[:1], h[:1]) == ["id0"]


def test_words_in_any_script(reopen: Open) -> None:
    names = ["red kangaroo", "一只红袋鼠", "education", "cat", "小猫咪", "кот", "赤い車"]
    entries = [Entry(f"w{i}", "text", "text", f"/x/{i}", name) for i, name in enumerate(names)]
    _, x, h = rows(len(names))
    store = reopen()
    store.add(entries, x, h)
    assert store.match("袋鼠", 5).ids == ["w1"]
    assert store.match("猫", 5).ids == ["w4"]
    assert store.match("Кот", 5).ids == ["w5"]
    both = store.match("cat", 5)
    assert both.ids == ["w3", "w2"] and both.share.tolist() == pytest.approx([1.0, 0.5])
    np.testing.assert_array_equal(both.vectors, x[[3, 2]])
    np.testing.assert_array_equal(both.hubness, h[[3, 2]])
    first = store.match("Kangaroo RED", 5)
    assert (first.ids[0], first.share[0]) == ("w0", pytest.approx(1.0))
    assert store.match("cat", 5, where=parse("text:cat")).ids == ["w3"]
    assert store.match("nothing here", 5).ids == [] and store.match("", 5).ids == []
    store.add([Entry("w9", "text", "text", "/x/9", "新的猫")], x[:1], h[:1])
    assert set(store.match("猫", 5).ids) == {"w4", "w9"}


def test_file_records(reopen: Open) -> None:
    records = [FileRecord(f"/a/{i}'.png", i, 10**18 + i, f"id{i}") for i in range(5)]
    store = reopen()
    store.record_files(records)
    bad = FileRecord("/a/0'.png", 7, 8, None, FileStatus.BROKEN, "is truncated", gone=True)
    store.record_files([bad])
    again = reopen().files()
    assert again == {r.path: r for r in [bad, *records[1:]]}
    assert again["/a/0'.png"].status is FileStatus.BROKEN and again["/a/0'.png"].failed
    assert again["/a/1'.png"].status is FileStatus.INDEXED and not again["/a/1'.png"].failed
    store.forget_files(["/a/1'.png", "nobody"])
    assert set(reopen().files()) == {r.path for r in records} - {"/a/1'.png"}


def test_nothing_is_found_in_nothing(reopen: Open) -> None:
    store = reopen()
    query = np.ones(DIM, dtype=np.float32) / np.sqrt(DIM)
    assert store.search(query, 3).vectors.shape == (0, DIM)
    assert len(store.search(query, 3)) == 0 and len(store.match("cat", 3)) == 0
    assert store.add([], np.zeros((0, DIM), np.float32), np.zeros((0, 2), np.float32)) == []
    store.optimize()
    assert store.check(deep=True) == []
