"""Pictures, texts and sounds made for a benchmark, always the same ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from _encoder_models import RATE
from _turns import WORDS

SEED = 0
VOCABULARY = tuple(dict.fromkeys((*WORDS, *(f"word{i}" for i in range(2000)))))


_COARSE = 4
"""The picture is drawn at so many times a smaller side; what is finer is grain alone."""


def photograph(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Detail at many scales, as photographs have it, with edges and grain."""
    size = (max(1, width // _COARSE), max(1, height // _COARSE))
    picture = np.zeros((size[1], size[0], 3), dtype=np.float32)
    side = 3
    while side < min(size):
        noise = rng.normal(size=(side, side, 3)).astype(np.float32)
        planes = [
            Image.fromarray(noise[..., c]).resize(size, Image.Resampling.BICUBIC) for c in range(3)
        ]
        picture += np.stack(planes, axis=-1) * 50 / np.sqrt(side)
        side *= 2
    for _ in range(12):
        left, top = rng.integers(0, size[0]), rng.integers(0, size[1])
        wide, high = (int(rng.integers(each // 20 + 1, each // 3 + 2)) for each in size)
        picture[top : top + high, left : left + wide] += rng.normal(0, 40, 3)
    drawn = Image.fromarray(np.clip(picture + 120, 0, 255).astype(np.uint8))
    large = np.asarray(drawn.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-6, 7, size=(height, width, 1), dtype=np.int16)
    return Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))


def photographs(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """JPEG files of quality 90."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.jpg")
        photograph(rng, width, height).save(paths[-1], quality=90)
    return paths


def captions(count: int) -> list[str]:
    """No two alike, most of a few words, some of a hundred."""
    rng = np.random.default_rng(SEED)
    lengths = np.clip(rng.lognormal(2.3, 0.8, count), 2, 110).astype(int)
    return [" ".join(rng.choice(VOCABULARY, n).tolist()) for n in lengths]


def recordings(folder: Path, count: int) -> tuple[list[Path], float]:
    """Tones under noise of half a second to 12 s, and how long all of them are."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    paths, seconds = [], 0.0
    for number in range(count):
        length = int(RATE * min(12.0, 0.5 + rng.exponential(3.0)))
        at = np.arange(length) / RATE
        tone = 0.3 * np.sin(2 * np.pi * rng.integers(100, 2000) * at)
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], tone + 0.05 * rng.normal(size=length), RATE)
        seconds += length / RATE
    return paths, seconds
