"""Videos: the right frames at the right times, upright, in the right colours."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media import films, made
from tests.media.films import RECIPES, Recipe, count, film, number_of, numbered, video

from isthmus.core.contracts import Sampling
from isthmus.core.errors import EmptyMediaError, MediaTooLargeError, UnsupportedMediaError
from isthmus.core.item import Clip, MediaItem
from isthmus.media import Limits, decode
from isthmus.media.preview import aspect, clip, loudness, strip, thumbnail
from isthmus.media.sniff import sniff
from isthmus.media.video import seconds_of, shown_size

FRAMES = 200


def seen(clip: Clip) -> list[int]:
    return [number_of(frame) for frame in clip.frames]


def uniform(frames: int) -> Sampling:
    return Sampling(frames=frames)


def scene() -> NDArray[np.uint8]:
    return np.asarray(made.scene())


def corners(pixels: NDArray[np.uint8]) -> list[list[int]]:
    """Mean colours of the quarters, from the upper left in the order of reading."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    quarters = [pixels[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    inner = (slice(4, -4), slice(4, -4))
    return [np.rint(quarter[inner].mean(axis=(0, 1))).astype(int).tolist() for quarter in quarters]


COLOURS = [list(made.RED), list(made.GREEN), list(made.BLUE), list(made.GREY)]


@pytest.mark.parametrize("name", RECIPES)
def test_frames_are_those_shown_at_their_times(name: str) -> None:
    """The frame at second t of a video of 25 a second is the one numbered 25 t, in every kind."""
    item = count(FRAMES, RECIPES[name])
    assert sniff(item.read(), source="x") == "video"
    clip = decode(item, sampling=uniform(8))
    assert clip.frames.shape == (8, 64, 96, 3) and clip.frames.dtype == np.uint8
    assert clip.seconds == seconds_of(item) == pytest.approx(FRAMES / films.RATE, abs=0.061)
    late = clip.times[0] - seen(clip)[0] / films.RATE  # some kinds begin a frame late
    assert 0 <= late <= 0.061
    np.testing.assert_allclose(clip.times - late, np.array(seen(clip)) / films.RATE, atol=0.02)
    np.testing.assert_allclose(clip.times, np.arange(8) + 0.5, atol=0.061)
    for start, stop in ((3.0, 5.0), (7.5, 99.0), (0.0, 0.04)):
        part = decode(video(item.read(), (start, stop)), sampling=uniform(4))
        np.testing.assert_allclose(part.times - late, np.array(seen(part)) / films.RATE, atol=0.02)
        assert part.seconds == pytest.approx(min(stop, clip.seconds) - start)
        least = max(start - 0.02, clip.times[0] - 0.5)
        assert least - 0.041 <= part.times[0] and part.times[-1] < stop + 0.041


def test_all_frames_where_there_are_few() -> None:
    clip = decode(count(10), sampling=uniform(32))
    assert seen(clip) == list(range(10))
    np.testing.assert_allclose(clip.times, np.arange(10) / films.RATE, atol=1e-3)
    assert seen(decode(count(10), sampling=uniform(1))) == [5]
    assert seen(decode(count(10), sampling=uniform(10))) == list(range(10))
    assert seen(decode(count(1), sampling=uniform(8))) == [0]


def test_a_rate_gives_a_short_video_fewer() -> None:
    clip = decode(count(50), sampling=Sampling(frames=16, rate=2.0))
    assert seen(clip) == [6, 18, 31, 43]
    assert len(decode(count(50), sampling=Sampling(frames=3, rate=2.0)).frames) == 3


def test_frames_that_are_shown_for_unequal_times() -> None:
    at = [0.0, 0.04, 0.08, 1.0, 1.04, 3.5, 3.54, 3.58]
    for recipe in (Recipe(), Recipe("matroska", "libx264", delayed=2)):
        clip = decode(video(film(map(numbered, range(8)), recipe, at=at)), sampling=uniform(60))
        looked_at = (np.arange(60) + 0.5) * clip.seconds / 60
        shown = np.unique(np.searchsorted(at, looked_at, side="right") - 1).tolist()
        assert seen(clip) == shown and {2, 4} < set(shown)
        assert clip.seconds == pytest.approx(3.62, abs=2e-3)
        np.testing.assert_allclose(clip.times, [at[number] for number in shown], atol=2e-3)


