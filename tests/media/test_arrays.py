import io
import os
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import MediaError
from isthmus.core.view import IMAGE
from isthmus.media.array_rows import is_row, row_path, vector_at
from isthmus.media.arrays import is_arrays_folder, open_arrays
from isthmus.media.source import file_state, is_file, item_from_path, walk

X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)


def written(descr: str, shape: str, data: bytes = b"") -> bytes:
    """A ``.npy`` file whose header says what it is told."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f8", "i1", "u4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_any_kind_are_read_as_they_are(kind: str, order, tmp_path: Path) -> None:
    x = np.asarray(X.astype(kind), order=order)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "b.npz", a=x)
    np.savez_compressed(tmp_path / "c.npz", a=x)
    for name in ("a.npy", "b.npz", "c.npz"):
        found = open_arrays(tmp_path / name).vectors["a"]
        assert np.array_equal(found.part(), X) and np.array_equal(found.part(1, 3), X[1:3])
        assert not found.part().flags.writeable and not found.part(1, 3).flags.writeable
        assert np.array_equal([found.row(row) for row in (3, 0, 1, 2)], X[[3, 0, 1, 2]])
        assert isinstance(found.held, bytes) == (name == "c.npz")


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_an_array_of_many_blocks(order, tmp_path: Path) -> None:
    x = np.asarray(np.arange(90_000, dtype=np.float64).reshape(3000, 30), order=order)
    np.save(tmp_path / "a.npy", x)
    found = open_arrays(tmp_path / "a.npy").vectors["a"]
    for row in (0, 1091, 1092, 1093, 5, 2999):
        assert np.array_equal(found.row(row), x[row])
    assert np.array_equal(found.part(1000, 4000), x[1000:])


def test_a_file_that_is_cut_off_or_changed_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    whole = np.ones((60_000, 40))
    for order in ("C", "F"):
        np.save(path, np.asarray(whole, order=order))
        found = open_arrays(path).vectors["a"]
        os.truncate(path, 1000)
        for read in (lambda x=found: x.row(50_000), found.part):
            with pytest.raises(MediaError, match=r"a\.npy: has changed while it was read"):
                read()
    np.save(path, whole)
    found = open_arrays(path).vectors["a"]
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(MediaError, match=r"a\.npy: has changed while it was read"):
        found.row(0)
    path.unlink()
    with pytest.raises(MediaError, match=r"a\.npy: cannot be read \(No such file"):
        found.row(0)


def test_arrays_of_a_folder_and_what_they_say_of_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", X)
    np.save(tmp_path / "text.npy", X[:, :2])
    np.save(tmp_path / "ids.npy", np.array(["a", "b", "c", "猫"]))
    assert is_arrays_folder(tmp_path)
    arrays = open_arrays(tmp_path)
    assert list(arrays.vectors) == ["image", "text"] and len(arrays) == 4
    assert vector_at(tmp_path / "image.npy" / "猫").payload.tolist() == [10, 11, 12]
    (tmp_path / "notes.txt").write_text("words")
    assert not is_arrays_folder(tmp_path)


def test_ids_beside_a_file_are_its_own_only_in_a_folder_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "q.npy", X)
    np.save(tmp_path / "ids.npy", np.array(["a", "b", "c", "猫"]))
    assert open_arrays(tmp_path / "q.npy").ids == ["a", "b", "c", "猫"]
    np.save(tmp_path / "ids.npy", np.arange(400))
    with pytest.raises(MediaError, match="q has 4 rows, ids has 400 rows"):
        open_arrays(tmp_path / "q.npy")
    (tmp_path / "notes.txt").write_text("words")
    assert open_arrays(tmp_path / "q.npy").ids is None
    assert vector_at(tmp_path / "q.npy" / "2").payload.tolist() == X[2].tolist()
    with pytest.raises(MediaError, match=r"holds 4 vectors; name one of them, such as .*q\.npy/0"):
        vector_at(tmp_path / "q.npy")


def test_names_of_rows_may_hold_anything(tmp_path: Path) -> None:
    ids = np.array(["photos/1.jpg", "..", "100 %", "a%2Fb", ""])
    x = np.eye(5, dtype=np.float32)
    np.savez(tmp_path / "a.npz", **{"my/view": x, "ids": ids})
    paths = open_arrays(tmp_path / "a.npz").paths("my/view")
    assert [row_path(path).key for path in paths] == ids.tolist()
    assert [vector_at(path).payload.argmax() for path in paths] == [0, 1, 2, 3, 4]
    assert all(path.parent == tmp_path / "a.npz" / "my%2Fview" for path in paths)


def test_a_row_is_an_item_of_its_own_and_what_is_none_is_not(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    row = tmp_path / "a.npy" / "2"
    item = item_from_path(row)
    assert item.modality == "vector" and item.source == str(row)
    assert is_file(row) and is_row(row) and list(walk(row)) == [row]
    assert file_state(row)[0] == 12
    assert is_row(tmp_path / "a.npy" / "4") is False and is_row(tmp_path / "b.npy" / "2") is False
    with pytest.raises(MediaError, match=r"a\.npy/4: there is no row '4'; there are 0, 1, 2 …"):
        item_from_path(tmp_path / "a.npy" / "4")
    with pytest.raises(MediaError, match="holds vector, need image"):
        item_from_path(row, IMAGE)
    with pytest.raises(MediaError, match=r"holds 4 vectors; name one of them, such as .*a\.npy/0"):
        item_from_path(tmp_path / "a.npy")
    np.save(tmp_path / "q.npy", X[2])
    assert item_from_path(tmp_path / "q.npy").id == item.id
    assert row_path("photos/cat.png") is None and row_path(tmp_path / "a.npy") is None


def test_a_changed_file_is_opened_anew(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    before = item_from_path(tmp_path / "a.npy" / "0")
    np.save(tmp_path / "a.npy", X[1:])
    after = item_from_path(tmp_path / "a.npy" / "0")
    assert before.payload.tolist() == [1, 2, 3] and after.payload.tolist() == [4, 5, 6]


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"a": X, "ids": np.array([Evil()] * 4, dtype=object)}, "never unpickles"),
        ({"a": X, "b": X[:3]}, "a has 4 rows, b has 3 rows"),
        ({"a": X.reshape(2, 2, 3)}, r"a has the shape \(2, 2, 3\), need \(rows, dimension\)"),
        ({"a": X * 1j}, "a holds complex64, need numbers"),
        ({"a": X.astype(str)}, "a holds <U32, need numbers"),
        ({"a": X[:0]}, "has no rows"),
        ({"a": X[:, :0]}, "its vectors have no numbers"),
        ({"a": np.float32(3)}, "holds no array with rows"),
    ],
)
def test_what_cannot_be_used_is_named(arrays, reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(MediaError, match=rf"bad\.npz.*{reason}"):
        open_arrays(tmp_path / "bad.npz")


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=X, ids=[1, 2, 2, 3])
    with pytest.raises(MediaError, match="rows 1 and 2 have the same id '2'"):
        open_arrays(tmp_path / "a.npz").paths("a")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300, 0])
def test_a_row_without_a_direction_is_refused(bad: float, tmp_path: Path) -> None:
    x = X.astype(np.float64)
    x[1] = bad
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(MediaError, match=r"a\.npy/1: has NaN or infinite values, or only zeros"):
        vector_at(tmp_path / "a.npy" / "1")


def test_what_is_compressed_is_unpacked_up_to_a_limit(tmp_path: Path, monkeypatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=X, b=X)
    monkeypatch.setattr("isthmus.media.arrays._MOST_UNPACKED", 300)
    with pytest.raises(MediaError, match=r"a\.npz: has more than 300 bytes .*np\.savez, which"):
        open_arrays(tmp_path / "a.npz")


def test_damaged_files_are_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = {}
    for name, save in (("a.npy", np.save), ("b.npz", np.savez), ("c.npz", np.savez_compressed)):
        kept = io.BytesIO()
        save(kept, X)
        whole[name] = kept.getvalue()
    for turn in range(200):
        for name, data in whole.items():
            changed = bytearray(data)
            if turn % 3:
                for _ in range(1 + turn % 4):
                    changed[rng.integers(len(changed))] = rng.integers(256)
            else:
                del changed[int(rng.integers(len(changed))) :]
            path = tmp_path / f"{turn}{name}"
            path.write_bytes(changed)
            try:
                arrays = open_arrays(path)
                _ = [x.part() for x in arrays.columns.values()]
            except MediaError as error:
                assert str(path) in str(error)


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1000, 3), np.float32))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:500])
    with pytest.raises(MediaError, match=r"breaks off: its header says \(1000, 3\) of float32"):
        open_arrays(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("notes.txt", "words")
    with pytest.raises(MediaError, match=r"b\.npz, notes\.txt: is no array"):
        open_arrays(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("descr", "shape", "reason"),
    [
        ("()", "(1, 2)", "is not a whole .npy file"),
        ("('<f4',)", "(1, 2)", "is not a whole .npy file"),
        ("{[]: 1}", "(1, 2)", "is not a whole .npy file"),
        ("'<f4'", "(True, True)", "is not a whole .npy file"),
        ("'<f4'", f"(0, {2**63})", "is not a whole .npy file"),
        ("'<f4'", f"({2**62}, 0)", "its vectors have no numbers"),
        ("'<f4'", f"({'1, ' * 70})", "need (rows, dimension)"),
        ("'<f4'", "(1000000000,)", "breaks off"),
        ("'<U0'", "(1000000000,)", "whose cells have no bytes"),
        ("'<M8[as]'", "(2,)", ""),
    ],
)
def test_a_header_that_cannot_be_is_told(descr, shape, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(written(descr, shape, bytes(range(16))))
    if not reason:
        assert len(open_arrays(tmp_path / "a.npy")) == 2
        return
    with pytest.raises(MediaError, match=rf"a\.npy: .*{re.escape(reason)}"):
        open_arrays(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_of_any_compression_is_told(kind: int, tmp_path: Path) -> None:
    kept = io.BytesIO()
    np.save(kept, X)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", kind) as archive:
        archive.writestr("a.npy", kept.getvalue())
    assert np.array_equal(open_arrays(tmp_path / "a.npz").vectors["a"].part(), X)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[45:65] = b"\xff" * 20
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.npz"):
        open_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        (np.array([1.0, np.nan, 2.0, 3.0]), "row 1: has no id; every row needs its own"),
        (np.array(["2020-01-01", "NaT", "NaT", "2020"], "M8[D]"), "row 1: has no id"),
        (np.array(["a", "b", "\ud800", "c"]), "row 2: is no text"),
        (np.array([b"a", b"b", b"c", b"\xff"]), "row 3: is no text"),
        (np.array([65, 66, 0x7FFFFFFF, 67], "<u4").view("<U1"), "row 2: is no text"),
        (np.arange(8).reshape(4, 2), r"the shape \(4, 2\), need \(rows,\)"),
        (np.array([1, 2, 3, 4], "M8[as]"), r"holds datetime64\[as\]; save it anew"),
    ],
    ids=["NaN", "NaT", "surrogate", "bytes", "no character", "two axes", "attoseconds"],
)
def test_ids_that_name_no_row_are_refused(ids, reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=X, ids=ids)
    with pytest.raises(MediaError, match=rf"a\.npz.*ids.*{reason}"):
        open_arrays(tmp_path / "a.npz")


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    kept = io.BytesIO()
    np.save(kept, X)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", kept.getvalue())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", kept.getvalue())
    with pytest.raises(MediaError, match=r"a\.npz, a\.npy: is there twice"):
        open_arrays(tmp_path / "a.npz")
    (tmp_path / "both").mkdir()
    np.savez(tmp_path / "both" / "1.npz", image=X)
    np.savez(tmp_path / "both" / "2.npz", image=X)
    with pytest.raises(MediaError, match=r"both: has two arrays 'image'; rename one"):
        open_arrays(tmp_path / "both")
