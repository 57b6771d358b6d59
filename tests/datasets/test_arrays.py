import os
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, MediaError
from isthmus.datasets import load
from isthmus.datasets._arrays import read_arrays
from isthmus.datasets._rows import Collector
from isthmus.media import decode

X = np.arange(1, 13, dtype=np.float64).reshape(4, 3)
Y = -X[:, :2]
IDS = np.array(["a", "b", "c", "d"])


def vectors(data, view: str) -> list[list[float]]:
    return [decode(record.items[view]).tolist() for record in data.records]


@pytest.fixture(params=["a.npz", "packed.npz", "folder"])
def path(request, tmp_path: Path) -> Path:
    """The same arrays, as two kinds of file and as a folder."""
    columns = {"image": X, "text": Y, "ids": IDS, "groups": np.array([1, 1, 2, 2])}
    place = tmp_path / request.param
    if place.suffix:
        (np.savez if place.name == "a.npz" else np.savez_compressed)(place, **columns)
        return place
    place.mkdir()
    for name, x in columns.items():
        np.save(place / f"{name}.npy", x)
    return place


def test_each_array_is_a_column(path: Path) -> None:
    data = load(path)
    assert data.modalities == {"image": "vector", "text": "vector"}
    assert [record.id for record in data.records] == IDS.tolist()
    assert [record.group for record in data.records] == ["1", "1", "2", "2"]
    assert vectors(data, "image") == X.tolist() and vectors(data, "text") == Y.tolist()
    assert data.name == path.name and not data.skipped and not data.notes


def test_an_array_may_be_a_view_of_another_name(path: Path) -> None:
    data = load(path, columns={"image": "photo:vector"})
    assert set(data.views) == {"photo", "text"}
    with pytest.raises(DataError, match="has no column 'pictures'"):
        load(path, columns={"pictures": "photo:vector"})


def test_arrays_of_one_axis_are_plain_columns(tmp_path: Path) -> None:
    days = np.array(["2020-01-02", "2020-01-03", "NaT", "2020-01-05"], dtype="datetime64[D]")
    kinds = np.array([b"x", b"y", b"x", b"y"])
    plain = {"age": np.array([1.5, np.nan, 3, 4]), "day": days, "kind": kinds}
    np.savez(tmp_path / "a.npz", sensor=X, encoder=np.array("mine"), **plain)
    data = load(tmp_path / "a.npz", fields=True)
    assert [record.id for record in data.records] == ["0", "1", "2", "3"]
    assert [record.fields.get("age") for record in data.records] == [1.5, None, 3, 4]
    assert [record.fields.get("day") for record in data.records] == [18263, 18264, None, 18266]
    assert [record.fields["kind"] for record in data.records] == ["x", "y", "x", "y"]
    assert data.notes[0].startswith("encoder is left out: it is one value")