def test_pictures_that_begin_after_the_sound() -> None:
    """What an edit list says: the clock is that of the whole file."""
    tone = np.sin(np.arange(3 * 48_000) / 9).astype(np.float32)
    at = [1.0 + place / 25 for place in range(50)]
    data = film(map(numbered, range(50)), Recipe(delayed=2), at=at, sound=tone)
    clip = decode(video(data), sampling=uniform(6))
    np.testing.assert_allclose(clip.times, 1 + np.array(seen(clip)) / 25, atol=2e-3)
    assert clip.times[-1] == pytest.approx(2.75, abs=0.04) and clip.seconds == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("turn", "rows"),
    [
        (lambda stream: stream.set_display_rotation(90), [1, 3, 0, 2]),
        (lambda stream: stream.set_display_rotation(180), [3, 2, 1, 0]),
        (lambda stream: stream.set_display_rotation(270), [2, 0, 3, 1]),
        (lambda stream: stream.set_display_rotation(0, hflip=True), [1, 0, 3, 2]),
        (lambda stream: stream.set_display_rotation(0, vflip=True), [2, 3, 0, 1]),
    ],
)
def test_frames_are_upright(turn: Callable[[Any], None], rows: list[int]) -> None:
    """By 90° counterclockwise what was on the right is above."""
    item = video(film([scene()] * 3, prepare=turn))
    (frame,) = decode(item, sampling=uniform(1)).frames
    assert np.abs(np.array(corners(frame)) - np.array([COLOURS[row] for row in rows])).max() <= 8
    width, height = frame.shape[1], frame.shape[0]
    assert shown_size(item) == (width, height)
    assert (width > height) == (made.SIZE[0] > made.SIZE[1]) or rows[0] in (1, 2)
    assert aspect(item) == pytest.approx(width / height, abs=1e-4)


def test_pixels_that_are_not_square() -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    for recipe in (Recipe(), Recipe("matroska", "libx264"), Recipe("avi", "mpeg4")):
        item = video(film([scene()] * 3, recipe, prepare=wide))
        width = made.SIZE[0] * (1 if recipe.container == "avi" else 2)  # has no place for it
        assert shown_size(item) in {(width, made.SIZE[1]), (2 * made.SIZE[0], made.SIZE[1])}
        assert decode(item, image_side=48).frames.shape[1:3] in {(48, 80), (48, 160)}


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        (Recipe("matroska", "ffv1", "yuv420p10le"), made.SIZE),
        (Recipe("mp4", "libx264", "yuv444p"), (61, 47)),
        (Recipe("webm", "libvpx-vp9", "yuv420p"), (61, 47)),
        (Recipe("mov", "prores_ks", "yuv422p10le"), made.SIZE),
        (Recipe("matroska", "ffv1", "bgr0"), (61, 47)),
    ],
)
def test_depths_and_odd_sizes(recipe: Recipe, size: tuple[int, int]) -> None:
    pixels = np.asarray(made.scene().resize(size))
    clip = decode(video(film([pixels] * 3, recipe)))
    assert clip.frames.shape[1:3] == size[::-1]
    assert np.abs(np.array(corners(clip.frames[1])) - np.array(COLOURS)).max() <= 8


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5])  # BT.709 and BT.601
def test_colours_are_those_that_were_filmed(matrix: int, full: bool) -> None:
    red, green, blue = np.moveaxis(scene().astype(float), 2, 0)
    kr, kb = ((0.2126, 0.0722), (0.299, 0.114))[matrix == 5]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    planes = [luma, (blue - luma) / 2 / (1 - kb), (red - luma) / 2 / (1 - kr)]
    if not full:
        planes = [16 + planes[0] * 219 / 255, *(plane * 224 / 255 for plane in planes[1:])]
    stack = np.rint(np.stack([planes[0], planes[1] + 128, planes[2] + 128])).clip(0, 255)
    data = _yuv(stack.astype(np.uint8), matrix, full)
    (frame,) = decode(video(data), sampling=uniform(1)).frames
    assert np.abs(np.array(corners(frame)) - np.array(COLOURS)).max() <= 4


