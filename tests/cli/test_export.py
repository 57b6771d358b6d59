"""``isthmus export``: what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.running import run

pytest.importorskip("onnx", reason="graphs are written by onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime runs them")

HERE = "tests.encoders.exportable"


def test_an_export_says_by_how_much_vectors_differ(tmp_path: Path) -> None:
    done = run("export", f"{HERE}:Honest", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["encoder"] == "onnx:out" and told["modality"] == "image" and told["dim"] == 3
    assert 0 <= told["difference"] < told["tolerance"] == 1e-5
    assert told["bytes"] == sum(each.stat().st_size for each in (tmp_path / "out").iterdir())


def test_a_file_that_gives_other_vectors_ends_with_an_error(tmp_path: Path) -> None:
    done = run("export", f"{HERE}:Liar", "out", cwd=tmp_path)
    assert done.returncode == 1 and list(tmp_path.iterdir()) == []
    assert "so nothing was written" in " ".join(done.stderr.split())
    again = ("export", f"{HERE}:Liar", "out", "--tolerance", "0.01")
    done = run(*again, cwd=tmp_path)
    assert done.returncode == 0 and "Use it as onnx:out" in done.stdout
    done = run(*again, cwd=tmp_path)
    assert done.returncode == 1 and "replace it with --overwrite" in " ".join(done.stderr.split())
    assert run(*again, "--overwrite", cwd=tmp_path).returncode == 0


def test_a_wrong_name_is_told_before_any_promise(tmp_path: Path) -> None:
    done = run("export", "nosuch", "out", cwd=tmp_path)
    assert done.returncode == 1 and "unknown encoder 'nosuch'" in done.stderr
    assert "minute" not in done.stderr
    done = run("export", f"{HERE}:Honest", "out", cwd=tmp_path)
    assert done.returncode == 0 and "This takes about a minute." in done.stderr
