"""How things move: exact on shifts, opposite backwards, growing and turning told apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from isthmus import encoders
from isthmus.audit import check_encoder
from isthmus.core.errors import InputError
from isthmus.core.item import Clip
from isthmus.core.linalg import F32
from isthmus.datasets import motions
from isthmus.encoders._flow import flow
from isthmus.encoders.motion import DIRECTIONS, MOMENTS, PLACES, SIDE

HISTOGRAMS = DIRECTIONS * PLACES**2 * MOMENTS
AFFINE = slice(HISTOGRAMS + MOMENTS, HISTOGRAMS + MOMENTS + 6 * MOMENTS)


def film(motion: str, shape: str = "star", seed: int = 0) -> Clip:
    frames = motions.film(motions.MovingScene(shape, "red", motion), np.random.default_rng(seed))
    return Clip(frames, np.arange(len(frames)) / motions.RATE, len(frames) / motions.RATE)


def encoded(clip: Clip, spec: str = "motion") -> F32:
    encoder = encoders.load(spec)
    return encoder.encode([encoder.prepare(clip)])[0]


def directions(vector: F32) -> F32:
    """Shares of the eight directions: right, right and down, down, …"""
    counts = (vector[:HISTOGRAMS] ** 2).reshape(-1, DIRECTIONS).sum(axis=0)
    return counts / counts.sum()


@pytest.mark.parametrize("step", [(0.4, 0.0), (-1.3, 0.7), (2.5, -3.0), (5.0, 4.0)])
def test_flow_is_exact_on_a_shifted_texture(step: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.random((96, 96)), 2.0)
    texture = (texture - texture.min()) / np.ptp(texture)
    moved = shift(texture, (step[1], step[0]), order=3)
    frames = np.stack([texture, moved])[:, 24:72, 24:72].astype(np.float32)
    steps, certain = flow(frames)
    inside = steps[0, 10:-10, 10:-10]
    np.testing.assert_allclose(np.median(inside, axis=(0, 1)), step, atol=0.2)
    assert certain.min() > 0.3


@pytest.mark.parametrize(
    ("motion", "direction"), [("right", 0), ("down", 2), ("left", 4), ("up", 6)]
)
def test_most_flow_points_where_the_shape_goes(motion: str, direction: int) -> None:
    for shape in ("circle", "cross", "triangle"):
        shares = directions(encoded(film(motion, shape)))
        assert shares.argmax() == direction
        assert shares[direction] > 0.6


def test_growing_spreads_and_spinning_turns() -> None:
    right, down, spread, turn = encoded(film("grow"))[AFFINE].reshape(MOMENTS, 6)[:, :4].T
    assert (spread > 2 * np.abs([right, down, turn]).max(axis=0)).all()
    right, down, spread, turn = encoded(film("spin"))[AFFINE].reshape(MOMENTS, 6)[:, :4].T
    assert (turn > 2 * np.abs([right, down, spread]).max(axis=0)).all()


def test_backwards_every_direction_is_its_opposite() -> None:
    one = film("right")
    back = Clip(one.frames[::-1], one.times, one.seconds)
    there, then = directions(encoded(one)), directions(encoded(back))
    np.testing.assert_allclose(there, np.roll(then, DIRECTIONS // 2), atol=0.08)
    spun = film("spin")
    turn = [
        encoded(each)[AFFINE].reshape(MOMENTS, 6)[:, 3].mean()
        for each in (spun, Clip(spun.frames[::-1], spun.times, spun.seconds))
    ]
    assert turn[0] == pytest.approx(-turn[1], abs=0.05)


def test_colour_says_nothing_where_brightness_is_alike() -> None:
    one = film("left")
    swapped = Clip(np.ascontiguousarray(one.frames.mean(-1, keepdims=True)).repeat(3, -1).astype(
        np.uint8), one.times, one.seconds)  # fmt: skip
    a, b = encoded(one), encoded(swapped)
    assert a @ b > 0.97 * np.linalg.norm(a) * np.linalg.norm(b)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_is_still_has_a_vector_that_says_so(count: int) -> None:
    frames = np.repeat(film("left").frames[:1], count, axis=0)
    vector = encoded(Clip(frames, np.arange(count) / 8, count / 8))
    assert np.isfinite(vector).all()
    np.testing.assert_allclose((vector[HISTOGRAMS : HISTOGRAMS + MOMENTS] ** 2).sum(), 1, atol=1e-4)
    assert not vector[HISTOGRAMS + MOMENTS :].round(2).any()
    flat = encoded(Clip(np.zeros((count, 20, 30, 3), dtype=np.uint8), np.zeros(count), 0.0))
    assert np.isfinite(flat).all()
    assert flat.any()


def test_batches_do_not_matter() -> None:
    assert check_encoder("motion", seconds=0.01).steady


def test_options() -> None:
    assert encoders.load("motion").image_side >= SIDE
    specs = ("motion", "motion?n=16", "motion?window=3")
    assert len({encoders.load(spec).fingerprint for spec in specs}) == 3
    with pytest.raises(InputError, match="n must be 2 to 128 frames, got 1"):
        encoders.load("motion?n=1")
    with pytest.raises(InputError, match="window must be some seconds"):
        encoders.load("motion?window=-1")
