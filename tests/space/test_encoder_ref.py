"""What a space keeps of its encoders."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus import encoders
from isthmus.space import EncoderRef


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ("hf:m/clip", "hf:{home}/m/clip"),
        ("st:m/clip?task=query", "st:{home}/m/clip?task=query"),
        ("timm:local-dir:m/clip", "timm:{home}/m/clip"),
        ("openclip:./m/clip", "openclip:{home}/m/clip"),
        ("onnx:m/x.onnx", "onnx:{home}/m/x.onnx"),
        ("mfcc+hf:m/clip?pool=cls", "mfcc+hf:{home}/m/clip?pool=cls"),
        ("hf:m/empty", "hf:m/empty"),
        ("hf:someone/bert", "hf:someone/bert"),
        ("hf:" + "x" * 5000, "hf:" + "x" * 5000),
        ("m/clip", "m/clip"),
        ("", ""),
    ],
)
def test_a_space_keeps_the_whole_path_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, kept: str
) -> None:
    (tmp_path / "m" / "clip").mkdir(parents=True)
    (tmp_path / "m" / "empty").mkdir()
    (tmp_path / "m" / "clip" / "config.json").write_text("{}")
    (tmp_path / "m" / "x.onnx").touch()
    monkeypatch.chdir(tmp_path)
    ref = EncoderRef.of(encoders.load("color-hog"), spec)
    assert ref.spec == kept.format(home=tmp_path)
    monkeypatch.chdir("/")
    assert EncoderRef.of(encoders.load("color-hog"), ref.spec).spec == ref.spec
