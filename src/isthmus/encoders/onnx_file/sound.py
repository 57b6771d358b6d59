"""The log-mel spectrogram of Whisper, in numpy.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022; mel bands after
Slaney, "Auditory Toolbox", 1998.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from isthmus.core.linalg import F32, F64

FRAME = 400
"""Samples of a frame."""
HOP = 160
"""Samples between frames."""
_FLOOR = 1e-10
_RANGE = 8.0
"""Of the logarithm to base 10; what is fainter than the loudest by more is raised."""
_LINEAR = 200 / 3
"""Hz of a mel below 1,000 Hz."""
_BREAK = 1000.0
_STEP = np.log(6.4) / 27
"""Of the logarithm of a mel above it."""


def log_mel(samples: F32, rate: int, mels: int) -> F32:
    """A log-mel spectrogram.

    Args:
        samples: ``(n,)``, at least 201.
        rate: Hz.
        mels: Bands.

    Returns:
        ``(mels, n // 160)`` float32.
    """
    padded = np.pad(samples.astype(np.float64), FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    bands = np.log10(np.maximum(power[:-1] @ _filters(rate, mels), _FLOOR))
    bands = np.maximum(bands, bands.max() - _RANGE)
    return np.ascontiguousarray(((bands + 4.0) / 4.0).T, dtype=np.float32)


@lru_cache(maxsize=4)
def _filters(rate: int, mels: int) -> F64:
    """Triangles of equal area, ``(201, mels)``."""
    edges = _hertz(np.linspace(_mel(0.0), _mel(rate / 2), mels + 2))
    lines = np.linspace(0, rate / 2, FRAME // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[None, :] - lines[:, None]
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2])))


def _mel(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _LINEAR
    return float(_BREAK / _LINEAR + np.log(hertz / _BREAK) / _STEP)


def _hertz(mel: F64) -> F64:
    above = mel >= _BREAK / _LINEAR
    return np.where(above, _BREAK * np.exp(_STEP * (mel - _BREAK / _LINEAR)), _LINEAR * mel)
