import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from isthmus.core.errors import (
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.record import Failure
from isthmus.media.limits import Limits
from isthmus.media.source import is_picture, item_from_path, walk


def touch(path: Path, data: bytes = b"words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(root: Path, skipped: list[Failure] | None = None) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(root, skipped=skipped)]


def test_files_come_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a.txt", "b/10.txt", ".git/config", "b/.DS_Store", "袋鼠/🦘.txt"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a.txt", "b/10.txt", "b/2.txt", "袋鼠/🦘.txt"]
    assert list(walk(tmp_path / "a.txt")) == [tmp_path / "a.txt"]


def test_links(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "a/1.txt")
    touch(tmp_path / "outside/secret.txt")
    (root / "a/loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "stolen.txt").symlink_to(tmp_path / "outside/secret.txt")
    (root / "again.txt").symlink_to(root / "a/1.txt")
    (root / "dead").symlink_to(root / "nowhere")
    (root / "self").symlink_to(root / "self")
    skipped: list[Failure] = []
    assert names(root, skipped) == ["a/1.txt", "again.txt"]
    reasons = {Path(failure.source).name: failure.reason for failure in skipped}
    assert reasons == {
        "loop": "is a link to a folder; such links are not followed",
        "out": "is a link to a folder; such links are not followed",
        "stolen.txt": "is a link out of the folder",
        "dead": "is a link to a missing file",
        "self": "is a link to a missing file",
    }


def test_pipes_and_names_that_are_not_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")))
    skipped: list[Failure] = []
    assert names(tmp_path, skipped) == []
    assert [failure.reason for failure in skipped] == [
        "is not a regular file",
        "its name is not UTF-8; rename it",
    ]
    for failure in skipped:
        failure.source.encode()
    with pytest.raises(MediaError, match="not a regular file"):
        item_from_path(tmp_path / "pipe")


def test_items(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "a.png"), touch(tmp_path / "b.bin")
    assert item_from_path(one).modality == "text"
    assert item_from_path(one).id == item_from_path(two).id
    with pytest.raises(UnsupportedMediaError, match="holds text, need image"):
        item_from_path(one, "image")
    with pytest.raises(EmptyMediaError):
        item_from_path(touch(tmp_path / "c.png", b""))
    with pytest.raises(MediaTooLargeError):
        item_from_path(one, limits=Limits(max_file_bytes=4))
    with pytest.raises(MediaError, match="cannot be read"):
        item_from_path(tmp_path / "none.png")
    with pytest.raises(MediaError, match="does not exist"):
        list(walk(tmp_path / "none"))


def test_a_picture_is_told_also_while_another_thread_imports_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert is_picture(Image.new("L", (1, 1))) and not is_picture("a.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", ModuleType("PIL.Image"))
    assert not is_picture("a.png")
    monkeypatch.delitem(sys.modules, "PIL.Image")
    assert not is_picture("a.png")
