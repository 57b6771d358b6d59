from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("skimage")

from PIL import Image

from isthmus.core.errors import InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.record import Dataset
from isthmus.selection import align
from isthmus.space import Space
from isthmus.tasks.retrieval.frames import match, pooled, rank_clips, ssim


def picture(pixels: np.ndarray, name: str = "p.png") -> MediaItem:
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return MediaItem.from_bytes(out.getvalue(), "image", source=name)


def noise(seed: int, side: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3))


def test_ssim_of_flat_pictures_is_that_of_the_formula() -> None:
    a, b = (Image.new("RGB", (16, 16), (grey, grey, grey)) for grey in (100, 200))
    c1 = (0.01 * 255) ** 2
    assert ssim(a, b) == pytest.approx((2 * 100 * 200 + c1) / (100**2 + 200**2 + c1), abs=1e-6)
    assert ssim(a, a) == pytest.approx(1)


def test_ssim_finds_the_frame_itself_under_noise_and_another_size() -> None:
    frames = [noise(seed) for seed in range(5)]
    spoiled = np.clip(frames[3] + np.random.default_rng(9).normal(0, 20, frames[3].shape), 0, 255)
    query = Image.fromarray(spoiled.astype(np.uint8)).resize((80, 80), Image.Resampling.NEAREST)
    found = match(picture(np.asarray(query)), [picture(f) for f in frames], by="ssim")
    assert found.best == 3
    assert found.scores[3] > 0.8 and np.delete(found.scores, 3).max() < 0.2


def test_pools_of_worked_values() -> None:
    scores = np.array([0.5, 0.4])
    weight = np.exp(-20 * 0.1)
    assert pooled(scores, "max") == 0.5
    assert pooled(scores, "mean") == pytest.approx(0.45)
    assert pooled(scores) == pytest.approx((0.5 + weight * 0.4) / (1 + weight))
    with pytest.raises(InputError, match="soft, max, mean"):
        pooled(scores, "median")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def space(shapes: Dataset) -> Space:
    chosen = {"text": "tfidf", "image": "color-hog"}
    pairs = shapes.select(["text", "image"])
    return align(pairs, chosen, aligner="cca", by_group=False, nested=False)


def test_the_space_finds_the_clip_by_picture_and_by_words(space: Space, shapes: Dataset) -> None:
    images = [record.items["image"] for record in shapes.records]
    clips = [images[start : start + 4] for start in range(0, 60, 4)]
    for wanted in (0, 7, 14):
        query = images[4 * wanted + 2]
        order, found = rank_clips(query, clips, space=space)
        assert order[0] == wanted and found[wanted].best == 2
        order, _ = rank_clips(query, clips, by="both", space=space, pool="max")
        assert order[0] == wanted
        words = shapes.records[4 * wanted + 2].items["text"]
        order, _ = rank_clips(words, clips, space=space, view="text", pool="max")
        assert wanted in order[:3]


def test_what_cannot_be_matched_is_told(space: Space) -> None:
    one = picture(noise(0))
    with pytest.raises(InputError, match="at least one frame"):
        match(one, [], by="ssim")
    with pytest.raises(InputError, match="needs a space"):
        match(one, [one])
    with pytest.raises(InputError, match="SSIM compares images, got text"):
        match("a circle", [one], by="both", space=space, view="text")
    with pytest.raises(InputError, match="ssim, space, both"):
        match(one, [one], by="pixels")  # type: ignore[arg-type]
    broken = MediaItem.from_bytes(b"\x89PNG\r\n\x1a\n", "image", source="broken.png")
    with pytest.raises(MediaError, match=r"broken\.png"):
        match(one, [broken], by="ssim")
    with pytest.raises(InputError, match=r"broken\.png"):
        match(one, [broken], space=space)


def test_a_picture_of_two_pixels_has_a_score_and_one_of_a_single_pixel_is_refused() -> None:
    found = match(picture(np.zeros((1, 2, 3))), [picture(noise(1))], by="ssim")
    assert -1 <= found.scores[0] <= 1
    with pytest.raises(MediaError, match="1×1 pixels"):
        match(picture(np.zeros((1, 1, 3))), [picture(noise(1))], by="ssim")
