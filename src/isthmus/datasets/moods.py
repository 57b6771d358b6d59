"""Scenes with a mood, drawn and sung here: colour and tempo say it together, and neither alone.

A warm colour is pleasant and a cool one is not; a fast tune is lively and a slow one is not. The
four moods are the quadrants of Russell's circumplex (1980), so the best guess from one view is
right half of the time. Shape, size, place, pitch and timbre say nothing. No download, exact truth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from isthmus.core.errors import DataError
from isthmus.core.fields import Value
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.core.view import AUDIO, IMAGE
from isthmus.datasets import shapes

__all__ = ["MOODS", "TEMPI", "load", "tune"]

SECONDS = 2.0
TEMPI = (2.0, 3.5, 6.0, 10.0)
"""Notes a second; the upper half is fast."""
WARM, COOL = ("red", "orange", "yellow"), ("green", "blue", "purple")
MOODS = {
    (True, True): "joyful",
    (True, False): "content",
    (False, True): "tense",
    (False, False): "gloomy",
}
"""By whether the colour is warm and the tune fast."""
_SCALE = (0, 2, 4, 7, 9)  # a pentatonic scale, in semitones: it sounds neither glad nor sad
_DECAY = 6.0  # a note fades by this many times its length, as a plucked string does


def load(*, n: int = 240, seed: int = 0) -> Dataset:
    """Draw and sing ``n`` scenes; the same arguments give the same bytes.

    Args:
        n: How many.
        seed: Of everything that is random.

    Returns:
        Records of ``image`` and ``audio``. The field ``mood`` is one of :data:`MOODS`; ``energy``
        is a grade from 0 to 4: the place of the tempo among :data:`TEMPI`, and 1 more where the
        colour is warm.

    Raises:
        DataError: If ``n`` is no positive whole number.
    """
    if not isinstance(n, int) or n < 1:
        raise DataError(f"shapes-mood needs n ≥ 1, got n={n!r}")
    rng = np.random.default_rng(seed)
    return Dataset("shapes-mood", [_record(i, rng) for i in range(n)], licence="CC0-1.0")


def tune(tempo: float, rng: Generator) -> bytes:
    """Notes of a pentatonic scale as WAV: mono, 16 bits, :data:`SECONDS` long.

    Args:
        tempo: Notes a second; it varies a little from ``rng``, as pitches and timbre do.
        rng: Of everything else.
    """
    time = np.arange(int(shapes.RATE * SECONDS)) / shapes.RATE
    since = np.mod(time + rng.uniform(0, 1 / tempo), 1 / (tempo * rng.uniform(0.95, 1.05)))
    note = np.cumsum(np.diff(since, prepend=since[0]) < 0)
    steps = rng.choice(_SCALE, size=int(note.max()) + 1)[note]
    pitch = 220.0 * rng.uniform(0.8, 1.6) * 2 ** (steps / 12)
    phase = 2 * math.pi * np.cumsum(pitch) / shapes.RATE
    overtone = rng.uniform(0, 0.6)
    tone = (np.sin(phase) + overtone * np.sin(2 * phase)) / (1 + overtone)
    tone *= np.exp(-_DECAY * since * tempo / 2) * rng.uniform(0.5, 0.9)
    tone += rng.normal(0, 0.002, len(time))
    return shapes.wav(np.clip(tone, -1, 1).astype(np.float32))


def _record(index: int, rng: Generator) -> Record:
    warm, level = bool(rng.integers(2)), int(rng.integers(len(TEMPI)))
    words = (str(rng.choice(list(shapes.ATTRIBUTES[name]))) for name in ("shape", "size", "place"))
    shape, size, place = words
    scene = shapes.Scene(shape, str(rng.choice(WARM if warm else COOL)), size, place)
    name = f"mood-{index:04d}"
    items = {
        IMAGE: MediaItem.from_bytes(shapes.draw(scene, rng), IMAGE, source=f"{name}.png"),
        AUDIO: MediaItem.from_bytes(tune(TEMPI[level], rng), AUDIO, source=f"{name}.wav"),
    }
    fields: dict[str, Value] = {
        "mood": MOODS[warm, level >= len(TEMPI) // 2],
        "energy": float(level + warm),
    }
    return Record(name, items, fields=fields)
