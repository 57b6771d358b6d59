"""Cuts between shots, measured on films that were put together here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isthmus.media.reels import spread
from isthmus.media.shots import shots

RATE = 25
Pixels = NDArray[np.uint8]


def pan(frames: int, rng: np.random.Generator) -> Pixels:
    """A camera that moves over a landscape, with the noise of its sensor."""
    small = Image.fromarray(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8))
    land = np.asarray(small.resize((200, 120), Image.Resampling.BICUBIC), dtype=float)
    (across, down), views = rng.integers(-3, 4, 2), []
    x, y = 60, 40
    for _ in range(frames):
        views.append(land[y : y + 36, x : x + 64])
        x, y = int(np.clip(x + across, 0, 136)), int(np.clip(y + down, 0, 84))
    noise = rng.normal(0, 6, (frames, 36, 64, 3))
    return (np.stack(views) + noise).clip(0, 255).astype(np.uint8)


def cut_at(frames: Pixels) -> list[int]:
    """Numbers of the frames with which shots begin, but for the first."""
    times = (np.arange(len(frames)) / RATE).tolist()
    found = shots(zip(times, frames, strict=True), 0.0, len(frames) / RATE)
    assert found[0][0] == 0.0 and found[-1][1] == len(frames) / RATE
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    return [round(start * RATE) for start, _ in found[1:]]


def joined(lengths: Sequence[int], rng: np.random.Generator) -> tuple[Pixels, set[int]]:
    film = np.concatenate([pan(length, rng) for length in lengths])
    return film, set(np.cumsum(lengths)[:-1].tolist())


def test_cuts_are_found_where_they_are_and_nowhere_else() -> None:
    """90 cuts; every frame that is no cut is one that could be taken for it."""
    rng = np.random.default_rng(0)
    right = wrong = missed = 0
    for _ in range(10):
        film, true = joined(rng.integers(10, 60, 10).tolist(), rng)
        found = set(cut_at(film))
        right, wrong, missed = (
            right + len(true & found),
            wrong + len(found - true),
            missed + len(true - found),
        )
    assert wrong == 0 and right + missed == 90
    assert right >= 0.95 * 90


def test_a_moving_camera_noise_and_a_slow_fade_are_no_cuts() -> None:
    rng = np.random.default_rng(1)
    one, other = pan(60, rng).astype(float), pan(60, rng).astype(float)
    assert cut_at(pan(200, rng)) == []
    weight = np.linspace(0, 1, 60)[:, None, None, None]
    assert cut_at(((1 - weight) * one + weight * other).astype(np.uint8)) == []
    assert cut_at(rng.integers(0, 256, (50, 36, 64, 3), dtype=np.uint8)) == []
    assert cut_at(np.zeros((50, 36, 64, 3), dtype=np.uint8)) == []


def test_few_frames() -> None:
    rng = np.random.default_rng(2)
    assert cut_at(pan(1, rng)) == []
    film, true = joined([10, 1], rng)
    assert set(cut_at(film)) == true


def test_times_are_spread_over_shots_by_length() -> None:
    assert spread([(0.0, 4.0)], 4) == [0.5, 1.5, 2.5, 3.5]
    assert spread([(0.0, 1.0), (1.0, 9.0), (9.0, 10.0)], 2) == [0.5, 5.0]
    assert spread([(0.0, 1.0), (1.0, 9.0), (9.0, 10.0)], 5) == [
        *(0.5, 1 + 8 / 6, 5.0, 1 + 40 / 6, 9.5),
    ]
