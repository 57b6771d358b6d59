"""A small space of encoders without weights, and folders of media for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.record import Dataset
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.selection import align
from isthmus.space import Space

CLASSIC = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}


@pytest.fixture(scope="session")
def scenes() -> Dataset:
    """Drawn and sung scenes with captions, the first 80 for the space."""
    return load("shapes", n=120, seed=3)


@pytest.fixture(scope="session")
def space(scenes: Dataset) -> Space:
    """Text, image and audio in one space, calibrated on held-out folds."""
    return align(scenes.take(range(80)), CLASSIC, aligner="cca", by_group=False, seed=0)


@pytest.fixture
def media(tmp_path: Path, scenes: Dataset) -> Path:
    """Twelve scenes the space has not seen, as files with Chinese names."""
    import soundfile

    folder = tmp_path / "媒体"
    folder.mkdir()
    for number, record in enumerate(scenes.records[80:92]):
        decode(record.items["image"]).save(folder / f"图{number}.png")
        sound = decode(record.items["audio"])
        soundfile.write(folder / f"声{number}.wav", sound.samples, sound.rate)
        caption = record.items["text"].captions[0]
        (folder / f"词{number}.txt").write_text(caption, encoding="utf-8")
    return folder


def picture(path: Path, seed: int) -> Path:
    """A picture of noise, unlike any other."""
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
