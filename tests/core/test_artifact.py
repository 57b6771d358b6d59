import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from isthmus.core import artifact
from isthmus.core.artifact import (
    DOCUMENT,
    TENSORS,
    check_target,
    content_hash,
    fingerprint,
    load_artifact,
    save_artifact,
    write_atomically,
)
from isthmus.core.errors import ArtifactError, FormatVersionError, IntegrityError
from isthmus.core.staging import OLD as ASIDE
from isthmus.core.staging import own_name

OLD, NEW = {"name": "old", "Ünï": [1, 2.5, None]}, {"name": "new"}
ARRAYS = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array([7], dtype=np.int64)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "it", "space", OLD, ARRAYS, {"README.md": "# A card\n"})
    return tmp_path / "it"


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_comes_back(folder: Path) -> None:
    document, tensors = load_artifact(folder, "space")
    assert document == OLD
    assert tensors.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype
    assert listed(folder) == ["README.md", DOCUMENT, TENSORS]
    assert listed(folder.parent) == ["it"]
    assert (folder / "README.md").read_text() == "# A card\n"


def test_order_of_keys_floats_and_views_survive(tmp_path: Path) -> None:
    document = {"z": 1, "a": {"10": 0.1, "9": 1e-300}, "m": 2**53 + 1}
    save_artifact(tmp_path / "it", "space", document, {"t": ARRAYS["x"].T})
    found, tensors = load_artifact(tmp_path / "it", "space")
    assert json.dumps(found) == json.dumps(document)
    assert np.array_equal(tensors["t"], ARRAYS["x"].T)


def test_without_tensors(tmp_path: Path) -> None:
    save_artifact(tmp_path / "it", "note", NEW, {})
    assert load_artifact(tmp_path / "it", "note") == (NEW, {})


def test_saving_again_replaces_all_of_it(folder: Path) -> None:
    save_artifact(folder, "space", NEW, {"y": np.ones(2)})
    document, tensors = load_artifact(folder, "space")
    assert (document, list(tensors)) == (NEW, ["y"])
    assert listed(folder) == [DOCUMENT, TENSORS]
    assert listed(folder.parent) == ["it"]


@pytest.mark.parametrize("step", ["save_file", "file_sha256", "flush", "rename", "replace"])
def test_a_failure_at_any_step_leaves_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "save_file":
        monkeypatch.setattr("safetensors.numpy.save_file", full)
    elif step in ("rename", "replace"):
        once = [True]
        original = getattr(Path, step)
        monkeypatch.setattr(Path, step, lambda *a: full() if once and once.pop() else original(*a))
    else:
        monkeypatch.setattr(artifact, step, full)
    with pytest.raises(OSError, match="No space left"):
        save_artifact(folder, "space", NEW, {})
    monkeypatch.undo()
    assert load_artifact(folder, "space")[0] == OLD
    save_artifact(folder, "space", NEW, {})
    assert listed(folder.parent) == ["it"]


