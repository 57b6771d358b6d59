import re

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.datasets import shapes
from isthmus.media import decode

DATA = shapes.load(n=120, seed=3)


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = shapes.load(n=20, seed=3)
    for one, two in zip(DATA.records, again.records, strict=False):
        assert {m: item.id for m, item in one.items.items()} == {
            m: item.id for m, item in two.items.items()
        }
    other = shapes.load(n=20, seed=4)
    assert other.records[0].items["image"].id != again.records[0].items["image"].id


def test_picture_and_caption_show_the_colour_of_the_group() -> None:
    for record in DATA.records:
        colour, shape = record.group.split()
        assert re.search(
            rf"\b{colour}\b.*\b{shape}|{shape}.*{colour}", record.items["text"].captions[0]
        )
        pixels = np.asarray(decode(record.items["image"]), dtype=float)
        assert pixels.shape == (96, 96, 3)
        inside = pixels[np.abs(pixels - pixels[0, 0]).sum(-1) > 60]
        fill = np.median(inside, axis=0)
        names = list(shapes._COLOURS)
        gaps = [np.abs(fill - np.array(shapes._COLOURS[name][1])).sum() for name in names]
        assert names[int(np.argmin(gaps))] == colour


def test_the_pitch_is_the_shape() -> None:
    pitches = {name: pitch for name, (_, pitch) in shapes._SHAPES.items()}
    rng = np.random.default_rng(0)
    for shape, pitch in pitches.items():
        scene = shapes.Scene(shape, "red", "large", "in the middle")
        from isthmus.core.item import MediaItem

        wave = decode(MediaItem.from_bytes(shapes.sing(scene, rng), "audio", source=shape))
        assert (wave.rate, wave.seconds) == (16_000, 1.0)
        loudest = np.abs(np.fft.rfft(wave.samples)).argmax()
        assert loudest == pytest.approx(pitch, rel=0.02)


def test_loudness_is_the_size() -> None:
    from isthmus.core.item import MediaItem

    peaks = []
    for size in ("small", "medium", "large"):
        scene = shapes.Scene("star", "red", size, "in the middle")
        data = shapes.sing(scene, np.random.default_rng(0))
        peaks.append(np.abs(decode(MediaItem.from_bytes(data, "audio", source=size)).samples).max())
    assert peaks == pytest.approx([0.2, 0.45, 0.9], rel=0.1)


def test_captions_in_two_languages() -> None:
    english, chinese = DATA.records[0].items["text"].captions
    assert english.isascii()
    assert re.search(r"[\u4e00-\u9fff]{6}", chinese)
    assert len({r.items["text"].captions[0] for r in DATA.records}) > 90
    only = shapes.load(n=2, languages="zh").records[0]
    assert (only.language, len(only.items["text"].captions)) == ("zh", 1)
    scene = shapes.Scene("star", "red", "small", "on the left")
    assert scene.caption("zh", 0) == "左边有一个红色的小星形"


def test_missing_items() -> None:
    data = shapes.load(n=300, missing=0.4)
    present = np.mean([[m in r.items for m in ("text", "image", "audio")] for r in data.records])
    assert present == pytest.approx(0.6 + 0.4 / 3, abs=0.04)
    assert all(record.items for record in data.records)


@pytest.mark.parametrize("options", [{"n": 0}, {"missing": 1.0}, {"languages": ("fr",)}])
def test_wrong_options(options) -> None:
    with pytest.raises(DataError):
        shapes.load(**options)
