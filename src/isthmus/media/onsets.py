"""Where sounds begin in a recording: moments at which its spectrum rises or becomes another.

This is own code because the packages that are kept for it, such as librosa, compile with numba.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence

import numpy as np

from isthmus.core.item import Waveform
from isthmus.core.linalg import F32, F64
from isthmus.core.spectrum import mel_bands
from isthmus.media.audio import resample

Onset = tuple[float, float]
"""A moment in seconds, and how much the sound changes there."""
APART = 0.3
"""Seconds between onsets, at least: sounds that follow each other sooner are one."""
REACH = 0.25
"""Seconds before and after a moment that are compared with each other."""
_RISE = 0.1
"""Seconds in which a sound that begins grows louder."""
HOP = 0.02
"""Seconds from one frame to the next."""
_RATE = 16_000
_FRAME, _SIZE, _BANDS = 640, 1024, 40
_FLOOR = 1e-6
"""Added to the power of a band, so that noise far below what is heard is silence."""
_TOGETHER = 2000
"""Frames whose spectra are computed at a time, so that memory stays flat."""


def onsets(sound: Waveform) -> list[Onset]:
    """Moments at which a sound changes most, the strongest first, :data:`APART` from each other.

    The change is the sum of two: how far the mean spectrum of what follows lies above that of what
    comes before, as in spectral flux (Dixon, "Onset detection revisited", DAFx 2006); and how far
    the two differ in either way over a longer time, as a novelty does (Foote, "Automatic audio
    segmentation using a measure of audio novelty", ICME 2000). Each is divided by its deviation.
    Spectra are logarithms of the power in mel bands.

    Args:
        sound: At any rate.
    """
    changes = novelty(sound)
    every = [(place * HOP, change) for place, change in enumerate(changes.tolist()) if change > 0]
    return strongest(every, len(every), APART)


def strongest(moments: Sequence[Onset], count: int, apart: float) -> list[Onset]:
    """The moments of the largest changes, the strongest first.

    Args:
        moments: In any order.
        count: At most so many.
        apart: Seconds that two of them are apart, at least.

    Examples:
        >>> strongest([(1.0, 3.0), (1.2, 9.0), (1.4, 4.0), (2.0, 1.0)], 3, 0.3)
        [(1.2, 9.0), (2.0, 1.0)]
    """
    kept: list[Onset] = []
    times: list[float] = []
    for moment in sorted(moments, key=lambda each: -each[1]):
        if len(kept) >= count:
            break
        place = bisect(times, moment[0])
        near = times[max(place - 1, 0) : place + 1]
        if all(abs(moment[0] - other) >= apart - HOP / 2 for other in near):
            times.insert(place, moment[0])
            kept.append(moment)
    return kept


def novelty(sound: Waveform) -> F64:
    """How much a sound changes at each moment, one every :data:`HOP` seconds, the first at 0."""
    frames = np.concatenate(list(_log_mel(sound)))
    sums = np.concatenate([np.zeros((1, _BANDS)), frames.cumsum(axis=0, dtype=np.float64)])
    rise = np.maximum(_difference(sums, round(_RISE / HOP)), 0).mean(axis=1)
    other = np.abs(_difference(sums, round(REACH / HOP))).mean(axis=1)
    return _scaled(rise) + _scaled(other)


def _difference(sums: F64, reach: int) -> F64:
    """Mean of the frames from each on, less the mean of those before it, ``(n, bands)``."""
    count = len(sums) - 1
    at = np.arange(count)
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach, count)
    after = (sums[last] - sums[at]) / (last - at)[:, None]
    before = (sums[at] - sums[first]) / np.maximum(at - first, 1)[:, None]
    difference: F64 = after - before
    difference[0] = 0  # nothing comes before
    return difference


def _scaled(changes: F64) -> F64:
    deviation = float(changes.std())
    return changes / deviation if deviation > 0 else np.zeros_like(changes)


def _log_mel(sound: Waveform) -> Iterator[F32]:
    """Logarithms of the power in bands, ``(frames, bands)``, some frames at a time."""
    hop, half = round(HOP * _RATE), _FRAME // 2
    samples = np.pad(resample(sound, _RATE).samples, half)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::hop]
    shape, bands = np.hanning(_FRAME).astype(np.float32), mel_bands(_RATE, _SIZE, _BANDS)
    for start in range(0, len(frames), _TOGETHER):
        spectrum = np.fft.rfft(frames[start : start + _TOGETHER] * shape, n=_SIZE)
        power = (np.abs(spectrum) ** 2).astype(np.float32) @ bands
        yield np.log(power + np.float32(_FLOOR))
