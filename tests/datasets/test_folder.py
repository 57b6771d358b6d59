import json
import shutil
import zlib
from pathlib import Path

import pytest
from PIL import Image

from isthmus.core.errors import DataError, MediaTooLargeError
from isthmus.datasets import folder
from isthmus.media import decode


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), "red").save(path)


def text(path: Path, words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")


def test_files_that_share_a_stem(tmp_path: Path) -> None:
    picture(tmp_path / "cats/tom.png")
    text(tmp_path / "cats/tom.txt", "a cat\n")
    picture(tmp_path / "cats/tom.jpg")
    text(tmp_path / "dogs/tom.txt", "a dog")
    picture(tmp_path / "红袋鼠 🦘.png")
    text(tmp_path / "红袋鼠 🦘.txt", "一只红袋鼠")
    data = folder.load(tmp_path)
    by_id = {record.id: record for record in data.records}
    assert set(by_id) == {"cats/tom", "dogs/tom", "红袋鼠 🦘"}
    assert by_id["cats/tom"].items["text"].captions == ("a cat",)
    assert by_id["cats/tom"].group == "cats"
    assert set(by_id["dogs/tom"].items) == {"text"}
    assert by_id["红袋鼠 🦘"].group is None
    assert decode(by_id["红袋鼠 🦘"].items["image"]).size == (4, 4)
    assert [(Path(f.source).name, f.reason) for f in data.skipped] == [
        ("tom.png", "is a second image beside tom.jpg; give it another name")
    ]


def test_accents_stored_apart_are_the_same_stem(tmp_path: Path) -> None:
    picture(tmp_path / "caf\u00e9.png")
    text(tmp_path / "cafe\u0301.txt", "coffee")
    (record,) = folder.load(tmp_path).records
    assert set(record.items) == {"text", "image"}


def test_every_bad_file_is_listed_and_every_good_one_kept(tmp_path: Path) -> None:
    picture(tmp_path / "good.png")
    shutil.copy(tmp_path / "good.png", tmp_path / "audio.wav")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    (tmp_path / "live.mp3").write_bytes(b"#EXTM3U\nhttp://127.0.0.1:9/\n")
    text(tmp_path / "blank.txt", "  \n")
    text(tmp_path / "long.txt", "x" * 100_000)
    (tmp_path / "loop").symlink_to(tmp_path)
    data = folder.load(tmp_path)
    assert {record.id for record in data.records} == {"good", "audio"}
    assert {record.items["image"].id for record in data.records} == {
        data.records[0].items["image"].id
    }
    found = {Path(failure.source).name: failure.reason for failure in data.skipped}
    assert set(found) == {"empty.png", "page.png", "live.mp3", "blank.txt", "long.txt", "loop"}
    assert "zero bytes" in found["empty.png"]
    assert "PostScript" in found["page.png"]
    assert "playlist" in found["live.mp3"]
    assert "more than 20,000 characters" in found["long.txt"]


def test_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="nothing that can be used; it needs files with the same name"
    ):
        folder.load(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="has zero bytes"):
        folder.load(tmp_path)


def test_hugging_face_metadata(tmp_path: Path) -> None:
    for name in ("train/1.png", "test/1.png", "test/2.png"):
        picture(tmp_path / name)
    text(tmp_path / "train/metadata.csv", "file_name,text\n1.png,one\n3.png,three\n")
    rows = [{"file_name": f"{i}.png", "text": f"test {i}"} for i in (1, 2)]
    text(tmp_path / "test/metadata.jsonl", "\n".join(map(json.dumps, rows)))
    data = folder.load(tmp_path)
    assert [(r.id, r.split, r.items["text"].captions) for r in data.records] == [
        ("test/1", "test", ("test 1",)),
        ("test/2", "test", ("test 2",)),
        ("train/1", "train", ("one",)),
        ("train/2", "train", ("three",)),
    ]
    assert [sorted(r.items) for r in data.records] == [["image", "text"]] * 3 + [["text"]]
    (failure,) = data.skipped
    assert failure.source.endswith("train/metadata.csv, row 2")
    assert "3.png" in failure.reason


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def test_an_image_bomb_fails_when_it_is_decoded(tmp_path: Path) -> None:
    size = (15_200).to_bytes(4, "big") * 2
    parts = chunk(b"IHDR", size + b"\x08\2\0\0\0") + chunk(b"IDAT", zlib.compress(bytes(999)))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    (record,) = folder.load(tmp_path).records
    with pytest.raises(MediaTooLargeError, match="231 megapixels"):
        decode(record.items["image"])