_KILLED = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from isthmus.core.artifact import save_artifact
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(Path, sys.argv[2], die)
save_artifact(Path(sys.argv[1]), "space", {"name": "new"}, {})
"""


@pytest.mark.parametrize("step", ["write_bytes", "chmod", "rename", "replace"])
def test_a_writer_killed_at_any_rename_leaves_the_old_one(folder: Path, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(folder), step], check=False)
    assert done.returncode == -signal.SIGKILL
    document, tensors = load_artifact(folder, "space")
    assert document == OLD
    assert np.array_equal(tensors["x"], ARRAYS["x"])
    assert any(name.startswith(".it-") for name in listed(folder.parent))
    save_artifact(folder, "space", NEW, {})
    assert load_artifact(folder, "space")[0] == NEW
    assert listed(folder.parent) == ["it"]


def test_of_several_old_ones_the_newest_is_read(folder: Path) -> None:
    for process, number in ((10**9, 1), (10**9 + 1, 0)):
        save_artifact(folder, "space", {"number": number}, {})
        aside = folder.with_name(f".it-old-{'0' * 8}-{process}-x") / "it"  # of another machine
        shutil.copytree(folder, aside)
        os.utime(aside / DOCUMENT, (number, number))
    shutil.rmtree(folder)
    assert load_artifact(folder, "space")[0] == {"number": 1}


def test_what_a_live_writer_moved_aside_stays(folder: Path) -> None:
    other = own_name(folder, ASIDE).replace(f"-{os.getpid()}-", f"-{os.getppid()}-") + "x"
    dead = own_name(folder, ASIDE).replace(f"-{os.getpid()}-", "-999999999-") + "x"
    for name in (other, dead, f".{folder.name}-old-mine"):
        shutil.copytree(folder, folder.with_name(name) / "it")
    save_artifact(folder, "space", NEW, {})
    assert listed(folder.parent) == sorted([other, f".{folder.name}-old-mine", "it"])


def test_a_file_of_a_killed_writer_goes_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    code = _KILLED.replace(', {"name": "new"}, {}', "").replace('"space"', "b'1'")
    code = code.replace("save_artifact", "write_atomically")
    done = subprocess.run([sys.executable, "-c", code, str(path), "replace"], check=False)
    assert done.returncode == -signal.SIGKILL and len(listed(tmp_path)) == 1
    write_atomically(path, b"2")
    assert listed(tmp_path) == ["page.html"] and path.read_bytes() == b"2"


@pytest.mark.parametrize("name", [TENSORS, DOCUMENT])
def test_a_flipped_bit_is_found_wherever_it_is(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for position in np.linspace(0, len(whole) - 2, 40).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        try:
            document, _ = load_artifact(folder, "space")
        except ArtifactError:
            continue
        # White space between keys may change; nothing that means anything may.
        assert document == OLD
        assert name == DOCUMENT
    path.write_bytes(whole)
    assert load_artifact(folder, "space")[0] == OLD


def test_a_number_changed_by_hand_is_found(folder: Path) -> None:
    path = folder / DOCUMENT
    path.write_text(path.read_text().replace("2.5", "2.6"))
    with pytest.raises(IntegrityError, match="checksum of its document"):
        load_artifact(folder, "space")


def test_damaged_or_missing_tensors(folder: Path) -> None:
    path = folder / TENSORS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"tensors\.safetensors is damaged or missing"):
        load_artifact(folder, "space")
    path.unlink()
    with pytest.raises(IntegrityError, match="damaged or missing"):
        load_artifact(folder, "space")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"kind": "space"}', "\udcff"])
def test_documents_that_are_none(folder: Path, text: str) -> None:
    (folder / DOCUMENT).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(IntegrityError, match="is damaged"):
        load_artifact(folder, "space")
    check_target(folder, "space")  # a damaged one of ours may be made again
    save_artifact(folder, "space", NEW, {})
    assert load_artifact(folder, "space")[0] == NEW


def test_another_format_version_and_another_kind(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a space, not a store"):
        load_artifact(folder, "store")
    path = folder / DOCUMENT
    path.write_text(path.read_text().replace('"format_version": 2', '"format_version": 99'))
    with pytest.raises(FormatVersionError, match="format 99, and this release reads format 2"):
        load_artifact(folder, "space")


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArtifactError, match=rf"holds no saved space \(there is no {DOCUMENT}"):
            load_artifact(path, "space")


def test_whatever_else_is_there_is_left_alone(folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "cat.png").write_bytes(b"cat")
    single = tmp_path / "file"
    single.write_text("mine")
    for path, kind in ((foreign, "space"), (single, "space"), (folder, "store")):
        with pytest.raises(ArtifactError, match=f"is not a saved {kind}; choose another name"):
            save_artifact(path, kind, NEW, {})
    assert (foreign / "cat.png").read_bytes() == b"cat"
    assert single.read_text() == "mine"
    assert load_artifact(folder, "space")[0] == OLD
    assert listed(tmp_path) == ["file", "it", "photos"]


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "a" / "b" / "[c]*"):
        save_artifact(path, "space", NEW, {})
        save_artifact(path, "space", OLD, {})
        assert load_artifact(path, "space")[0] == OLD
        assert oct(path.stat().st_mode & 0o777) == "0o755"


def test_what_is_not_json_is_refused_before_anything_is_touched(folder: Path) -> None:
    for document, error in (({"x": float("nan")}, ValueError), ({"x": {1, 2}}, TypeError)):
        with pytest.raises(error):
            save_artifact(folder, "space", document, {})
    assert load_artifact(folder, "space")[0] == OLD
    assert listed(folder.parent) == ["it"]


def test_neither_file_is_a_pickle(folder: Path) -> None:
    header = (folder / TENSORS).read_bytes()
    assert header[8:9] == b"{"  # safetensors: a length, then JSON
    assert json.loads((folder / DOCUMENT).read_text())["document"] == OLD
    source = Path(artifact.__file__).read_text()
    assert "import pickle" not in source
    assert "allow_pickle" not in source


def test_names_of_content() -> None:
    assert content_hash(b"") == "cae66941d9efbd404e4d88758ea67670"  # BLAKE2b-128 of nothing
    assert content_hash(b"a") != content_hash(b"b")


def test_a_fingerprint_counts_names_shapes_types_and_bytes() -> None:
    x = np.arange(6, dtype=np.float32)
    base = fingerprint({"a": 1, "b": 2}, {"x": x})
    assert base == fingerprint({"b": 2, "a": 1}, {"x": x.copy()})
    others = [
        fingerprint({"a": 1, "b": 3}, {"x": x}),
        fingerprint({"a": 1, "b": 2}, {"y": x}),
        fingerprint({"a": 1, "b": 2}, {"x": x.reshape(2, 3)}),
        fingerprint({"a": 1, "b": 2}, {"x": x.view(np.int32)}),
        fingerprint({"a": 1, "b": 2}, {"x": x[::-1]}),
        fingerprint({"a": 1, "b": 2}),
    ]
    assert len({base, *others}) == 7
    assert all(len(name) == 32 for name in others)


def test_a_reader_that_meets_a_swap_reads_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is of the old one and the tensors of the new one, or there are none."""
    original, swaps = artifact.read_file, iter([NEW, OLD, NEW])

    def swapped(path: Path, **most: int) -> bytes:
        monkeypatch.setattr(artifact, "read_file", original)
        if (document := next(swaps, None)) is not None:
            save_artifact(folder, "space", document, {"y": np.full(3, len(document))})
            monkeypatch.setattr(artifact, "read_file", swapped)
        return original(path, **most)

    monkeypatch.setattr(artifact, "read_file", swapped)
    document, tensors = load_artifact(folder, "space")
    assert document == NEW
    assert list(tensors) == ["y"]


def test_writers_and_readers_of_one_folder_get_along(folder: Path) -> None:
    """What is read is always one of those that were written, and no writer meets another."""

    def write(number: int) -> None:
        for turn in range(10):
            value = np.full(4, 100 * number + turn)
            save_artifact(folder, "space", {"value": int(value[0])}, {"x": value})

    def read(_: int) -> None:
        for _turn in range(40):
            document, tensors = load_artifact(folder, "space")
            assert (tensors["x"] == document["value"]).all()

    save_artifact(folder, "space", {"value": 1}, {"x": np.ones(4)})
    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(write, 1),
            pool.submit(write, 2),
            *(pool.submit(read, n) for n in range(2)),
        ]
        for each in work:
            each.result()
    assert listed(folder.parent) == ["it"]
