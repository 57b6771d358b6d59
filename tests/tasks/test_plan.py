"""What an indexing run finds to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isthmus.core.errors import InputError
from isthmus.store import FileRecord, FileStatus
from isthmus.tasks.retrieval.plan import Plan, plan


def record(
    path: Path, reason: str = "", status: FileStatus = FileStatus.BROKEN, *, gone: bool = False
) -> FileRecord:
    stat = path.stat()
    known = (str(path), stat.st_size, stat.st_mtime_ns)
    if reason:
        return FileRecord(*known, None, status, reason, gone)
    return FileRecord(*known, "item", gone=gone)


def names(found: Plan) -> list[str]:
    return [each.path.name for each in found.fresh]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("猫/a.txt", "猫/b.txt", "c.jpg", "thumbnails/d.jpg", ".hidden/e.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_only_what_changed_is_fresh(folder: Path) -> None:
    a, b, c = folder / "猫/a.txt", folder / "猫/b.txt", folder / "c.jpg"
    known = {str(p): record(p) for p in (a, b, c)}
    b.write_text("longer than before")
    os.utime(c, ns=(0, 123))
    found = plan([folder], known)
    assert (names(found), found.unchanged) == (["c.jpg", "d.jpg", "b.txt"], 1)


def test_vanished_files_are_only_those_under_the_given_roots(folder: Path) -> None:
    a, c = folder / "猫/a.txt", folder / "c.jpg"
    known = {str(p): record(p) for p in (a, c)}
    a.unlink()
    c.unlink()
    assert plan([folder / "猫"], known).gone == [str(a)]
    assert plan([folder], known, include=["*.png"]).gone == [str(a), str(c)]
    back = plan([folder], {str(folder / "猫/b.txt"): record(folder / "猫/b.txt", gone=True)})
    assert "b.txt" in names(back)


def test_a_file_that_a_pattern_leaves_out_is_not_gone(folder: Path) -> None:
    c = folder / "c.jpg"
    assert plan([folder], {str(c): record(c)}, exclude=["*.jpg"]).gone == []


def test_patterns(folder: Path) -> None:
    assert names(plan([folder], {}, include=["*.JPG"])) == ["c.jpg", "d.jpg"]
    assert names(plan([folder], {}, include=["*.jpg"], exclude=["thumbnails"])) == ["c.jpg"]
    assert names(plan([folder], {}, include=["猫/*"])) == ["a.txt", "b.txt"]


def test_failures_are_told_again_and_tried_again_only_when_asked(folder: Path) -> None:
    c = folder / "c.jpg"
    known = {str(c): record(c, "is truncated")}
    found = plan([folder], known, include=["c.jpg"])
    assert (names(found), [r.reason for r in found.failed_before]) == ([], ["is truncated"])
    assert names(plan([folder], known, include=["c.jpg"], retry=True)) == ["c.jpg"]


def test_what_could_not_be_read_is_tried_again(folder: Path) -> None:
    c = folder / "c.jpg"
    known = {str(c): record(c, "cannot be read", FileStatus.UNREADABLE)}
    assert names(plan([c], known)) == ["c.jpg"]
    assert names(plan([c], {str(c): record(c, "is a PDF", FileStatus.UNSUPPORTED)})) == []


def test_one_file_named_twice_is_read_once_and_the_store_is_left_out(folder: Path) -> None:
    c = folder / "c.jpg"
    assert names(plan([c, folder, c], {}, leave_out=folder / "猫")) == ["c.jpg", "d.jpg"]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder 'nowhere'"):
        plan([tmp_path, "nowhere"], {})
