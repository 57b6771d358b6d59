"""Spans of one recording are decoded together, and each is what it is by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from isthmus.core.errors import EmptyMediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO
from isthmus.encoders import load
from isthmus.media import DEFAULT, decode
from isthmus.media.audio import seconds_of
from isthmus.media.limits import Limits
from isthmus.media.onsets import strongest
from isthmus.pipeline import WORKERS, DecodeWorkers, encode_items, read_onsets
from isthmus.pipeline._stretches import STRETCH, stretches

RATE = 8000


def recording(path: Path, seconds: int, **how: str) -> MediaItem:
    """A tone that rises, with a second of silence behind the fourth."""
    time = np.arange(seconds * RATE) / RATE
    wave = 0.5 * np.sin(2 * np.pi * (200 + 20 * time) * time)
    wave[4 * RATE : 5 * RATE] = 0
    soundfile.write(path, wave, RATE, **how)
    return MediaItem.from_path(path, AUDIO)


def spans(item: MediaItem, count: int, step: float = 1.0) -> list[MediaItem]:
    return [replace(item, span=(i * step, i * step + 2 * step)) for i in range(count)]


def test_neighbouring_spans_are_decoded_together_and_others_are_not(tmp_path: Path) -> None:
    a, b = recording(tmp_path / "a.wav", 9), recording(tmp_path / "b.wav", 10)
    parts = spans(a, 300)
    groups = stretches([*parts, *spans(b, 3), a, b])
    assert [item for group in groups for item in group] == [*parts, *groups[-3], a, b]
    assert [len(group) for group in groups[-3:]] == [3, 1, 1]
    for group in groups[:-2]:
        first, last = group[0].span, group[-1].span
        assert first is not None and last is not None and last[1] - first[0] <= STRETCH
    assert len(groups) == -(-300 // int(STRETCH - 1)) + 3


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_spans_have_the_vectors_that_they_have_alone(tmp_path: Path, ending: str) -> None:
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III"} if ending == "mp3" else {}
    item = recording(tmp_path / f"tone.{ending}", 12, **how)
    encoder = load("mfcc")
    parts = spans(item, 11)
    together = encode_items(parts, encoder)
    alone = [encode_items([part], encoder).vectors[0] for part in parts]
    assert together.ok.all() and not together.empty
    for one, other in zip(together.vectors, alone, strict=True):
        exact = 1e-6 if ending in ("wav", "flac") else 1e-3
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosine == pytest.approx(1, abs=exact)


def test_a_silent_span_is_told_apart_and_costs_no_other(tmp_path: Path) -> None:
    item = recording(tmp_path / "tone.wav", 9)
    parts = [replace(item, span=(t / 2, t / 2 + 0.5)) for t in range(18)]
    done = encode_items(parts, load("mfcc"))
    assert done.empty == {8, 9} and np.flatnonzero(~done.ok).tolist() == [8, 9]
    made = WORKERS.prepare_pieces(
        replace(item, span=(3.0, 6.0)), [(3.0, 4.0), (4.2, 4.8), (5.0, 6.0)], load("mfcc")
    )
    assert isinstance(made[1], EmptyMediaError) and len(made[0]) == len(made[2])


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_the_duration_is_known(tmp_path: Path, ending: str) -> None:
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III"} if ending == "mp3" else {}
    item = recording(tmp_path / f"tone.{ending}", 12, **how)
    seconds = WORKERS.seconds(item)
    assert seconds == pytest.approx(decode(item).seconds, abs=0.3) == pytest.approx(12, abs=0.3)
    both = tmp_path / f"both.{ending}"
    both.write_bytes((tmp_path / f"tone.{ending}").read_bytes() * 2)
    assert seconds_of(MediaItem.from_path(both, AUDIO)) == pytest.approx(2 * seconds, abs=0.3)


def test_what_is_too_long_even_by_span_is_refused(tmp_path: Path) -> None:
    item = recording(tmp_path / "tone.wav", 12)
    workers = DecodeWorkers(1, limits=replace(DEFAULT, max_seconds=5, max_long_seconds=10))
    try:
        with pytest.raises(MediaTooLargeError, match="lasts 12 s, the limit is 10 s"):
            workers.seconds(item)
        short = Limits(max_seconds=5, max_long_seconds=20)
        workers.limit(short)
        assert workers.seconds(item) == 12
        with pytest.raises(MediaTooLargeError, match="lasts 12 s, the limit is 5 s"):
            workers.decode(item)
        part = replace(item, span=(7.0, 11.0))
        assert len(workers.prepare_pieces(part, [(7, 9), (9, 11)], load("mfcc"))) == 2
    finally:
        workers.close()


def test_spans_of_many_lengths_are_decoded_in_few_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = recording(tmp_path / "tone.wav", 100)
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 90, 60)).round(3)
    lengths = rng.uniform(0.3, 8, 60).round(3)
    parts = [
        replace(item, span=(a, round(a + b, 3)))
        for a, b in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]
    asked: list[object] = []
    ask = WORKERS._ask
    monkeypatch.setattr(
        WORKERS, "_ask", lambda *how, **more: asked.append(how) or ask(*how, **more)
    )
    done = encode_items(parts, load("mfcc"))
    assert done.ok.all() and len(asked) <= 3  # up to 1, 4 and 16 s, not one for each span
    alone = encode_items(parts[7:8], load("mfcc")).vectors[0]
    assert done.vectors[7] == pytest.approx(alone, abs=1e-4)


def test_onsets_are_the_same_however_a_recording_is_stretched(tmp_path: Path) -> None:
    bursts = np.arange(1, 250, 4) * 1.0
    wave = np.zeros(250 * RATE)
    rng = np.random.default_rng(0)
    for start in bursts:
        at = int(start * RATE)
        wave[at : at + RATE] = rng.normal(0, 0.2, RATE)
    path = tmp_path / "long.flac"
    soundfile.write(path, wave, RATE)
    item = MediaItem.from_path(path, AUDIO)
    steps: list[tuple[str, int, int]] = []
    told = read_onsets(item, 250.0, progress=lambda *step: steps.append(step))
    assert steps == [("find onsets", done, 3) for done in (1, 2, 3)]
    assert len(told) == 3 and sum(part.seconds for part in told) == pytest.approx(250)
    assert all(part.seconds <= STRETCH for part in told)
    times = np.array([time for part in told for time, _ in part.onsets])
    assert len(np.unique(times)) == len(times)
    for start in bursts:
        assert np.abs(times - start).min() <= 0.05
    strong = [
        time for part in told for time, _ in strongest(part.onsets, round(part.seconds / 4), 0.5)
    ]
    assert np.mean([np.abs(bursts - time).min() <= 0.05 for time in strong]) >= 0.95


def test_nothing_begins_in_what_cannot_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    told = read_onsets(MediaItem("0", AUDIO, "broken.wav", path), 10.0)
    assert [(part.seconds, list(part.onsets)) for part in told] == [(10.0, [])]
