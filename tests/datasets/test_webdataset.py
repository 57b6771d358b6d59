import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from isthmus.core.errors import DataError
from isthmus.datasets import load
from isthmus.media import decode


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(out, "PNG")
    return out.getvalue()


def write(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


SHARD = [
    ("0/cat.png", png("red")),
    ("0/cat.txt", "一只猫".encode()),
    ("0/cat.json", json.dumps({"caption": "unused", "language": "zh", "split": "test"}).encode()),
    ("0/dog.png", png("blue")),
    ("0/dog.cls", b"7"),
    ("0/dog.json", json.dumps({"caption": "a dog"}).encode()),
]


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_members_that_share_a_key(tmp_path: Path, name: str, mode: str) -> None:
    data = load(write(tmp_path / name, SHARD, mode))
    cat, dog = data.records
    assert (cat.id, cat.language, cat.split) == ("0/cat", "zh", "test")
    assert cat.items["text"].captions == ("一只猫",)
    assert decode(cat.items["image"]).getpixel((0, 0)) == (255, 0, 0)
    assert (dog.id, dog.group, dog.items["text"].captions) == ("0/dog", "7", ("a dog",))
    assert not data.skipped


def test_traversal_links_and_large_members_do_no_harm(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tar",
        [("../../evil.txt", b"evil"), ("/etc/evil.txt", b"evil"), ("big.txt", b"x" * 3000)],
    )
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("passwd.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        info = tarfile.TarInfo("good.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"good"))
    before = sorted(tmp_path.parent.rglob("*"))
    data = load(path, max_member_bytes=2000)
    assert [record.id for record in data.records] == ["good"]
    assert {failure.source: failure.reason for failure in data.skipped} == {
        "../../evil.txt": "its name leads out of the archive",
        "/etc/evil.txt": "its name leads out of the archive",
        "big.txt": "has 3,000 bytes, the limit is 2,000",
        "passwd.txt": "is not a regular file",
    }
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_of_a_truncated_archive_the_whole_members_are_kept(
    tmp_path: Path, name: str, mode: str
) -> None:
    import random

    noise = random.Random(0).randbytes(40_000)
    path = write(tmp_path / name, [*SHARD, ("late.txt", b"late"), ("cut.bin", noise)], mode)
    path.write_bytes(path.read_bytes()[:-30_000])
    data = load(path)
    assert [record.id for record in data.records][:2] == ["0/cat", "0/dog"]
    assert data.skipped[-1].source == str(path)
    assert "truncated or damaged after" in data.skipped[-1].reason


def test_bad_members_are_listed(tmp_path: Path) -> None:
    members = [
        ("a.png", png("red")),
        ("a.jpg", png("blue")),
        ("a.json", b"{"),
        ("b.png", b""),
        ("c.bin", b"\x80\x04\x95"),
    ]
    data = load(write(tmp_path / "a.tar", members))
    assert [record.id for record in data.records] == ["a"]
    assert [failure.source for failure in data.skipped] == ["a.jpg", "a.json", "b.png", "c.bin"]


def test_refusals(tmp_path: Path) -> None:
    twice = load(write(tmp_path / "a.tar", [("a.txt", b"1"), ("b.txt", b"2"), ("a.txt", b"3")]))
    assert [(each.source, each.reason) for each in twice.skipped] == [
        ("a.txt", "is there twice; the first one is kept")
    ]
    with pytest.raises(DataError, match="more than 10 bytes"):
        load(write(tmp_path / "a.tar", SHARD), max_total_bytes=10)
    with pytest.raises(DataError, match="contains nothing that can be used"):
        load(write(tmp_path / "a.tar", []))
    (tmp_path / "b.tar").write_bytes(b"words" * 300)
    with pytest.raises(DataError, match="truncated or damaged"):
        load(tmp_path / "b.tar")


def test_an_ending_of_two_parts_names_a_view(tmp_path: Path) -> None:
    members = [("1.front.png", png("red")), ("1.back.png", png("blue")), ("1.txt", b"a cat")]
    (record,) = load(write(tmp_path / "a.tar", members)).records
    found = {view: item.modality for view, item in record.items.items()}
    assert found == {"front": "image", "back": "image", "text": "text"}


def test_what_macos_adds_is_passed_over(tmp_path: Path) -> None:
    double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
    members = [("./._cat.png", double), ("./cat.png", png("red")), ("./._cat.txt", double)]
    data = load(write(tmp_path / "mac.tar", [*members, ("./cat.txt", b"cat")]))
    assert [(r.id, sorted(r.items)) for r in data.records] == [("cat", ["image", "text"])]
    assert not data.skipped


def test_members_are_joined_wherever_they_lie(tmp_path: Path) -> None:
    members = [("a.png", png("red")), ("b.png", png("blue")), ("a.txt", b"a"), ("b.txt", b"b")]
    data = load(write(tmp_path / "unsorted.tar", members))
    assert [(r.id, r.items["text"].captions) for r in data.records] == [
        ("a", ("a",)),
        ("b", ("b",)),
    ]
    assert decode(data.records[1].items["image"]).getpixel((0, 0)) == (0, 0, 255)