@pytest.mark.parametrize("transfer", [16, 18])
def test_colours_of_hdr_are_shown_as_on_paper(transfer: int) -> None:
    """PQ and HLG of BT.2100: 203 cd/m² is white; a screen of 1,000 cd/m² shows HLG."""
    linear = np.where(
        (level := scene() / 255) <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4
    )
    wide = (
        linear
        @ np.array(  # from BT.709 to BT.2020, BT.2087
            [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
        ).T
    )
    luma = wide @ np.array([0.2627, 0.6780, 0.0593])
    if transfer == 16:
        y = (wide * 203 / 10_000) ** (2610 / 16384)
        stored = ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    else:
        light = wide * 0.203 * ((0.203 * luma) ** (-0.2 / 1.2))[..., None]
        high = 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
        stored = np.where(light <= 1 / 12, np.sqrt(3 * light), high)
    red, green, blue = np.moveaxis(stored, 2, 0)
    y = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = np.stack(
        [876 * y + 64, 896 * (blue - y) / 1.8814 + 512, 896 * (red - y) / 1.4746 + 512]
    )
    data = _yuv(np.rint(planes).astype(np.uint16), 9, False, transfer)
    (frame,) = decode(video(data), sampling=uniform(1)).frames
    assert np.abs(np.array(corners(frame)) - np.array(COLOURS)).max() <= 6


def _yuv(planes: NDArray[Any], matrix: int, full: bool, transfer: int = 1) -> bytes:
    """Frames whose samples are given, and what the file says of them."""
    out = io.BytesIO()
    layout = "yuv444p" if planes.dtype == np.uint8 else "yuv444p10le"
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = planes.shape[2], planes.shape[1], layout
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_trc, context.color_primaries = transfer, 9 if matrix == 9 else 1
        for number in range(3):
            frame = av.VideoFrame(planes.shape[2], planes.shape[1], layout)
            for plane, samples in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size), dtype=np.uint8)
                wide = np.ascontiguousarray(samples).view(np.uint8).reshape(plane.height, -1)
                rows[:, : wide.shape[1]] = wide
                plane.update(rows.tobytes())
            frame.colorspace, frame.color_range = matrix, 2 if full else 1
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()


def test_frames_come_as_small_as_they_are_needed_and_together_below_the_cap() -> None:
    item = video(film([scene()] * 40))
    assert decode(item, image_side=24, sampling=uniform(5)).frames.shape == (5, 24, 40, 3)
    assert decode(item, image_side=500, sampling=uniform(5)).frames.shape == (5, 96, 160, 3)
    limits = Limits(max_pixels=16 * 40 * 24)
    assert decode(item, limits, sampling=uniform(16)).frames.shape == (16, 24, 40, 3)


def test_shots_are_looked_at_in_their_middles() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (6, 3), dtype=np.uint8)
    lengths = [12, 40, 25, 90, 18, 33]
    shots = np.repeat(np.arange(6), lengths)
    noise = rng.integers(0, 20, (len(shots), 64, 96, 3), dtype=np.uint8)
    frames = [np.maximum(colours[shot], noise[place]) for place, shot in enumerate(shots)]
    clip = decode(video(film(frames)), sampling=Sampling(frames=6, by="shots"))
    ends = np.cumsum(lengths)
    middles = (ends - np.array(lengths) / 2) / films.RATE
    np.testing.assert_allclose(clip.times, middles, atol=0.041)
    few = decode(video(film(frames)), sampling=Sampling(frames=2, by="shots"))
    np.testing.assert_allclose(few.times, middles[[1, 3]], atol=0.041)


