from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, MediaError, VectorError
from isthmus.core.item import MediaItem, Waveform, quoted
from isthmus.core.paired import PairedVectors
from isthmus.core.record import Dataset, Record


def paired(**changes: object) -> PairedVectors:
    rng = np.random.default_rng(0)
    vectors = {"text": rng.normal(size=(5, 3)), "image": rng.normal(size=(5, 2))}
    present = {"image": np.array([True, True, False, True, False])}
    given = {"vectors": vectors, "present": present, "ids": list("abcde")} | changes
    return PairedVectors(**given)


def test_the_same_content_has_one_id_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"pixels")
    (tmp_path / "two.jpg").write_bytes(b"pixels")
    (tmp_path / "three.png").write_bytes(b"others")
    one, two, three = (
        MediaItem.from_path(tmp_path / name, "image")
        for name in ("one.png", "two.jpg", "three.png")
    )
    assert one.id == two.id == MediaItem.from_bytes(b"pixels", "image", source="tar").id
    assert one.id != three.id
    assert one.source == str(tmp_path / "one.png")
    assert one.read() == b"pixels"


def test_items_of_text() -> None:
    single, several = MediaItem.from_text("a cat"), MediaItem.from_text(["a cat", "un chat"])
    assert single.captions == ("a cat",)
    assert several.captions == ("a cat", "un chat")
    assert single.id == MediaItem.from_text(("a cat",), source="row 3").id != several.id
    assert MediaItem.from_text(["un chat", "a cat"]).id != several.id
    assert (single.source, MediaItem.from_text("x", source="row 3").source) == ("“a cat”", "row 3")
    assert several.read() == b"a cat\nun chat"
    with pytest.raises(DataError, match="row 3: needs at least one caption"):
        MediaItem.from_text([], source="row 3")


def test_items_of_vectors() -> None:
    item = MediaItem.from_vector(np.array([1, 2]), source="row 0")
    assert item.id == MediaItem.from_vector(np.array([1.0, 2.0]), source="x").id
    assert item.id != MediaItem.from_vector(np.array([2.0, 1.0]), source="x").id
    assert item.payload.dtype == np.float32
    assert item.read() == np.array([1, 2], np.float32).tobytes()
    assert item.captions == ()
    with pytest.raises(VectorError, match="row 7: row 0 has NaN"):
        MediaItem.from_vector(np.array([np.nan]), source="row 7")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone.png: cannot be read \(No such file"):
        MediaItem.from_path(tmp_path / "gone.png", "image")
    path = tmp_path / "here.png"
    path.write_bytes(b"x")
    item = MediaItem.from_path(path, "image")
    path.unlink()
    with pytest.raises(MediaError, match="cannot be read"):
        item.read()


def test_captions_in_messages() -> None:
    assert quoted("a  cat\n sat") == "“a cat sat”"
    assert quoted("x" * 40) == "“" + "x" * 40 + "”"
    assert quoted("x" * 41) == "“" + "x" * 40 + "…”"
    assert quoted("abcdef", limit=3) == "“abc…”"


def test_modalities_of_a_data_set_come_in_a_fixed_order() -> None:
    text, sensor = MediaItem.from_text("a"), MediaItem.from_vector([1.0], source="s")
    audio = MediaItem.from_bytes(b"x", "audio", source="x")
    records = [
        Record("1", {"sensor": sensor, "audio": audio}),
        Record("2", {"audio": audio, "text": text}),
    ]
    data = Dataset("d", records, licence="CC0")
    assert data.views == ("text", "audio", "sensor")
    assert len(data) == 2
    taken = data.take([1])
    assert [r.id for r in taken.records] == ["2"]
    assert (taken.name, taken.licence) == ("d", "CC0")


def test_seconds_of_a_waveform() -> None:
    assert Waveform(np.zeros(8000, np.float32), 16_000).seconds == 0.5


def test_absent_rows_are_zero_and_may_hold_anything() -> None:
    junk = np.full((5, 2), np.nan)
    junk[[0, 1, 3]] = 1
    pairs = paired(vectors={"text": np.ones((5, 3)), "image": junk})
    assert pairs.vectors["image"].tolist() == [[1, 1], [1, 1], [0, 0], [1, 1], [0, 0]]
    assert all(x.dtype == np.float32 for x in pairs.vectors.values())
    assert pairs.present["text"].all()
    assert np.isnan(junk[2]).all()  # what was handed in is left alone


def test_complete_float32_rows_are_not_copied() -> None:
    x = np.ones((5, 3), dtype=np.float32)
    assert PairedVectors({"a": x}).vectors["a"] is x


def test_rows_pairs_and_subsets() -> None:
    pairs = paired(groups=np.array([0, 0, 1, 1, 2]))
    assert len(pairs) == 5
    assert pairs.views == ("text", "image")
    assert pairs.rows("text").tolist() == [0, 1, 2, 3, 4]
    assert pairs.rows("text", "image").tolist() == [0, 1, 3]
    x, y = pairs.pair("text", "image")
    assert np.array_equal(x, pairs.vectors["text"][[0, 1, 3]])
    assert np.array_equal(y, pairs.vectors["image"][[0, 1, 3]])
    for rows in (np.array([4, 0]), np.array([True, False, False, False, True])):
        taken = pairs.take(rows)
        order = [4, 0] if rows.dtype != bool else [0, 4]
        assert taken.ids == ["abcde"[i] for i in order]
        assert taken.present["image"].tolist() == [bool(i == 0) for i in order]
        assert taken.groups.tolist() == [[0, 0, 1, 1, 2][i] for i in order]
    only = pairs.select(["image"])
    assert (only.views, list(only.present), only.ids) == (("image",), ["image"], list("abcde"))


def test_ids_may_be_an_array() -> None:
    assert paired(ids=np.array(list("abcde"))).take(np.array([1])).ids == ["b"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"vectors": {}}, DataError, "at least one view"),
        ({"vectors": {"text": np.ones((5, 3)), "image": np.ones((4, 2))}}, DataError,
         "row i of every view must be one record, but text has 5, image has 4 rows"),
        ({"vectors": {"text": np.ones((5, 3)), "image": np.ones(5)}}, DataError,
         "image has 1 rows"),
        ({"present": {"image": np.ones(4, bool)}}, DataError,
         r"the mask has shape \(4,\), need \(5,\)"),
        ({"present": {"sound": np.ones(5, bool)}}, DataError, "masks for sound, but no vectors"),
        ({"ids": ["a"]}, DataError, "1 id for 5 rows"),
        ({"groups": np.zeros(3)}, DataError, "3 group labels for 5 rows"),
        ({"vectors": {"text": np.ones((5, 3)), "image": np.zeros((5, 2))}}, VectorError,
         "image: rows 0, 1, 3 have only zeros"),
        ({"vectors": {"text": np.ones((5, 3)), "image": np.full((5, 2), np.inf)}}, VectorError,
         "image: rows 0, 1, 3 have NaN"),
        ({"vectors": {"text": [[1.0], [1.0, 2.0]], "image": np.ones((5, 2))}}, VectorError,
         "text: need rows of one length"),
    ],
)  # fmt: skip
def test_what_cannot_be_paired(changes, error, message) -> None:
    with pytest.raises(error, match=message):
        paired(**changes)


def test_an_item_is_printed_without_what_it_holds() -> None:
    item = MediaItem.from_bytes(b"x" * 9000, "image", source="a.png")
    assert "a.png" in repr(item) and len(repr(item)) < 300
