"""A store on disk: kills, several writers, damage, a full disk, and nothing left behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.store.making import DIM, VIEWS, rows
from tests.waiting import PATIENCE

from isthmus.core.errors import ArtifactError, FingerprintError, IntegrityError
from isthmus.core.linalg import F32
from isthmus.store import Entry, FileRecord, open_backend
from isthmus.store.filters import parse
from isthmus.store.lance import LanceBackend
from isthmus.store.tables import LABELS, MORE

KILLS = int(os.environ.get("ISTHMUS_KILLS", "3"))
WRITER = """
import sys
from pathlib import Path
from isthmus.store import FileRecord, open_backend
from making import DIM, VIEWS, rows

folder, start, stop, size = Path(sys.argv[1]), *map(int, sys.argv[2:])
store = open_backend(folder, DIM, VIEWS, "space")
for first in range(start, stop, size):
    entries, x, h = rows(size, seed=first, start=first)
    added = store.add(entries, x, h)
    store.record_files([FileRecord(e.source, 1, 2, e.id) for e in entries])
    print(" ".join(e.id for e in entries), flush=True)
"""


def writer(folder: Path, start: int, stop: int, size: int = 16) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(start), str(stop), str(size)]
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def opened(folder: Path) -> LanceBackend:
    return open_backend(folder, DIM, VIEWS, "space")


def filled(folder: Path, n: int = 50, batches: int = 1) -> LanceBackend:
    store = opened(folder)
    for i in range(batches):
        store.add(*rows(n, seed=i, start=i * n))
    return store


def test_a_kill_at_any_moment_loses_no_acknowledged_row(tmp_path: Path) -> None:
    chance = random.Random(0)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        child = writer(tmp_path / "s", len(acknowledged), 10_000)
        assert child.stdout is not None
        for _ in range(chance.randint(1, 4)):
            acknowledged.update(child.stdout.readline().split())
        time.sleep(chance.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        # The last line may have been cut by the kill; whole lines were acknowledged.
        acknowledged.update(name for line in rest.splitlines(True)[:-1] for name in line.split())
        store = opened(tmp_path / "s")
        there = [entry.id for entry in store.entries()]
        assert acknowledged <= set(there), kill
        assert len(there) == len(set(there)), kill
    assert len(acknowledged) > 16 * KILLS
    assert [damage for damage in store.check(deep=True) if damage.ids] == []


def test_four_writers_of_the_same_rows_make_each_once(tmp_path: Path) -> None:
    children = [writer(tmp_path / "s", 0, 112) for _ in range(4)]
    for child in children:
        child.communicate(timeout=PATIENCE)
        assert child.returncode == 0
    store = opened(tmp_path / "s")
    counts = Counter(entry.id for entry in store.entries())
    assert counts == {f"id{i}": 1 for i in range(112)}
    assert len(store.files()) == 112 and store.check(deep=True) == []


def test_a_reader_sees_what_another_process_wrote(tmp_path: Path) -> None:
    first, second = opened(tmp_path / "s"), opened(tmp_path / "s")
    entries, x, h = rows(30)
    first.add(entries[:10], x[:10], h[:10])
    assert len(second) == 10
    second.add(entries[10:20], x[10:20], h[10:20])
    first.add(entries[20:], x[20:], h[20:])
    assert second.search(x[25], 1).ids == ["id25"]
    second.delete(["id25"])
    assert first.search(x[25], 1).ids != ["id25"] and len(first) == 29
    second.optimize()
    assert len(first) == 29


@pytest.mark.parametrize(("n", "batches"), [(50, 3), (400, 1)])
def test_deletion_leaves_nothing_behind(tmp_path: Path, n: int, batches: int) -> None:
    store = filled(tmp_path / "s", n, batches)
    store.record_files([FileRecord("/geheim/密.png", 1, 2, "id7")])
    vector = store.vectors(["id7"])["id7"].tobytes()
    name = store.get(["id7"])["id7"].source.encode()
    assert _somewhere(tmp_path / "s", vector)
    store.delete(["id7"])
    store.forget_files(["/geheim/密.png"])
    assert not _somewhere(tmp_path / "s", vector)
    assert not _somewhere(tmp_path / "s", name)
    assert not _somewhere(tmp_path / "s", "/geheim/密.png".encode())
    again = opened(tmp_path / "s")
    assert len(again) == n * batches - 1 and again.check(deep=True) == []


def _somewhere(folder: Path, data: bytes) -> bool:
    return any(data in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_flipped_bits_are_found_and_named(tmp_path: Path) -> None:
    store = filled(tmp_path / "s", 200)
    store.close()
    data = max((tmp_path / "s/tables/items.lance/data").iterdir(), key=lambda p: p.stat().st_size)
    whole = data.read_bytes()
    vector = rows(200)[1][123].tobytes()
    place = whole.index(vector) + 5
    data.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    store = opened(tmp_path / "s")
    damages = store.check(deep=True)
    assert [list(d.ids) for d in damages] == [["id123"]] and not damages[0].repaired
    mended = store.check(deep=True, repair=True)
    assert mended[0].repaired and len(store) == 199
    assert store.check(deep=True) == []


def test_an_empty_newest_manifest_is_set_aside(tmp_path: Path) -> None:
    filled(tmp_path / "s", 10, batches=3).close()
    manifests = (tmp_path / "s/tables/items.lance/_versions").glob("*.manifest")
    newest = min(manifests, key=lambda path: (len(path.stem), path.stem))
    newest.write_bytes(b"")
    store = opened(tmp_path / "s")
    with pytest.raises(IntegrityError, match="doctor --repair"):
        len(store)
    damages = store.check()
    assert len(damages) == 1 and newest.name in damages[0].what and not damages[0].repaired
    mended = store.check(repair=True)
    assert "20 rows" in mended[0].repaired
    assert (tmp_path / "s/damaged").is_dir() and len(store) == 20
    assert store.add(*rows(10, seed=2, start=20)) == [f"id{i}" for i in range(20, 30)]


def test_files_whose_items_were_lost_are_indexed_again(tmp_path: Path) -> None:
    store = filled(tmp_path / "s", 3)
    store.record_files([FileRecord("/a", 1, 2, "id0"), FileRecord("/b", 1, 2, "lost")])
    assert "the items of 1 recorded file are lost: /b" in store.check()[0].what
    assert store.check(repair=True)[0].repaired
    assert set(store.files()) == {"/a"} and store.check() == []


def test_a_full_disk_is_an_error_and_earlier_rows_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path / "s", 10)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._database.table("items").__class__, "add", full)
    with pytest.raises(ArtifactError, match=r"No space left on device.*still there"):
        store.add(*rows(5, seed=9, start=50))
    monkeypatch.undo()
    assert len(store) == 10 == len(opened(tmp_path / "s"))
    assert len(store.add(*rows(5, seed=9, start=50))) == 5


def test_every_commit_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: set[str] = set()
    real = os.fsync

    def spy(descriptor: int) -> None:
        flushed.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    filled(tmp_path / "s", 5)
    tables = tmp_path / "s/tables/items.lance"
    written = {str(path) for path in tables.rglob("*")}
    assert written <= flushed | {str(p) for p in tables.rglob("*") if p.is_dir()}
    assert str(tables / "data") in flushed and str(tables / "_versions") in flushed


def test_another_space_or_another_folder_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "s", 1)
    with pytest.raises(FingerprintError, match=r"another space, of .*space, not other"):
        open_backend(tmp_path / "s", DIM, VIEWS, "other")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").touch()
    with pytest.raises(ArtifactError, match="is not empty and is not a store"):
        open_backend(tmp_path / "photos", DIM, VIEWS, "space")
    (tmp_path / "s/store.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"store\.json is damaged"):
        opened(tmp_path / "s")


def test_many_file_records_are_read_quickly_and_whole(tmp_path: Path) -> None:
    store = opened(tmp_path / "s")
    records = [FileRecord(f"/f/{i}", i, i, f"id{i}") for i in range(10_000)]
    store.record_files(records)
    assert opened(tmp_path / "s").files() == {r.path: r for r in records}


def test_small_batches_stay_one_commit_each(tmp_path: Path) -> None:
    store = filled(tmp_path / "s", 5, batches=30)
    store.optimize()
    data = list((tmp_path / "s/tables/items.lance/data").iterdir())
    assert len(data) == 1 and len(store) == 150
    assert store.search(np.asarray(rows(5, seed=7, start=35)[1][2]), 1).ids == ["id37"]


def test_forgetting_files_first_does_not_lose_sight_of_items(tmp_path: Path) -> None:
    store = filled(tmp_path / "s", 5)
    store.record_files([FileRecord("/a", 1, 2, "id0")])
    again = opened(tmp_path / "s")
    again.forget_files(["/a"])
    assert len(again) == 5 and again.delete(["id0"]) == 1


def test_a_change_whose_notice_was_lost_is_seen_all_the_same(tmp_path: Path) -> None:
    reader, killed = filled(tmp_path / "s", 20), opened(tmp_path / "s")
    assert len(reader) == 20
    killed._database.drop("items", "id", ["id3"])  # and then it died
    third = opened(tmp_path / "s")
    third.add(*rows(2, seed=5, start=100))
    assert set(reader.known(["id3", "id100", "id101"])) == {"id100", "id101"}
    third.add(*rows(1, seed=6, start=200))
    assert len(reader) == 22 and reader.known(["id200"])
    assert reader.add(*rows(1, seed=6, start=200)) == []
    reader.optimize()
    assert len(opened(tmp_path / "s")) == 22


def test_many_small_commits_are_merged_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.store._database._COMMITS", 8)
    store, reader = opened(tmp_path / "s"), opened(tmp_path / "s")
    for i in range(30):
        entries, x, h = rows(2, seed=i, start=2 * i)
        store.add(entries, x, h)
        store.record_files([FileRecord(e.source, i, i, e.id) for e in entries])
        assert len(reader) == 2 * i + 2
    for name in ("items", "files"):
        versions = list((tmp_path / f"s/tables/{name}.lance/_versions").glob("*.manifest"))
        assert len(versions) <= 9
    assert len(opened(tmp_path / "s")) == len(store.files()) == 60
    assert reader.check(deep=True) == []


def without_lancedb(code: str) -> str:
    """What a process prints that cannot import LanceDB."""
    code = "import sys; sys.modules['lancedb'] = None\n" + code
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_a_settled_store_is_searched_without_lancedb(tmp_path: Path) -> None:
    store = filled(tmp_path / "s", n=50)
    store.optimize()
    _, x, _ = rows(50)
    code = f"""
