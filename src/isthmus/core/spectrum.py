"""Bands of a spectrum of sound."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from isthmus.core.linalg import F32


@lru_cache(maxsize=4)
def mel_bands(rate: int, size: int, bands: int) -> F32:
    """Triangles evenly spaced in mel: ``(size // 2 + 1, bands)`` float32."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(size, 1 / rate)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequency - low) / (middle - low)
    falling = (high - frequency) / (high - middle)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), dtype=np.float32)
