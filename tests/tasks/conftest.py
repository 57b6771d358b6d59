"""A small space of encoders without weights, and folders of media for it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset, Record
from isthmus.datasets import load
from isthmus.media import decode
from isthmus.selection import align
from isthmus.space import Space

FRONT, BACK, CAPTION, ANSWER = "photo_a", "photo – b", "caption→en", "the answer"
"""Names of views that hold dashes, arrows and blanks."""
VIEWS = (FRONT, BACK, CAPTION, ANSWER)
ENCODERS = {FRONT: "color-hog", BACK: "color-hog", CAPTION: "tfidf", ANSWER: "tfidf"}
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


@pytest.fixture(scope="session")
def objects() -> Dataset:
    """Scenes seen twice, the second time upside down, with a caption and a sentence about them."""
    english, chinese = (load("shapes", n=90, seed=4, languages=(tag,)) for tag in ("en", "zh"))
    records = []
    for one, other in zip(english.records, chinese.records, strict=True):
        out = BytesIO()
        decode(one.items["image"]).rotate(180).save(out, "PNG")
        items = {
            FRONT: one.items["image"],
            BACK: MediaItem.from_bytes(out.getvalue(), "image", source=f"{one.id} from behind"),
            CAPTION: one.items["text"],
            ANSWER: other.items["text"],
        }
        records.append(Record(one.id, items, group=one.group))
    return Dataset("objects", records)


@pytest.fixture(scope="session")
def shared(objects: Dataset) -> Space:
    """Four views of two modalities in one space."""
    return align(objects.take(range(70)), ENCODERS, aligner="cca", by_group=False, seed=0)


@pytest.fixture
def folders(objects: Dataset, tmp_path: Path) -> dict[str, Path]:
    """One folder a view, of records that the space has not seen."""
    made = {}
    for number, view in enumerate(VIEWS):
        made[view] = tmp_path / f"folder {number}"
        made[view].mkdir()
        for place, record in enumerate(objects.records[70:]):
            item = record.items[view]
            if item.captions:
                (made[view] / f"{place}.txt").write_text(item.captions[0], encoding="utf-8")
            else:
                (made[view] / f"{place}.png").write_bytes(item.read())
    return made