from pathlib import Path
from isthmus.store import open_backend
from making import DIM, VIEWS, rows
store = open_backend(Path({str(tmp_path / "s")!r}), DIM, VIEWS, "space")
_, x, _ = rows(50)
print(*store.search(x[7], 5).ids, store.get(["id5"])["id5"].source, len(store.match("number7", 3)))
"""
    ids, entry = store.search(x[7], 5).ids, store.get(["id5"])["id5"]
    assert without_lancedb(code) == " ".join([*ids, entry.source, "1\n"])


@pytest.mark.parametrize("change", ["add", "amend", "delete"])
def test_a_copy_of_an_earlier_state_is_not_read(tmp_path: Path, change: str) -> None:
    store = filled(tmp_path / "s", n=50)
    store.optimize()
    kept = (tmp_path / "s/copy").read_bytes()
    more, x, h = rows(3, seed=9, start=50)
    if change == "add":
        store.add(more, x, h)
    elif change == "amend":
        store.amend([replace(store.get(["id1"])["id1"], source="/elsewhere")])
    else:
        store.delete(["id1"])
    (tmp_path / "s/copy").write_bytes(kept)  # as if a backup had been put back over it
    fresh = opened(tmp_path / "s")
    assert fresh.get(["id1", "id51"]) == store.get(["id1", "id51"])
    ids = [sorted(entry.id for entry in each.entries()) for each in (fresh, store)]
    assert ids[0] == ids[1]
    found = fresh.check()
    assert [each.ids for each in found] == ([["id1"]] if change == "delete" else [])


def test_what_is_forgotten_is_in_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "s", n=50)
    store.optimize()
    secret = store.get(["id7"])["id7"].text.encode()
    assert secret in (tmp_path / "s/copy").read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store._database, "drop", killed)
        store.delete(["id7"])
    assert not (tmp_path / "s/copy").exists()
    store.delete(["id7"])
    data = (tmp_path / "s/copy").read_bytes()
    assert secret not in data and store.get(["id8"])["id8"].text.encode() in data


def test_a_damaged_copy_is_passed_over_and_made_anew(tmp_path: Path) -> None:
    filled(tmp_path / "s", n=50).optimize()
    path = tmp_path / "s/copy"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    store = opened(tmp_path / "s")
    assert len(store) == 50
    assert ["is damaged" in each.what for each in store.check()] == [True]
    assert [each.repaired for each in store.check(repair=True)] == ["made anew"]
    assert store.check(deep=True) == []


def test_a_store_without_its_tables_is_damaged_not_empty(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "s")) as store:
        assert len(store) == 0 and store.check() == []  # a new one is empty
    filled(tmp_path / "s", n=5)
    shutil.rmtree(tmp_path / "s/tables")
    store = opened(tmp_path / "s")
    with pytest.raises(IntegrityError, match="'tables', which holds all items, is missing"):
        len(store)
    with pytest.raises(IntegrityError, match="is missing"):
        store.add(*rows(2))
    found = store.check(repair=True)
    assert found[0].repaired == "made an empty one; index your files again"
    assert store.check() == [] and len(store) == 0


@pytest.mark.parametrize("lacking", [[MORE], [LABELS, MORE]])
def test_a_store_of_an_earlier_release_gets_columns_with_its_next_write(
    lacking: list[str], tmp_path: Path
) -> None:
    """As those of earlier releases are: no such column, and checksums without it."""
    import lancedb

    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    entries = [Entry(f"{n}", "image", "image", f"/{n}.png") for n in range(3)]
    with closing(LanceBackend(tmp_path / "s", 8, ("image",))) as made:
        made.add(entries, x, np.zeros((3, 1), dtype=np.float32))
    lancedb.connect(str(tmp_path / "s" / "tables")).open_table("items").drop_columns(lacking)
    with closing(LanceBackend(tmp_path / "s", 8, ("image",))) as old:
        assert [e.labels for e in old.snapshot().entries()] == [()] * 3
        assert old.check(deep=True) == []
        fields = (("taken", "2026-01-31"), ("width", 640.0))
        mended = replace(entries[1], labels=(("cat", 0.75),), origin="ocr", fields=fields)
        old.amend([mended])
    with closing(LanceBackend(tmp_path / "s", 8, ("image",))) as again:
        (found,) = again.snapshot().entries(parse("label:CAT"))
        assert found == mended
        assert again.check(deep=True) == []


def test_entries_that_are_read_share_the_names_of_their_views(tmp_path: Path) -> None:
    """Of a store that is opened, each would else hold strings of its own: 100 bytes an item."""
    filled(tmp_path / "s").optimize()
    read = opened(tmp_path / "s").entries()
    for what in ("view", "modality"):
        named = [getattr(entry, what) for entry in read]
        assert len({id(name) for name in named}) == len(set(named)) > 1


def _left(folder: Path, n: int) -> tuple[Sequence[Entry], F32]:
    """Make a store of some files, and leave it: its entries and vectors."""
    with closing(filled(folder, n=n)) as store:
        store.record_files([FileRecord(f"/{i}", 1, 2, f"id{i}") for i in range(n)])
        store.optimize()
        return store.entries(), store.snapshot().x


def _ruin(folder: Path, how: str) -> None:
    """Damage the only version of the items."""
    parts = {"emptied": "data/*.lance", "gone": "data/*.lance", "zeroed": "_versions/*.manifest"}
    for path in (folder / "tables/items.lance").glob(parts[how]):
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(bytes(path.stat().st_size if how == "zeroed" else 0))


@pytest.mark.parametrize("how", ["emptied", "gone", "zeroed"])
def test_items_that_cannot_be_read_are_put_back_from_the_copy(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "s"
    before, x = _left(folder, 20)
    _ruin(folder, how)
    with closing(opened(folder)) as store, pytest.raises(IntegrityError, match="doctor --repair"):
        store.add(*rows(2, seed=5, start=50))  # a writer notices, though the copy can be read
    with closing(opened(folder)) as store:
        assert ["20 rows put back from copy" in each.what for each in store.check()] == [True]
        (mended,) = store.check(repair=True)
        assert mended.repaired.endswith("; 20 rows put back from copy")
        assert len(list((folder / "damaged").glob("*-items.lance"))) == 1
        assert store.check(deep=True) == []
        assert len(store.files()) == 20
    (folder / "copy").unlink()
    with closing(opened(folder)) as store:
        assert store.entries() == before
        assert np.array_equal(store.snapshot().x, x)
        assert store.add(*rows(2, seed=5, start=50)) == ["id50", "id51"]


@pytest.mark.parametrize("how", ["emptied", "gone", "zeroed"])
def test_items_of_which_there_is_no_copy_are_indexed_again(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "s"
    _left(folder, 3)
    (folder / "copy").unlink()
    _ruin(folder, how)
    with closing(opened(folder)) as store:
        assert "then index your files again" in store.check()[0].what
        said = [each.repaired for each in store.check(repair=True)]
        assert said[0].endswith("made an empty one; index your files again")
        assert len(list((folder / "damaged").glob("*-items.lance"))) == 1
        assert (store.check(), store.files(), len(store)) == ([], {}, 0)
        assert store.add(*rows(2)) == ["id0", "id1"]


def test_records_of_files_that_cannot_be_read_are_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with closing(filled(folder, n=3)) as store:
        store.record_files([FileRecord("/0", 1, 2, "id0")])
        store.optimize()
    for path in (folder / "tables/files.lance/data").iterdir():
        path.write_bytes(b"")
    with closing(opened(folder)) as store:
        (mended,) = store.check(repair=True)
        assert mended.repaired.endswith("made an empty one; index your files again")
        assert (store.check(), store.files(), len(store)) == ([], {}, 3)


def test_a_repair_that_fails_leaves_the_damage_to_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "s"
    with closing(filled(folder, n=5)) as store:
        store.optimize()
    _ruin(folder, "emptied")
    with closing(opened(folder)) as store, monkeypatch.context() as patch:
        patch.setattr("isthmus.store._database.Database.flush", _full)
        with pytest.raises(IntegrityError, match="No space left"):
            store.check(repair=True)
    with closing(opened(folder)) as store:
        assert "5 rows put back" in store.check(repair=True)[0].repaired
        assert store.check(deep=True) == [] and len(store) == 5


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")
