import io

import numpy as np
import pytest
import soundfile

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.media import Limits, decode
from isthmus.media.audio import resample

RATE = 8000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def encoded(samples: np.ndarray, format: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format=format, subtype=subtype)
    return out.getvalue()


def item(data: bytes) -> MediaItem:
    return MediaItem.from_bytes(data, "audio", source="clip.wav")


@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [
        ("WAV", "FLOAT", 0),
        ("WAV", "PCM_16", 1e-4),
        ("FLAC", None, 1e-4),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.1),
        ("MP3", None, 0.1),
    ],
)
def test_samples_come_through(format: str, subtype: str | None, tolerance: float) -> None:
    wave = decode(item(encoded(TONE, format, subtype)))
    assert wave.samples.dtype == np.float32
    assert wave.seconds == pytest.approx(2.0, abs=0.15)
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert spectrum.argmax() / wave.seconds == pytest.approx(440, abs=2)
    if tolerance <= 1e-4:
        assert np.abs(wave.samples - TONE).max() <= tolerance


def test_channels_become_their_mean() -> None:
    wave = decode(item(encoded(np.stack([TONE, 0 * TONE, -TONE / 2], axis=1), subtype="FLOAT")))
    assert np.abs(wave.samples - TONE / 6).max() < 1e-6
    assert wave.rate == RATE


def test_a_span() -> None:
    whole = item(encoded(TONE, subtype="FLOAT"))
    part = MediaItem(whole.id, "audio", whole.source, whole.payload, span=(0.5, 1.25))
    assert np.array_equal(decode(part).samples, TONE[4000:10000])


def test_silence_and_nothing() -> None:
    for quiet in (0 * TONE, TONE * 1e-4):
        with pytest.raises(EmptyMediaError, match="silent"):
            decode(item(encoded(quiet, subtype="FLOAT")))
    with pytest.raises(EmptyMediaError, match="duration is zero"):
        decode(item(encoded(TONE[:0])))
    with pytest.raises(EmptyMediaError, match="zero bytes"):
        decode(item(b""))
    assert decode(item(encoded(TONE * 1e-3, subtype="FLOAT"))).samples.max() > 4e-4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers(value: float) -> None:
    bad = TONE.copy()
    bad[100] = value
    with pytest.raises(CorruptMediaError, match="NaN or infinite"):
        decode(item(encoded(bad, subtype="FLOAT")))


@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", None), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS")]
)
@pytest.mark.parametrize("part", [0.95, 0.5])
def test_truncated(format: str, subtype: str | None, part: float) -> None:
    noisy = TONE + np.random.default_rng(0).normal(0, 0.1, len(TONE)).astype(np.float32)
    data = encoded(np.tile(noisy, 5), format, subtype)
    with pytest.raises(CorruptMediaError):
        decode(item(data[: int(len(data) * part)]))


def test_garbage_behind_a_good_beginning() -> None:
    rng = np.random.default_rng(0)
    for head in (b"RIFF\x24\0\0\0WAVE", b"fLaC", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\x00"):
        with pytest.raises(MediaError):
            decode(item(head + rng.bytes(500)))


def test_caps_come_from_the_header() -> None:
    data = encoded(TONE)
    with pytest.raises(MediaTooLargeError, match=r"lasts 2 s, the limit is 1 s.*max_seconds"):
        decode(item(data), Limits(max_seconds=1))
    with pytest.raises(MediaTooLargeError, match="16,000 samples"):
        decode(item(data), Limits(max_samples=15_999))
    with pytest.raises(MediaTooLargeError, match="20 channels"):
        decode(item(encoded(np.tile(TONE[:100, None], 20))))


def test_a_wav_of_unknown_length_is_played() -> None:
    data = bytearray(encoded(TONE))
    at = data.index(b"data")
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    assert decode(item(bytes(data))).seconds == pytest.approx(2.0, abs=0.01)


def test_playlists_and_pictures_are_refused() -> None:
    with pytest.raises(UnsupportedMediaError, match="playlist"):
        decode(item(b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n"))
    with pytest.raises(UnsupportedMediaError, match="not a recording but png"):
        decode(item(b"\x89PNG\r\n\x1a\n" + bytes(50)))


def test_resampling_keeps_the_tone_and_drops_what_would_fold() -> None:
    up = resample(Waveform(TONE, RATE), 16000)
    assert (len(up.samples), up.rate, up.samples.dtype) == (32000, 16000, np.float32)
    exact = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    assert np.abs(up.samples - exact)[200:-200].max() < 2e-3
    high = np.sin(2 * np.pi * 7000 * np.arange(32000) / 16000).astype(np.float32)
    assert np.abs(resample(Waveform(high, 16000), RATE).samples[200:-200]).max() < 0.01
    assert resample(up, 16000) is up
