"""Where sounds begin, measured on recordings that were put together here."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.item import Waveform
from isthmus.media.onsets import APART, onsets, strongest

RATE = 16_000


def put_together(
    lengths: list[float], rate: int = RATE, gap: float = 0.0
) -> tuple[Waveform, list[float]]:
    """Tones that swell and fade and bursts of noise in turn, and when each begins."""
    rng = np.random.default_rng(0)
    parts, starts, at = [], [], 0.0
    for place, seconds in enumerate(lengths):
        time = np.arange(round(seconds * rate)) / rate
        pitch = 300 * 1.4 ** (place % 5)
        wave = np.sin(2 * np.pi * pitch * time * (1 + 0.1 * np.sin(3 * time)))
        if place % 2:
            wave = rng.normal(0, 0.3, len(time))
        wave = wave * np.exp(-time / seconds)
        parts += [wave, np.zeros(round(gap * rate))]
        starts.append(at)
        at += seconds + gap
    sound = np.concatenate(parts).astype(np.float32) * 0.5
    sound += rng.normal(0, 1e-4, len(sound)).astype(np.float32)
    return Waveform(sound, rate), starts


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_the_strongest_onsets_are_where_sounds_begin(rate: int, gap: float) -> None:
    lengths = [1.3, 0.6, 2.7, 4.1, 0.9, 1.8, 3.0, 0.7]
    sound, starts = put_together(lengths, rate, gap)
    found = onsets(sound)
    ends = len(lengths) if gap else 0  # a sound that breaks off is a change, too
    first = np.array([time for time, _ in strongest(found, len(lengths) - 1 + ends, APART)])
    assert all(np.abs(first - start).min() <= 0.06 for start in starts[1:])
    changes = [change for _, change in found]
    assert changes == sorted(changes, reverse=True)
    times = np.sort([time for time, _ in found])
    assert np.diff(times).min() >= APART - 1e-6


def test_loudness_does_not_matter_and_silence_has_none() -> None:
    sound, _ = put_together([1.0, 2.0, 1.5])
    quiet = Waveform(sound.samples * np.float32(0.3), RATE)
    loud, soft = ({round(t, 2) for t, _ in onsets(each)[:2]} for each in (sound, quiet))
    assert loud == soft
    assert onsets(Waveform(np.zeros(RATE, dtype=np.float32), RATE)) == []


def test_a_sound_of_one_sample_has_none() -> None:
    assert onsets(Waveform(np.ones(1, dtype=np.float32), RATE)) == []
