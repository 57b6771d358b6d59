import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media import made

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.view import AUDIO
from isthmus.media import Limits, decode, preview
from isthmus.media.audio import decode_audio, resample

RATE = 8000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def encoded(samples: np.ndarray, format: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format=format, subtype=subtype)
    return out.getvalue()


def item(data: bytes) -> MediaItem:
    return MediaItem.from_bytes(data, "audio", source="clip.wav")


@pytest.mark.parametrize("kind", ["RF64", "BW64", "RIFX"])
def test_unusual_kinds_of_wav_are_read_and_told_from_truncated_ones(kind: str) -> None:
    out = io.BytesIO()
    form, order = ("WAV", "BIG") if kind == "RIFX" else ("RF64", "FILE")
    soundfile.write(out, TONE, RATE, format=form, subtype="PCM_16", endian=order)
    data = kind.encode() + out.getvalue()[4:]
    wave = decode(item(data))
    assert (wave.rate, len(wave.samples)) == (RATE, len(TONE))
    np.testing.assert_allclose(wave.samples, TONE, atol=1e-4)
    with pytest.raises(CorruptMediaError, match="is truncated"):
        decode(item(data[:-4000]))


def test_layer_two_of_mpeg_is_read() -> None:
    wave = decode(item(made.sound("mp2", "mp2")))
    assert wave.seconds == pytest.approx(len(made.TONE) / made.RATE, abs=0.1)


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
    with pytest.raises(MediaTooLargeError, match=r"lasts 2 s, the limit is 1 s; cut it"):
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


@pytest.mark.parametrize("declared", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_that_does_not_know_its_length_is_read_to_the_end(declared: int) -> None:
    data = bytearray(encoded(TONE))
    at = data.index(b"data")
    data[4:8] = data[at + 4 : at + 8] = declared.to_bytes(4, "little")
    assert np.abs(decode(item(bytes(data))).samples - TONE).max() < 1e-4
    part = MediaItem("0", "audio", "x", bytes(data), span=(0.5, 1.25))
    assert len(decode(part).samples) == 6000
    with pytest.raises(MediaTooLargeError, match="the limit is 1 s"):
        decode(item(bytes(data)), Limits(max_seconds=1))


def test_a_flac_that_does_not_know_its_length_is_read_to_the_end() -> None:
    data = bytearray(encoded(TONE, "FLAC"))
    data[8 + 13] &= 0xF0  # the lower bits of 36 that count samples
    data[8 + 14 : 8 + 18] = bytes(4)
    assert np.abs(decode(item(bytes(data))).samples - TONE).max() < 1e-4
    part = MediaItem("0", "audio", "x", bytes(data), span=(0.5, 1.25))
    assert np.abs(decode(part).samples - TONE[4000:10000]).max() < 1e-4
    with pytest.raises(MediaTooLargeError, match="the limit is 1 s"):
        decode(item(bytes(data)), Limits(max_seconds=1))
    with pytest.raises(CorruptMediaError):
        decode(item(bytes(data[: len(data) // 2])))


@pytest.mark.parametrize(
    ("right", "exact"), [(-1.0, 1.0), (-0.999, 1.0), (0.0, 0.5), (1.0, 1.0), (-0.5, 0.25)]
)
def test_where_channels_cancel_the_strongest_is_taken(right: float, exact: float) -> None:
    wave = decode(item(encoded(np.stack([TONE, right * TONE], axis=1), subtype="FLOAT")))
    assert np.abs(wave.samples - exact * TONE).max() < 1e-6


@pytest.mark.parametrize(
    ("format", "tolerance"), [("WAV", 1e-4), ("FLAC", 1e-4), ("OGG", 0.06), ("MP3", 0.08)]
)
def test_recordings_put_one_behind_the_other_are_read_to_the_end(
    format: str, tolerance: float
) -> None:
    high = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    first, second = encoded(TONE, format), encoded(high, format)
    samples = decode(item(first + second)).samples
    assert len(samples) == 3 * RATE
    for tone, heard in ((TONE, samples[: 2 * RATE]), (high, samples[2 * RATE :])):
        assert np.abs(heard - tone)[400:-400].max() < tolerance
    part = MediaItem("0", "audio", "x", first + second, span=(1.5, 2.5))
    kept = decode(part).samples
    assert np.abs(kept - samples[3 * RATE // 2 : 5 * RATE // 2])[600:].max() < tolerance
    with pytest.raises(MediaTooLargeError, match="lasts 3 s, the limit is 2 s"):
        decode(item(first + second), Limits(max_seconds=2.5))
    with pytest.raises(CorruptMediaError):
        decode(item(first + second[: len(second) // 2]))


def test_joined_recordings_of_two_rates_have_that_of_the_first() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.repeat(TONE, 2), 2 * RATE, format="FLAC")
    wave = decode(item(encoded(TONE, "FLAC") + out.getvalue()))
    assert (wave.rate, len(wave.samples)) == (RATE, 4 * RATE)


def test_an_mp3_without_a_table_is_read_to_the_end() -> None:
    plain = made.sound("mp3", "libmp3lame", write_xing="0")
    table = made.sound("mp3", "libmp3lame")
    assert (b"Xing" in plain or b"Info" in plain, b"Info" in table or b"Xing" in table) == (0, 1)
    one = len(decode(item(plain)).samples)
    assert one == pytest.approx(2 * made.RATE, abs=2 * 1152)
    lengths = [one, 2 * made.RATE]
    for left, first in zip((plain, table), lengths, strict=True):
        for right, second in zip((plain, table), lengths, strict=True):
            joined = len(decode(item(left + right)).samples)
            assert joined == pytest.approx(first + second, abs=1152)
    tags = b"TAG" + bytes(125)
    assert len(decode(item(plain + tags)).samples) == one
    cut = decode(item(plain[: len(plain) // 2])).samples  # nothing says that more was there
    assert len(cut) == pytest.approx(one / 2, abs=2 * 1152)
    with pytest.raises(CorruptMediaError, match="frames are there"):
        decode(item(table[: len(table) // 2]))


def test_an_empty_wav_with_more_chunks_is_empty() -> None:
    data = encoded(TONE[:0]) + b"LIST" + (40).to_bytes(4, "little") + b"INFO" + bytes(36)
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    with pytest.raises(EmptyMediaError, match="duration is zero"):
        decode(item(data))


def test_a_span_past_the_limit_on_seconds() -> None:
    data = encoded(np.tile(TONE, 4), subtype="FLOAT")
    part = MediaItem("0", "audio", "x", data, span=(6.0, 7.0))
    assert len(decode(part, Limits(max_seconds=1.5)).samples) == RATE


def test_previews_of_a_recording_that_is_too_long_to_be_decoded_at_once(tmp_path: Path) -> None:
    path, rate = tmp_path / "long.flac", 8000
    samples = np.zeros(40 * rate, dtype=np.float32)
    samples[: 10 * rate], samples[20 * rate : 30 * rate] = 0.25, 0.5
    soundfile.write(path, samples, rate)
    item, short = MediaItem.from_path(path, AUDIO), Limits(max_seconds=7.0)
    with pytest.raises(MediaTooLargeError):
        decode_audio(item, short)
    whole = preview.loudness(item, points=8)
    assert list(whole) == [128, 128, 0, 0, 255, 255, 0, 0]
    assert preview.loudness(item, short, points=8) == whole
    made = io.BytesIO(preview.clip(item, short, seconds=3.0))
    assert soundfile.info(made).duration == pytest.approx(3.0, abs=0.05)
