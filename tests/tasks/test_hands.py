"""What changes hands between two runs: every item names a file that holds it, whatever happened."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tasks.conftest import picture

from isthmus.core.artifact import content_hash
from isthmus.media import source
from isthmus.space import Space
from isthmus.store import Entry, FileRecord, FileStatus
from isthmus.tasks import IndexReport, Store
from isthmus.tasks.retrieval import encoded_parts as encoding
from isthmus.tasks.retrieval import index as indexing
from isthmus.tasks.retrieval import plan as planning


@pytest.fixture(params=[1, 64], ids=["a-file-a-batch", "one-batch"], autouse=True)
def _batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH", request.param)


@pytest.fixture
def store(space: Space) -> Store:
    return Store.in_memory(space)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "图"
    made.mkdir()
    for number in range(1, 6):
        picture(made / f"img_{number}.png", number)
    return made


def wrong(store: Store) -> list[str]:
    """Sources that do not hold their item."""
    return [
        entry.source
        for entry in store.backend.entries()
        if not entry.gone and content_hash(Path(entry.source).read_bytes()) != entry.id
    ]


def named(pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(Path(a).name, Path(b).name) for a, b in pairs}


def test_a_chain_of_renames(store: Store, folder: Path) -> None:
    store.add(folder)
    ids = {entry.id for entry in store.backend.entries()}
    for number in range(5, 0, -1):
        (folder / f"img_{number}.png").rename(folder / f"img_{number + 1}.png")
    report = store.add(folder)
    assert named(report.moved) == {(f"img_{n + 1}.png", f"img_{n}.png") for n in range(1, 6)}
    assert (report.added, report.dropped, report.copies) == ([], [], [])
    assert [Path(path).name for path in report.gone] == ["img_1.png"]
    assert {entry.id for entry in store.backend.entries()} == ids and wrong(store) == []
    assert all(f"img {e.source[-5]}" in e.text for e in store.backend.entries())
    assert store.check(deep=True) == []


def test_a_cycle_of_files_with_the_same_size_and_time(store: Store, folder: Path) -> None:
    first, second, third = (folder / f"img_{n}.png" for n in (1, 2, 3))
    for path in (first, second, third):
        path.write_bytes(path.read_bytes().ljust(8_000, b"\0"))
        os.utime(path, ns=(10**18, 10**18))
    store.add(folder)
    first.rename(folder / "aside")
    for old, new in ((third, first), (second, third), (folder / "aside", second)):
        old.rename(new)
    report = store.add(folder)
    assert named(report.moved) == {
        ("img_2.png", "img_1.png"),
        ("img_3.png", "img_2.png"),
        ("img_1.png", "img_3.png"),
    }
    assert (report.added, report.dropped, report.gone, wrong(store)) == ([], [], [], [])


def test_moved_and_replaced_in_one_run(store: Store, folder: Path) -> None:
    store.add(folder)
    (folder / "img_2.png").rename(folder / "kept.png")
    picture(folder / "img_2.png", 22)
    picture(folder / "img_4.png", 44)
    shutil.copy(folder / "img_5.png", folder / "copy.png")
    (folder / "img_1.png").replace(folder / "img_3.png")
    report = store.add(folder)
    assert named(report.moved) == {("kept.png", "img_2.png"), ("img_3.png", "img_1.png")}
    assert named(report.copies) == {("copy.png", "img_5.png")}
    assert (len(report.added), len(report.dropped), len(store)) == (2, 2, 5)
    assert wrong(store) == []


def test_a_copy_takes_over_from_a_file_that_vanished(store: Store, folder: Path) -> None:
    shutil.copy(folder / "img_1.png", folder / "other.png")
    store.add(folder)
    (folder / "img_1.png").unlink()
    store.add(folder)
    sources = {Path(entry.source).name for entry in store.backend.entries() if not entry.gone}
    assert "other.png" in sources and "img_1.png" not in sources and wrong(store) == []


@pytest.mark.parametrize("after", range(1, 6))
def test_a_run_that_was_stopped_is_made_good_by_the_next(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """As by a kill: nothing is settled, and batches before it are recorded."""
    store.add(folder)
    for number in range(5, 0, -1):
        (folder / f"img_{number}.png").rename(folder / f"img_{number + 1}.png")
    picture(folder / "img_3.png", 33)

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "index" and done >= min(after, total):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(indexing._Run, "settle", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            store.add(folder, progress=stop)
    report = store.add(folder)
    assert wrong(store) == [] and len(store) == 5
    assert store.check(deep=True) == []
    assert report.failures == [] and store.add(folder).moved == []


def test_a_cancelled_run_settles_what_it_saw_and_drops_nothing(store: Store, folder: Path) -> None:
    store.add(folder)
    for number in range(5, 0, -1):
        (folder / f"img_{number}.png").rename(folder / f"img_{number + 1}.png")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(folder, progress=stop)
    assert len(store) == 5
    assert store.add(folder).dropped == [] and wrong(store) == []


def refusing(path: Path, code: int, real: Callable[..., Any]) -> Callable[..., Any]:
    def refused(some: Any, *args: Any, **kwargs: Any) -> Any:
        if str(getattr(some, "path", some)).startswith(str(path)):
            raise OSError(code, os.strerror(code), str(some))
        return real(some, *args, **kwargs)

    return refused


CODES = [errno.EACCES, errno.EIO, errno.ESTALE]


@pytest.mark.parametrize("code", CODES, ids=map(errno.errorcode.get, CODES))
@pytest.mark.parametrize("what", ["open", "stat", "list"])
def test_what_cannot_be_read_for_a_while_keeps_its_items(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, what: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / "m" / name).mkdir(parents=True)
        picture(tmp_path / "m" / name / "x.png", ord(name))
    store.add(tmp_path / "m")
    before = store.backend.entries()
    hidden = tmp_path / "m" / "a"
    with monkeypatch.context() as patch:
        if what == "open":
            os.utime(hidden / "x.png", ns=(1, 1))
            patch.setattr(Path, "open", refusing(hidden, code, Path.open))
        if what != "open":
            patch.setattr(source.os, "scandir", refusing(hidden, code, os.scandir))
        if what == "stat":
            patch.setattr(planning.os, "stat", refusing(hidden, code, os.stat))
        report = store.add(tmp_path / "m")
    assert {failure.status for failure in report.failures} == {FileStatus.UNREADABLE}
    assert all(str(hidden) in failure.source for failure in report.failures)
    assert (report.gone, report.dropped) == ([], []) and list(store.backend.entries()) == before
    again = store.add(tmp_path / "m")
    assert (again.failures, again.added, store.failures()) == ([], [], [])
    assert list(store.backend.entries()) == before


def test_a_root_that_cannot_be_looked_at_is_told_and_the_others_are_indexed(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(folder)
    picture(tmp_path / "new.png", 9)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refusing(folder, errno.ESTALE, Path.stat))
        report = store.add([folder, tmp_path / "new.png"])
    assert [(f.source, f.status) for f in report.failures] == [(str(folder), FileStatus.UNREADABLE)]
    assert (len(report.added), report.gone, len(store)) == (1, [], 6)


def test_the_empty_mount_point_of_a_disk_marks_nothing_as_gone(store: Store, folder: Path) -> None:
    store.add(folder)
    folder.rename(folder.with_name("disk"))
    folder.mkdir()
    report = store.add(folder)
    assert (report.gone, [e for e in store.backend.entries() if e.gone]) == ([], [])
    assert len(report.failures) == 1 and "has 5 files of it" in report.failures[0].reason
    assert "isthmus forget" in report.failures[0].reason
    folder.rmdir()
    folder.with_name("disk").rename(folder)
    assert store.add(folder).failures == [] and wrong(store) == []


def test_files_that_were_moved_out_of_a_folder_are_moved_though_it_is_empty_now(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    store.add(folder)
    (tmp_path / "new").mkdir()
    for path in list(folder.iterdir()):
        path.rename(tmp_path / "new" / path.name)
    report = store.add([folder, tmp_path / "new"])
    assert len(report.moved) == 5 and report.copies == [] and wrong(store) == []
    assert store.add([folder, tmp_path / "new"]).failures == []


def test_a_folder_where_a_file_was(store: Store, folder: Path) -> None:
    store.add(folder)
    (folder / "img_1.png").unlink()
    (folder / "img_1.png").mkdir()
    picture(folder / "img_1.png" / "inner.png", 77)
    report = store.add(folder)
    assert [Path(path).name for path in report.gone] == ["img_1.png"]
    assert len(report.added) == 1 and wrong(store) == []
    shutil.rmtree(folder / "img_1.png")
    picture(folder / "img_1.png", 1)
    assert store.add(folder).added == [] and wrong(store) == []


def test_a_name_that_is_not_utf8_is_listed_beside_what_is_indexed(
    store: Store, folder: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    shutil.copy(folder / "img_1.png", odd)
    report = store.add([odd, folder / "img_2.png"])
    assert [f.reason for f in report.failures] == ["its name is not UTF-8; rename it"]
    assert len(report.added) == 1
    report.failures[0].source.encode()


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_another(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id is that of the old content, and its vector would be that of the new."""
    real = encoding.encode_items

    def late(items: list[Any], *args: Any, **kwargs: Any) -> Any:
        for item in items:
            if item.source.endswith("img_3.png"):
                picture(Path(item.source), 333)
        return real(items, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(encoding, "encode_items", late)
        report: IndexReport = store.add(folder)
    assert [(Path(f.source).name, f.status) for f in report.failures] == [
        ("img_3.png", FileStatus.UNREADABLE)
    ]
    assert len(store) == 4
    assert len(store.add(folder).added) == 1 and wrong(store) == []


def test_doctor_finds_a_file_that_changed_behind_its_back(store: Store, folder: Path) -> None:
    store.add(folder)
    before = store.backend.files()
    picture(folder / "img_3.png", 333)
    damages = store.check(deep=True)
    item = before[str(folder / "img_3.png")].item
    assert [list(damage.ids) for damage in damages] == [[item]]
    assert str(folder / "img_3.png") in damages[0].what and store.check() == []
    assert store.check(deep=True, repair=True)[0].repaired
    assert store.add(folder).unchanged == 4
    assert store.check(deep=True) == [] and len(store) == 5


def test_what_another_file_holds_is_not_forgotten(store: Store, tmp_path: Path) -> None:
    for name in ("private", "keep"):
        (tmp_path / name).mkdir()
    picture(tmp_path / "private/both.png", 1)
    picture(tmp_path / "private/only.png", 2)
    shutil.copy(tmp_path / "private/both.png", tmp_path / "keep/other.png")
    store.add([tmp_path / "private"])
    store.add([tmp_path / "keep"])
    both = store.backend.files()[str(tmp_path / "keep/other.png")].item
    done = store.forget([tmp_path / "private"])
    assert len(done) == 1 and both not in done.items
    assert done.kept == [(str(tmp_path / "private/both.png"), str(tmp_path / "keep/other.png"))]
    assert {Path(path).name for path in done.files} == {"both.png", "only.png"}
    left = list(store.backend.entries())
    assert [entry.source for entry in left] == [str(tmp_path / "keep/other.png")]
    assert "private" not in left[0].text
    assert len(store.forget([tmp_path / "private", tmp_path / "keep"])) == 1 and len(store) == 0


def test_an_item_that_is_named_by_its_id_goes_with_all_its_files(
    store: Store, folder: Path
) -> None:
    shutil.copy(folder / "img_1.png", folder / "copy.png")
    store.add(folder)
    item = store.backend.files()[str(folder / "img_1.png")].item
    done = store.forget(ids=[item, "nobody"])
    assert done.items == [item] and done.kept == []
    assert {Path(path).name for path in done.files} == {"img_1.png", "copy.png"}


def test_an_item_that_was_lost_is_read_again(store: Store, folder: Path) -> None:
    store.add(folder)
    store.backend.delete([store.backend.entries()[0].id])
    report = store.add(folder)
    assert (len(report.added), report.unchanged, len(store)) == (1, 4, 5)


def test_forgetting_compares_no_record_with_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is linear: no two records, and no file and all that are named, are compared."""
    compared = []
    names = [f"/p/{part}/{n}.png" for part in ("private", "keep") for n in range(300)]
    records = [FileRecord(name, 1, 2, f"{place:032x}") for place, name in enumerate(names)]
    entries = [Entry(f"{place:032x}", "text", "text", name) for place, name in enumerate(names)]
    x = np.eye(store.space.dim, dtype=np.float32)[np.arange(600) % store.space.dim]
    store.backend.add(entries, x, np.zeros((600, len(store.space.views)), dtype=np.float32))
    store.backend.record_files(records)

    def equal(one: FileRecord, other: object) -> bool:
        compared.append(one)
        return one is other

    monkeypatch.setattr(FileRecord, "__eq__", equal)
    assert len(store.forget(names[:300])) == 300
    assert len(compared) <= 600
    assert {entry.source for entry in store.backend.entries()} == set(names[300:])


def test_a_folder_that_was_renamed_moved_and_is_no_copy(store: Store, folder: Path) -> None:
    store.add(folder)
    other = folder.with_name("新")
    folder.rename(other)
    report = store.add(other)
    assert report.copies == [] and len(report.moved) == 5
    assert {Path(e.source).parent for e in store.backend.entries()} == {other}
    assert wrong(store) == [] and not any(e.gone for e in store.backend.entries())
    assert {Path(path).parent for path in store.backend.files()} == {other}


def test_a_file_that_moved_is_not_missed_under_its_old_name(store: Store, folder: Path) -> None:
    store.add(folder)
    (folder / "img_1.png").rename(folder / "new.png")
    assert named(store.add(folder).moved) == {("new.png", "img_1.png")}
    names = {Path(path).name for path in store.backend.files()}
    assert "new.png" in names and "img_1.png" not in names
    assert store.status().gone == 0
