"""What strangers hand over costs what it should: no endless work, nothing outside, nothing raw."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
from pathlib import Path

import pytest

from isthmus.cli.console import shown
from isthmus.core.errors import DataError, MediaError
from isthmus.core.item import MediaItem
from isthmus.datasets import load
from isthmus.media.sniff import sniff_path
from isthmus.media.text import decode_text
from isthmus.store.patterns import path_matcher, text_matcher


def box(kind: bytes, inner: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(inner)) + kind + inner


def test_boxes_in_boxes_do_not_nest_without_end(tmp_path: Path) -> None:
    inner = b""
    for _ in range(3000):
        inner = box(b"moov", inner)
    path = tmp_path / "a.m4a"
    path.write_bytes(box(b"ftyp", b"M4A \0\0\0\0M4A ") + inner)
    assert sniff_path(path) in ("audio", "video")


@pytest.mark.parametrize(
    "pattern", ["x*x*x*x*x*x*xy", "x?*x?*x?*x?*xy", "*" * 400 + "y", "*x" * 400 + "y"]
)
def test_stars_do_not_multiply(pattern: str) -> None:
    """With backtracking each of these takes years."""
    assert not text_matcher(pattern)("x" * 4000)
    assert not path_matcher(pattern)("/a/" + "x" * 4000)
    assert text_matcher(pattern.removesuffix("y") + "z")("x" * 4000 + "z")


def test_folders_do_not_multiply() -> None:
    assert not path_matcher("**/a/" * 60 + "b")("/a" * 2000)
    assert path_matcher("**/a/" * 60 + "b")("/a" * 2000 + "/b/c")


@pytest.mark.parametrize("size", [2**33, 2**50])
def test_a_member_that_cannot_lie_in_the_archive_ends_it(tmp_path: Path, size: int) -> None:
    info = tarfile.TarInfo("big.txt")
    info.size = size
    path = tmp_path / "huge.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024)
    with pytest.raises(DataError, match=r"big\.txt declares"):
        load(path)


def test_an_archive_that_expands_too_much_ends_early(tmp_path: Path) -> None:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as packed:
        info = tarfile.TarInfo("zeros.bin")
        info.size = 2**28 + 1
        packed.write(info.tobuf())
        for _ in range(2**8):
            packed.write(bytes(2**20))
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(out.getvalue())
    with pytest.raises(DataError, match=r"zeros\.bin declares"):
        load(path)


def test_a_table_whose_rows_all_repeat_is_refused(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rep.parquet"
    parquet.write_table(arrow.table({"text": ["x" * 100] * 1_000_000}), path)
    with pytest.raises(DataError, match="declares 1,000,000 rows"):
        load(path)


def test_signs_that_stand_for_phrases_count_as_phrases() -> None:
    with pytest.raises(MediaError, match="has 180,000 characters"):
        decode_text(MediaItem.from_text("\ufdfa" * 10_000))


def test_names_do_nothing_to_a_terminal() -> None:
    assert shown("a\x1b]0;evil\x07\x1b[2J\n.png") == r"a\x1b]0;evil\x07\x1b[2J\n.png"
    assert shown("\u202egnp.evil") == r"\u202egnp.evil"
    assert shown("两\n行", lines=True) == "两\n行"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    from isthmus.tasks.retrieval.contents import _content

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", "none", "a\0b"):
        assert _content(str(tmp_path / name)) is None
    assert _content("/dev/zero") is None
    (tmp_path / "file").write_bytes(b"x")
    assert _content(str(tmp_path / "file")) == MediaItem.from_bytes(b"x", "text", source="x").id
