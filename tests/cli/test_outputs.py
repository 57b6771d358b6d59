"""What a command may replace: what it wrote itself, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.cli.outputs import Output, arrays_named, check_output, check_page, rows_like
from isthmus.core.errors import InputError

TABLE = rows_like(("id", "value"), ("notes",), ".csv", ".jsonl")


@pytest.mark.parametrize(
    ("name", "content", "own"),
    [
        ("a.csv", "", True),
        ("a.csv", "id,value,notes\n1,2,3\n", True),
        ("a.csv", "id,value,p(a),p(b),notes\n", True),
        ("a.csv", "source\n", True),  # a table of no rows
        ("a.csv", "source\nphoto.png\n", False),
        ("a.csv", "id,value\n1,2\n", False),
        ("a.csv", "id,value,notes,mine\n1,2,3,4\n", False),
        ("a.csv", "my words\n", False),
        ("a.csv", "a" * 200_000, False),
        ("a.csv", "\0\xff", False),
        ("a.jsonl", '{"id": 1, "value": 2, "notes": ""}\n', True),
        ("a.jsonl", '{"id": 1}\n', False),
        ("a.jsonl", "[" * 100_000, False),
        ("a.jsonl", "[1]\n", False),
    ],
)
def test_a_table_is_told_by_its_columns(tmp_path: Path, name: str, content: str, own: bool) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    if own:
        check_output(path, TABLE)
    else:
        with pytest.raises(InputError, match=rf"{name} is there and is no table of this command"):
            check_output(path, TABLE)
    assert path.read_text(encoding="utf-8") == content


def test_arrays_are_told_by_their_names(tmp_path: Path) -> None:
    kind = arrays_named(("x", "y"))
    path = tmp_path / "a.npz"
    for names, own in ((("x", "y"), True), (("x",), False), (("x", "y", "z"), False)):
        np.savez(path, **dict.fromkeys(names, np.eye(2)))
        if own:
            check_output(path, kind)
            continue
        with pytest.raises(InputError, match="is there and is no file of this command"):
            check_output(path, kind)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="is there and is no file of this command"):
        check_output(path, kind)


def test_what_is_read_is_not_written_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.npz").touch()
    Path("link.npz").symlink_to("a.npz")
    anything = Output("file", lambda _: True)
    check_output(Path("b.npz"), anything, ["a.npz", None, "dog " * 1_000])
    for read in ("./a.npz", str(tmp_path / "a.npz"), "link.npz", "a.npz/image/cat-7"):
        with pytest.raises(InputError, match=r"^a\.npz is read, so it is not written"):
            check_output(Path("a.npz"), anything, [read])
    Path("page.html").write_text("<!DOCTYPE html><p>")
    check_page(Path("page.html"))
    with pytest.raises(InputError, match="is read, so it is not written"):
        check_page(Path("page.html"), ["page.html"])
