"""Films whose frames, as a set, do not tell which way they go."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.contracts import Sampling
from isthmus.core.errors import DataError, MissingExtraError
from isthmus.core.item import MediaItem
from isthmus.datasets import load, motions
from isthmus.media import decode

pytest.importorskip("av", reason="films are written by PyAV: pip install 'isthmus[formats]'")


def filmed(motion: str, seed: int = 0) -> bytes:
    scene = motions.MovingScene("cross", "blue", motion)
    return motions.mp4(motions.film(scene, np.random.default_rng(seed)))


def decoded(data: bytes, frames: int) -> np.ndarray:
    item = MediaItem.from_bytes(data, "video", source="film.mp4")
    return decode(item, sampling=Sampling(frames)).frames


@pytest.mark.parametrize("pair", motions.OPPOSITES)
@pytest.mark.parametrize("frames", [1, 5, 8, 16, motions.FRAMES])
def test_a_film_is_its_opposite_backwards_to_the_last_bit(
    pair: tuple[str, str], frames: int
) -> None:
    there, back = (decoded(filmed(motion), frames) for motion in pair)
    assert len(there) == frames
    np.testing.assert_array_equal(there, back[::-1])


def test_frames_come_back_as_they_were_drawn() -> None:
    drawn = motions.film(motions.MovingScene("star", "red", "grow"), np.random.default_rng(0))
    shown = decoded(motions.mp4(drawn), motions.FRAMES)
    assert shown.shape == (motions.FRAMES, motions.SIDE, motions.SIDE, 3)
    assert np.abs(shown.astype(int) - drawn).mean() < 1.0


def test_the_same_arguments_give_the_same_bytes() -> None:
    one, two = (load("shapes-motion", n=4, seed=1).records for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert {v: i.id for v, i in a.items.items()} == {v: i.id for v, i in b.items.items()}
    other = load("shapes-motion", n=4, seed=2).records
    assert [r.id for r in one] != [r.id for r in other]


def test_every_scene_comes_once_before_any_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motions, "film", lambda scene, rng: np.zeros((2, 2, 2, 3), np.uint8))
    monkeypatch.setattr(motions, "mp4", lambda frames: b"film")
    monkeypatch.setattr(motions, "sing", lambda scene, rng: b"tone")
    records = load("shapes-motion", n=300, audio=False).records
    scenes = [record.id.partition(" ")[2] for record in records]
    assert len(set(scenes[:252])) == 252
    assert set(records[0].items) == {"text", "video"}
    assert {scene.rpartition(" ")[2] for scene in scenes} == set(motions.MOTIONS)


def test_captions_say_shape_colour_and_motion() -> None:
    scene = motions.MovingScene("triangle", "green", "up")
    for template in range(4):
        said = scene.caption("en", template)
        assert all(word in said for word in ("green", "triangle", "moves up"))
        assert all(word in scene.caption("zh", template) for word in ("绿色", "三角形", "向上移动"))
    record = load("shapes-motion", n=1, languages="zh").records[0]
    assert record.language == "zh"
    assert not record.items["text"].captions[0].isascii()


def test_up_and_down_are_heard() -> None:
    ratios = {}
    for motion in ("up", "down"):
        scene = motions.MovingScene("circle", "red", motion)
        data = motions.sing(scene, np.random.default_rng(0))
        wave = decode(MediaItem.from_bytes(data, "audio", source=motion))
        assert wave.seconds == pytest.approx(motions.FRAMES / motions.RATE)
        thirds = np.array_split(wave.samples, 3)
        first, last = (
            np.abs(np.fft.rfft(third)).argmax() / len(third) for third in (thirds[0], thirds[2])
        )
        ratios[motion] = last / first
    assert ratios["up"] > 1.4
    assert ratios["down"] < 1 / 1.4


@pytest.mark.parametrize("options", [{"n": 0}, {"n": "many"}, {"languages": "fr"}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(DataError, match="shapes-motion"):
        load("shapes-motion", **options)


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"isthmus\[formats\]"):
        load("shapes-motion", n=1)