def test_the_sound_of_a_video() -> None:
    """It is on the clock of the pictures, whole or in part, also where it begins later."""
    beeps = np.zeros(6 * 48_000, dtype=np.float32)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(4800) / 48_000)
    for second in range(6):
        beeps[second * 48_000 :][:4800] = tone
    frames = [numbered(i) for i in range(150)]
    for name, codec, begin in (
        *(("mp4", "aac", 0.0), ("mp4", "aac", 1.5), ("matroska", "libopus", 1.5)),
        *(("mpegts", "aac", 0.0), ("avi", "mp2", 0.0), ("mpeg", "mp2", 1.5)),
    ):
        data = film(frames, RECIPES[name], sound=beeps, sound_at=begin, sound_codec=codec)
        whole = decode(MediaItem.from_bytes(data, "audio", source=name))
        expected = begin + np.arange(6)
        np.testing.assert_allclose(_onsets(whole.samples, whole.rate), expected, atol=0.025)
        part = decode(MediaItem("0", "audio", name, data, (3.2, 5.7)))
        within = expected[(expected > 3.2) & (expected < 5.7)]
        np.testing.assert_allclose(3.2 + _onsets(part.samples, part.rate), within, atol=0.025)
        assert part.seconds == pytest.approx(2.5, abs=1e-3)
    with pytest.raises(UnsupportedMediaError, match="holds no sound"):
        decode(MediaItem.from_bytes(film(frames), "audio", source="silent"))


def test_what_is_heard_of_a_video() -> None:
    """Also of one whose sound is longer than a recording may be."""
    tone = np.repeat([0.1, 0.4, 0.8], 48_000) * np.sin(np.arange(3 * 48_000) / 9)
    data = film(map(numbered, range(75)), sound=tone.astype(np.float32))
    peaks = np.frombuffer(loudness(video(data), points=12), dtype=np.uint8) / 255
    np.testing.assert_allclose(peaks[[1, 5]] / peaks[9], [0.125, 0.5], atol=0.03)
    assert min(loudness(video(data, (1.2, 1.8)), points=3)) > 200
    limits = Limits(max_seconds=2.0)
    ogg = clip(video(data, (1.1, 3.0)), limits, seconds=0.5)
    heard = decode(MediaItem.from_bytes(ogg, "audio", source="clip"))
    assert heard.seconds == pytest.approx(0.5, abs=0.01)
    assert np.abs(heard.samples).max() == pytest.approx(0.4, abs=0.05)
    assert clip(video(data), limits, seconds=1.0).startswith(b"OggS")
    whole = np.frombuffer(loudness(video(data), limits, points=3), dtype=np.uint8)
    assert len(whole) == 3 and whole.max() == 255  # part by part, though it is longer


def _onsets(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    return loud[np.diff(loud, prepend=-rate) > rate // 2] / rate


def test_what_is_seen_of_a_video() -> None:
    item = count(100)
    webp, width, height = strip(item, side=48, frames=5)
    assert (webp[8:12], width, height) == (b"WEBP", 5 * 48, 32)
    assert thumbnail(item, side=48)[1:] == (48, 32)
    with pytest.raises(UnsupportedMediaError, match="only videos have a strip"):
        strip(MediaItem.from_bytes(b"", "image", source="a"), side=48, frames=5)
    _, width, height = strip(count(2), side=48, frames=5)
    assert (width, height) == (5 * 48, 32)


def test_caps() -> None:
    item = count(50)
    with pytest.raises(MediaTooLargeError, match="lasts 2 s, the limit is 1 s"):
        decode(item, Limits(max_long_seconds=1.0))
    with pytest.raises(MediaTooLargeError, match="more than 20 frames"):
        decode(item, Limits(max_video_frames=20))
    with pytest.raises(MediaTooLargeError, match="frames of 0 megapixels"):
        decode(item, Limits(max_frame_pixels=6000))
    with pytest.raises(EmptyMediaError, match=r"lasts 2\.0 s and has nothing from 3\.0 s on"):
        decode(video(item.read(), (3.0, 4.0)))