def test_rows_at_fault_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    x = X.copy()
    x[1, 2], x[2] = np.nan, 0
    x[3, 0] = 1e300
    np.savez(tmp_path / "a.npz", image=x, text=Y)
    data = load(tmp_path / "a.npz")
    assert [sorted(record.items) for record in data.records] == [["image", "text"]] + [["text"]] * 3
    assert [failure.source for failure in data.skipped] == ["row 1", "row 2", "row 3"]
    assert {f.reason for f in data.skipped} == {
        "column image: has NaN or infinite values, or only zeros"
    }


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"image": X, "text": Y[:3]}, "image has 4 rows, text has 3 rows"),
        ({"image": X, "ids": np.array(["a", 1, None, "d"], dtype=object)}, "Python objects"),
        ({"image": X, "ids": np.array(["a", "b", "a", "d"])}, "row 0 and row 2 have the same id"),
        ({"image": X, "ids": np.array([1, np.nan, 2, 3])}, "ids, row 1: has no id"),
        ({"image": X, "ids": np.array(["a", "\ud800", "c", "d"])}, "ids, row 1: is no text"),
        (
            {"image": X, "kind": np.array([65, 66, 2**31 - 1, 67], "<u4").view("<U1")},
            "kind, row 2: is no text",
        ),
        ({"image": X, "day": np.arange(4).view("M8[as]")}, r"day: holds datetime64\[as\]"),
        (
            {"age": X[:, 0]},
            r"no array holds vectors, whose shape is \(rows, dimension\); it has age",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(columns, reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **columns)
    with pytest.raises(DataError, match=rf"a\.npz.*{reason}"):
        load(tmp_path / "a.npz")


def test_a_column_of_numbers_that_is_named_as_a_vector(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=X, age=X[:, 0])
    data = load(tmp_path / "a.npz", columns={"age": "age:vector"})
    assert data.views == ("image",)
    assert "is one number, and a vector is a list of them" in data.skipped[0].reason


def test_of_two_arrays_that_say_the_same_it_is_told_which_is_read(tmp_path: Path) -> None:
    both = {"id": IDS, "ids": np.arange(4), "group": IDS, "groups": np.zeros(4)}
    np.savez(tmp_path / "a.npz", image=X, **both)
    data = load(tmp_path / "a.npz")
    assert [record.id for record in data.records] == IDS.tolist()
    assert [record.group for record in data.records] == IDS.tolist()
    assert data.notes == [
        "ids is left out: id is there, too, and is read",
        "groups is left out: group is there, too, and is read",
    ]


def test_a_file_that_is_cut_off_while_its_rows_are_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, image=np.ones((5000, 40)))
    rows = read_arrays(path, Collector(str(path)))
    assert next(rows)[0] == "row 0"
    os.truncate(path, 1000)
    with pytest.raises(MediaError, match=r"a\.npz: has changed while it was read"):
        list(rows)


def test_a_file_of_one_array_has_its_name(tmp_path: Path) -> None:
    np.save(tmp_path / "photo.npy", X)
    assert load(tmp_path / "photo.npy").modalities == {"photo": "vector"}
    np.save(tmp_path / "ids.npy", IDS)
    assert [record.id for record in load(tmp_path / "photo.npy").records] == IDS.tolist()


def test_cells_of_a_table_may_name_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "photos.npy", X)
    np.save(tmp_path / "one.npy", X[3])
    (tmp_path / "a.csv").write_text(
        "text,vec\nthe first,photos.npy/0\nthe third,photos.npy/2\nalone,one.npy\n"
        'listed,"[7, 8, 9]"\nnone,photos.npy/9\nelsewhere,../photos.npy/1\n'
    )
    data = load(tmp_path / "a.csv", columns={"vec": "photo:vector"})
    found = [decode(r.items["photo"]).tolist() for r in data.records if "photo" in r.items]
    assert found == [X[0].tolist(), X[2].tolist(), X[3].tolist(), [7, 8, 9]]
    assert [failure.source for failure in data.skipped] == ["row 5", "row 6"]
    assert "there is no row '9'" in data.skipped[0].reason


def test_vectors_may_be_in_a_column_that_is_called_like_a_modality(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"image": [1, 2, 3], "text": "[4, 5]"}\n{"image": [4, 5, 6], "text": "words"}\n'
    )
    data = load(tmp_path / "a.jsonl")
    assert data.modalities == {"text": "text", "image": "vector"}
    assert data.records[0].items["text"].captions == ("[4, 5]",)
    assert vectors(data, "image") == [[1, 2, 3], [4, 5, 6]]


def test_a_file_of_one_vector_is_an_item_beside_its_partner(tmp_path: Path) -> None:
    for name, x in (("a", X[0]), ("b", X[1:2]), ("c", X), ("d", X[3, :2] * np.nan)):
        np.save(tmp_path / f"{name}.npy", x)
        (tmp_path / f"{name}.txt").write_text(f"words of {name}")
    data = load(tmp_path)
    assert data.modalities == {"text": "text", "vector": "vector"}
    found = [decode(r.items["vector"]).tolist() for r in data.records if "vector" in r.items]
    assert found == X[:2].tolist()
    assert "holds 4 vectors; name one of them" in data.skipped[0].reason
    assert "has NaN or infinite values" in data.skipped[1].reason
