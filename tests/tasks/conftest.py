"""Folders of media."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.record import Dataset
from isthmus.media import decode


@pytest.fixture(scope="session")
def library(scenes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes the space has not seen, as files with Chinese names; nobody changes them."""
    import soundfile

    folder = tmp_path_factory.mktemp("library") / "媒体"
    folder.mkdir()
    for number, record in enumerate(scenes.records[80:92]):
        decode(record.items["image"]).save(folder / f"图{number}.png")
        sound = decode(record.items["audio"])
        soundfile.write(folder / f"声{number}.wav", sound.samples, sound.rate)
        caption = record.items["text"].captions[0]
        (folder / f"词{number}.txt").write_text(caption, encoding="utf-8")
    return folder


@pytest.fixture
def media(library: Path, tmp_path: Path) -> Path:
    """The same files, to be changed."""
    return Path(shutil.copytree(library, tmp_path / library.name))


def picture(path: Path, seed: int) -> Path:
    """A picture of noise, unlike any other."""
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
