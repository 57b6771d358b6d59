"""Words read in pictures and heard in recordings, by the models themselves."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from isthmus.core.errors import InputError, MissingExtraError
from isthmus.core.item import Waveform
from isthmus.encoders import readers
from isthmus.encoders.readers import SPEECH, TEXT, reader
from isthmus.encoders.readers.ocr import PictureReader
from isthmus.encoders.readers.speech import SpeechReader, _is_said


def sign(*lines: str, size: int = 28) -> Image.Image:
    picture = Image.new("RGB", (480, 30 + 60 * len(lines)), "white")
    font = ImageFont.load_default(size)
    for row, line in enumerate(lines):
        ImageDraw.Draw(picture).text((20, 20 + 60 * row), line, font=font, fill="black")
    return picture


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a reader opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("_no_network")
def test_lines_of_a_picture_are_read_from_top_to_bottom_and_none_where_none_is() -> None:
    pytest.importorskip("rapidocr", reason="pip install 'isthmus[ocr]'")
    reads = reader(TEXT)
    lines = reads.read(sign("Harbour lantern", "No 42"))
    assert [line.text for line in lines] == ["Harbour lantern", "No 42"]
    assert all(line.span is None and line.confidence > 0.9 for line in lines)
    assert reads.read(Image.new("RGB", (300, 200), "white")) == []


def test_a_short_line_must_be_sure() -> None:
    """As the package gives lines: all of which it is half sure."""
    lines = {"UU": 0.79, "OK": 0.81, "福": 0.6, "猫": 0.95, "O": 1.0, "=-=": 1.0, "No 5": 0.5}
    reads = PictureReader()
    reads._model = lambda _: SimpleNamespace(txts=tuple(lines), scores=tuple(lines.values()))
    found = reads.read(Image.new("RGB", (9, 9)))
    assert [line.text for line in found] == ["OK", "猫", "No 5"]
    assert [line.confidence for line in found] == [0.81, 0.95, 0.5]


@pytest.mark.starter
@pytest.mark.usefixtures("starter", "_no_network")
def test_noise_and_tones_say_nothing() -> None:
    reads = SpeechReader("whisper-tiny")
    reads.check()
    time = np.arange(32_000) / 16_000
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000)
    for samples in (noise, np.sin(2 * np.pi * 440 * time)):
        assert reads.read(Waveform(samples.astype(np.float32), 16_000)) == []


def test_a_passage_that_is_unlikely_or_goes_round_in_circles_was_not_said() -> None:
    class Segment:
        text, avg_logprob, no_speech_prob, compression_ratio = " A bee.", -0.7, 0.48, 0.4

    said = Segment()
    assert _is_said(said)
    for name, value in (
        ("text", " ..."),
        ("avg_logprob", -1.5),
        ("no_speech_prob", 0.6),
        ("compression_ratio", 3.0),
    ):
        other = Segment()
        setattr(other, name, value)
        assert not _is_said(other), name


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidocr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[ocr\]'"):
        reader(TEXT).check()
    with pytest.raises(InputError, match="words are read as text and speech, not 'speach'"):
        reader("speach")
    assert readers.KINDS == (TEXT, SPEECH)
