import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
from tests.waiting import PATIENCE

from isthmus.pipeline.cache import VectorCache


def rows(n, dim=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


@pytest.fixture
def cache(tmp_path):
    with VectorCache(tmp_path / "deep" / "vectors.sqlite") as made:
        yield made


def test_what_was_put_is_got_bit_for_bit(cache):
    ids, x = [f"item {i}" for i in range(1201)], rows(1201)
    cache.put("encoder", ids, x)
    found = cache.get("encoder", [*ids, "unknown"])
    assert len(found) == 1201
    assert all(np.array_equal(found[i], row) for i, row in zip(ids, x, strict=True))
    assert found["item 0"].dtype == np.float32
    assert found["item 0"].flags.writeable
    assert cache.get("other encoder", ids) == {}
    assert cache.stats()["vectors"] == 1201


def test_put_replaces_and_clear_forgets(cache):
    cache.put("e", ["a"], rows(1))
    cache.put("e", ["a"], rows(1, seed=1))
    cache.put("f", ["a"], rows(1, seed=2))
    assert np.array_equal(cache.get("e", ["a"])["a"], rows(1, seed=1)[0])
    stats = cache.stats()
    assert (stats["vectors"], stats["encoders"]) == (2, 2)
    assert stats["bytes"] > 0
    cache.clear()
    assert cache.stats()["vectors"] == 0
    assert cache.get("e", ["a"]) == {}


def test_an_item_is_forgotten_with_its_spans_whatever_made_them(cache):
    for encoder in ("e", "f", "g"):
        cache.put(encoder, ["0a", "0a@0-1.5", "0a@2-3", "0ab", "0ab@0-1", "0"], rows(6))
    cache.forget(["0a", "unknown"])
    assert cache.stats()["vectors"] == 9
    for encoder in ("e", "f", "g"):
        assert set(cache.get(encoder, ["0a", "0a@0-1.5", "0ab", "0ab@0-1", "0"])) == {
            *("0ab", "0ab@0-1", "0")
        }


def test_rows_whose_checksum_is_wrong_are_not_there(cache):
    cache.put("e", ["flipped", "swapped", "short", "fine"], rows(4))
    with sqlite3.connect(cache.path) as other:
        blobs = dict(other.execute("SELECT item, vector FROM vectors"))
        flipped = bytes([blobs["flipped"][0] ^ 1]) + blobs["flipped"][1:]
        update = "UPDATE vectors SET vector = ? WHERE item = ?"
        other.execute(update, (flipped, "flipped"))
        other.execute(update, (blobs["short"][:-4], "short"))
        other.execute(
            "UPDATE vectors SET vector = ?, crc = (SELECT crc FROM vectors WHERE item = 'fine') "
            "WHERE item = 'swapped'",
            (blobs["fine"],),
        )
    assert set(cache.get("e", ["flipped", "swapped", "short", "fine"])) == {"fine"}
    cache.put("e", ["flipped"], rows(1))
    assert set(cache.get("e", ["flipped"])) == {"flipped"}


@pytest.mark.parametrize("content", [b"not a database" * 99, b"SQLite format 3\0" + b"\xa5" * 5000])
def test_a_file_that_is_no_database_is_moved_aside_with_a_warning(tmp_path, content):
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(content)
    cache = VectorCache(path)
    with pytest.warns(RuntimeWarning, match=r"damaged.*kept as vectors.sqlite.damaged-1"):
        cache.put("e", ["a"], rows(1))
    assert set(cache.get("e", ["a"])) == {"a"}
    assert (tmp_path / "vectors.sqlite.damaged-1").read_bytes() == content
    cache.close()


def test_a_database_whose_pages_are_overwritten_is_moved_aside(tmp_path):
    path = tmp_path / "vectors.sqlite"
    ids = [str(i) for i in range(500)]
    with VectorCache(path) as cache:
        cache.put("e", ids, rows(500, dim=64))
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(bytes(data))
    with VectorCache(path) as cache, pytest.warns(RuntimeWarning, match="damaged"):
        cache.get("e", ids)
        cache.put("e", ids, rows(500, dim=64))
    with VectorCache(path) as cache:
        assert len(cache.get("e", ids)) == 500


def test_a_folder_that_cannot_be_written_is_a_warning_not_an_error(tmp_path):
    (tmp_path / "vectors.sqlite").mkdir()
    cache = VectorCache(tmp_path / "vectors.sqlite")
    with pytest.warns(RuntimeWarning, match="cannot be used now"):
        assert cache.get("e", ["a"]) == {}


def test_threads_share_one_cache(cache):
    def write(start):
        for i in range(start, start + 50):
            cache.put("e", [str(i)], np.full((1, 4), i + 1, dtype=np.float32))

    threads = [threading.Thread(target=write, args=(50 * t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = cache.get("e", [str(i) for i in range(200)])
    assert {k: v[0] for k, v in found.items()} == {str(i): i + 1 for i in range(200)}


def test_two_processes_write_one_file(tmp_path):
    path = tmp_path / "vectors.sqlite"
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from isthmus.pipeline.cache import VectorCache\n"
        "path, name = sys.argv[1:]; cache = VectorCache(Path(path))\n"
        "for i in range(150):\n"
        "    cache.put('e', [f'{name}{i}', f'both{i}'], np.full((2, 8), i + 1, dtype='f4'))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(path), name])
        for name in "ab"
    ]
    assert [process.wait(PATIENCE) for process in running] == [0, 0]
    with VectorCache(path) as cache:
        ids = [f"{name}{i}" for name in ("a", "b", "both") for i in range(150)]
        found = cache.get("e", ids)
        assert cache.stats()["vectors"] == 450
    assert all(found[i][0] == int(i.lstrip("aboth")) + 1 for i in ids)
