"""A picture in a video: the right frame at another size, with loss and without bars; or none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage", reason="pip install 'isthmus[matching]'")
pytest.importorskip("av", reason="films are written by PyAV: pip install 'isthmus[formats]'")

from numpy.typing import NDArray
from PIL import Image
from tests.media.films import film as filmed

from isthmus.core.errors import EmptyMediaError
from isthmus.media.closest import SIDE, signature, without_bars
from isthmus.space import Space
from isthmus.tasks.retrieval.find_frame import find_frame

RATE = 25
FRAMES = 60


def scene(number: int, seed: int = 0) -> NDArray[np.uint8]:
    """A ground of its own for every ten frames, and a square that moves over it."""
    rng = np.random.default_rng(100 * seed + number // 10)
    ground = Image.fromarray(rng.integers(0, 255, (4, 6, 3), dtype=np.uint8)).resize((96, 64))
    pixels = np.asarray(ground).copy()
    left = 6 * (number % 10)
    pixels[20:44, left : left + 24] = 255
    return pixels


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(filmed([scene(n) for n in range(FRAMES)], rate=RATE))
    return path


@pytest.mark.parametrize("number", [0, 23, 37, 59])
def test_a_frame_is_found_at_half_its_size_and_with_loss(film: Path, number: int) -> None:
    data = io.BytesIO()
    Image.fromarray(scene(number)).resize((48, 32)).save(data, "JPEG", quality=40)
    found = find_frame(Image.open(data).convert("RGB"), film)
    assert (found.best.frame, found.frames, found.nothing) == (number, FRAMES, False)
    assert found.best.time == pytest.approx(number / RATE, abs=0.5 / RATE)
    assert found.best.score > 0.95
    assert all(
        abs(a.time - b.time) >= 1 for a, b in zip(found.places, found.places[1:], strict=False)
    )


def test_another_picture_is_not_found_and_the_score_says_so(film: Path) -> None:
    found = find_frame(Image.fromarray(scene(23, seed=1)), film)
    assert found.nothing and found.best.score < 0.8
    assert found.to_json()["nothing_matches"] is True


def test_black_bars_of_one_of_the_two_do_not_matter(film: Path) -> None:
    bars = np.pad(scene(37), ((24, 24), (0, 0), (0, 0)))
    found = find_frame(Image.fromarray(bars), film)
    assert (found.best.frame, found.nothing) == (37, False)


def test_only_a_part_is_looked_at_where_one_is_named(film: Path) -> None:
    found = find_frame(Image.fromarray(scene(37)), film, span=(0.0, 0.8))
    assert found.nothing and found.frames == 20
    with pytest.raises(EmptyMediaError, match="has nothing from"):
        find_frame(Image.fromarray(scene(37)), film, span=(60.0, 61.0))
    with pytest.raises(EmptyMediaError, match="must end after its start"):
        find_frame(Image.fromarray(scene(37)), film, span=(1.0, 0.5))


def test_the_cosine_of_a_space_counts_beside_the_pixels(film: Path, space: Space) -> None:
    asked = Image.fromarray(scene(23))
    found = find_frame(asked, film, space=space)
    assert found.best.frame == 23
    shifted = Image.fromarray(np.roll(scene(23), 8, axis=0))
    plain, both = find_frame(shifted, film), find_frame(shifted, film, space=space)
    assert both.best.frame // 10 == 2 and both.best.score != pytest.approx(plain.best.score)


def test_signatures_do_not_see_brightness_and_bars_are_cut_on_both_sides_alike() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    assert signature(pixels) @ signature(pixels + 60) == pytest.approx(1, abs=1e-5)
    assert not signature(np.full((SIDE, SIDE, 3), 9, dtype=np.uint8)).any()
    barred = pixels.copy()
    barred[:16], barred[-24:] = 0, 0
    cut, aspect = without_bars(barred, 1.0)
    assert aspect == pytest.approx(SIDE / (SIDE - 32)) and (cut[0] == pixels[16]).any()
    dark = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    assert without_bars(dark, 1.5) == (pytest.approx(dark), 1.5)
