"""Colours of HDR videos, as phones film them, in sRGB.

FFmpeg could do this, too, but takes seconds for each file before the first frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from isthmus.core.linalg import F32

PQ, HLG = 16, 18
"""Transfers as ITU-T H.273 numbers them: those of BT.2100."""
_WHITE = 203.0
"""Candela per square metre that paper has in HDR (BT.2408); it becomes the white of sRGB."""
_BRIGHTEST, _GAMMA = 1000.0, 1.2
"""Of the screen that HLG is mastered on (BT.2100)."""
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
"""From the primaries of BT.2020 to those of BT.709 and sRGB (BT.2407)."""
_LUMA = np.array([0.2627, 0.6780, 0.0593])


def to_srgb(pixels: NDArray[np.uint8], transfer: int) -> NDArray[np.uint8]:
    """Pixels of an HDR video in sRGB; what is brighter than paper is white.

    Args:
        pixels: ``(height, width, 3)``, as they are stored, in RGB with primaries of BT.2020.
        transfer: :data:`PQ` or :data:`HLG`.
    """
    light = _light(transfer)[pixels]
    if transfer == HLG:
        light = light * ((light @ _LUMA) ** (_GAMMA - 1))[..., None] * (_BRIGHTEST / _WHITE)
    linear = np.clip(light @ _TO_709.T, 0.0, 1.0)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * shown), dtype=np.uint8)


@lru_cache(maxsize=2)
def _light(transfer: int) -> F32:
    """Of each stored level: share of paper white for PQ, of the scene's brightest for HLG."""
    level = np.arange(256) / 255
    if transfer == PQ:
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        root = level ** (1 / m2)
        light = 10_000 / _WHITE * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
    return light.astype(np.float32)
