"""What is no regular file, or no strict document, is refused by name and at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from tests.waiting import PATIENCE

from isthmus.core.errors import ArtifactError, IntegrityError
from isthmus.core.reading import (
    MOST_BYTES,
    MOST_DEPTH,
    check_own,
    parse_json,
    parse_tensors,
    read_file,
    read_json,
)
from isthmus.predictor.predictor import Predictor


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 900_000, "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ('{"a":' * 500_000, "nested too deeply"),
        ("[1, NaN]", "NaN is no number"),
        ("-Infinity", "-Infinity is no number"),
        ("[1e999]", "a number is too large"),
        (f"[{10**30}]", "a whole number is too large"),
        ("9" * 5_000, "is damaged"),
        ('{"a": 1, "b": {"c": 2, "c": 3}}', "the key 'c' is there twice"),
        (r'["\ud800"]', "not UTF-8"),
        (r'{"\udfff": 1}', "not UTF-8"),
        ("", "is damaged"),
        ("[1,]", "is damaged"),
        ("[" + "[]," * 1_000_000 + "[]]", "too large"),
        ("[[1], [2.5, 1e999]]", "a number is too large"),
    ],
)
def test_json_that_is_refused(text: str, says: str) -> None:
    with pytest.raises(IntegrityError, match=rf"^the file .*{says}"):
        parse_json(text.encode(), "the file")


def test_json_that_is_read() -> None:
    document = {"ä\n": [1, -2.5, True, None, "猫", {"": [2**63 - 1, -(2**63)]}]}
    for ascii_only in (True, False):
        text = json.dumps(document, ensure_ascii=ascii_only)
        assert parse_json(text.encode(), "it") == document
    deep = "[" * MOST_DEPTH + "1" + "]" * MOST_DEPTH
    assert json.dumps(parse_json(deep.encode(), "it")) == deep
    with pytest.raises(IntegrityError, match="not UTF-8"):
        parse_json(b'["\xff"]', "it")


def test_whole_numbers_of_other_programs_may_be_any(tmp_path: Path) -> None:
    no_limit = int(1e30)  # what transformers writes as the longest text of a tokenizer without one
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"most": no_limit, "least": -no_limit, "own": 2**63 - 1, "no": 7}))
    found = read_json(path, foreign=True)
    assert found == {"most": 2**63 - 1, "least": -(2**63), "own": 2**63 - 1, "no": 7}
    with pytest.raises(IntegrityError, match="a whole number is too large"):
        read_json(path)
    with pytest.raises(IntegrityError, match="NaN is no number"):
        parse_json(b"[NaN]", "it", foreign=True)
    with pytest.raises(IntegrityError, match="is damaged"):
        parse_json(b"9" * 5_000, "it", foreign=True)


def test_links_pipes_folders_and_devices_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, says in {
        "link": "is a link, and links inside of an artefact are not followed",
        "lost": "is a link",
        "folder": "is no regular file",
        "pipe": "is no regular file",
    }.items():
        with pytest.raises(ArtifactError, match=f"{name} {says}"):
            read_json(tmp_path / name)
    with pytest.raises(ArtifactError, match="zero is no regular file"):
        read_file(Path("/dev/zero"))
    for missing in ("none", "secret/none"):
        with pytest.raises(FileNotFoundError):
            read_file(tmp_path / missing)
    check_own(tmp_path / "secret")
    assert read_json(tmp_path / "secret") == {}


def test_a_file_is_as_large_as_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"12345")
    assert read_file(path, most=5) == b"12345"
    with pytest.raises(ArtifactError, match="too large: 5 bytes, at most 4"):
        read_file(path, most=4)
    os.truncate(path, 2**43)  # takes no room on the disk
    with pytest.raises(ArtifactError, match="at most the memory of this machine"):
        read_file(path)


ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "half": np.array([0.5, -1], dtype=np.float16),
    "none": np.zeros((0, 4), dtype=np.int64),
    "one": np.array(7, dtype=np.uint8),
    "flags": np.array([[True], [False]]),
}


def test_tensors_are_read_as_the_library_writes_them() -> None:
    texts, found = parse_tensors(save(ARRAYS, metadata={"of": "猫"}), "it")
    assert texts == {"of": "猫"}
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
    assert parse_tensors(save({}), "it") == ({}, {})


def _file(header: object, data: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _tensor(**changes: object) -> dict[str, object]:
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "longer than the file"),
        (b"\1\2", "longer than the file"),
        ((2**62).to_bytes(8, "little") + b"{}", "longer than the file"),
        ((2**64 - 1).to_bytes(8, "little") + b"{}", "longer than the file"),
        (_file(b"[" * 100_000), "nested too deeply"),
        (_file([]), "no object"),
        (_file({"__metadata__": {"a": 1}}), "metadata are no texts"),
        (_file({"x": 1}), "not described"),
        (_file(_tensor(more=1)), "not described"),
        (_file(_tensor(dtype="BF16")), "'BF16', which is not read"),
        (_file(_tensor(dtype=["F32"])), "which is not read"),
        (_file(_tensor(shape=[3])), "does not fit its bytes"),
        (_file(_tensor(shape=[2.0])), "need whole numbers"),
        (_file(_tensor(shape=[-2])), "need whole numbers"),
        (_file(_tensor(shape=[True, 2])), "need whole numbers"),
        (_file(_tensor(shape=[2**62, 2**62])), "does not fit its bytes"),
        (_file(_tensor(shape=[2**40, 0], data_offsets=[0, 0]), b""), "is too long"),
        (_file(_tensor(shape=[1] * 9 + [2])), "does not fit its bytes"),
        (_file(_tensor(data_offsets=[8, 0])), "does not fit its bytes"),
        (_file(_tensor(data_offsets=[0, 8, 9])), "does not fit its bytes"),
        (_file(_tensor(data_offsets=[4, 12])), "overlap or leave gaps"),
        (_file({**_tensor(), "y": _tensor()["x"]}), "overlap or leave gaps"),
        (_file(_tensor(), b"\0" * 9), "do not fill the file"),
        (_file(_tensor(), b"\0" * 7), "do not fill the file"),
    ],
)
def test_tensors_that_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(IntegrityError, match=rf"^it.*{says}"):
        parse_tensors(data, "it")


_GREEDY = """
import re, sys
from pathlib import Path
from isthmus.core.artifact import load_artifact
from isthmus.core.errors import ArtifactError
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
try:
    load_artifact(Path(sys.argv[1]), "space")
except ArtifactError as error:
    print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    """A text as long as may be takes less than twice that, and what is longer is not read."""
    texts = {MOST_BYTES: b'"' + b"a" * (MOST_BYTES - 2) + b'"', 2**28: b"[" * 2**28}
    for size, text in texts.items():
        (tmp_path / "isthmus.json").write_bytes(text)
        assert _peak(tmp_path) < 2.5 * MOST_BYTES / 1024, size


def _peak(folder: Path) -> int:
    """Kilobytes that reading an artefact takes in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _GREEDY, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return int(done.stdout)


def test_a_path_with_a_zero_byte_is_there_for_nobody() -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_file(Path("a\0b"))
    with pytest.raises(ArtifactError, match="holds no predictor"):
        Predictor.load("a\0b")
