"""Animated pictures and folders of frames are videos where a video is asked for."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media import films, made
from tests.media.films import number_of, video

from isthmus.core.contracts import Sampling
from isthmus.core.errors import (
    CorruptMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import Clip
from isthmus.media import Limits, decode
from isthmus.media._flipbook import Animation
from isthmus.media.animated import animated
from isthmus.media.preview import aspect, strip, thumbnail
from isthmus.media.source import is_file, item_from_path, walk
from isthmus.pipeline import DecodeWorkers

FORMS = {
    "GIF": {},
    "WEBP": {"lossless": True},
    "PNG": {},
    "AVIF": {"quality": 90, "speed": 10, "max_threads": 1},
}


def moving(form: str, frames: int = 12, duration: object = 40, **options: object) -> bytes:
    first, *rest = films.pictures(range(frames))
    out = io.BytesIO()
    options = {**FORMS[form], **options}
    first.save(out, form, save_all=True, append_images=rest, duration=duration, **options)
    return out.getvalue()


def seen(clip: Clip) -> list[int]:
    return [number_of(frame) for frame in clip.frames]


def frames_folder(root: Path, name: str, numbers: range = range(12)) -> Path:
    folder = root / name
    folder.mkdir()
    for number in numbers:
        Image.fromarray(films.numbered(number)).save(folder / f"frame {number}.png")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_moves_is_read_as_a_video_and_as_a_picture(
    form: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(moving(form))
    item = item_from_path(path, "video")
    clip = decode(item, sampling=Sampling(frames=4))
    assert seen(clip) == [1, 4, 7, 10] and clip.seconds == pytest.approx(12 * 0.04)
    np.testing.assert_allclose(clip.times, np.array([1, 4, 7, 10]) * 0.04, atol=1e-6)
    assert seen(decode(item, sampling=Sampling(frames=99))) == list(range(12))
    part = decode(video(path.read_bytes(), (0.2, 0.3)), sampling=Sampling(frames=9))
    assert seen(part) == [5, 6, 7] and part.seconds == pytest.approx(0.1)
    assert decode(item, image_side=32).frames.shape[1:3] == (32, 48)
    assert aspect(item) == 1.5 and thumbnail(item, side=48)[1:] == (48, 32)
    picture = item_from_path(path)
    assert (picture.modality, picture.id) == ("image", item.id)
    assert number_of(np.asarray(decode(picture))) == 0
    assert item_from_path(path, "image").modality == "image"


@pytest.mark.parametrize("form", FORMS)
def test_spans_of_one_animation_learn_its_times_once(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(moving(form))
    looked: list[int] = []
    length = Animation._length
    monkeypatch.setattr(
        Animation,
        "_length",
        lambda film, place, count: looked.append(place) or length(film, place, count),
    )
    spans = [(0.0, 0.16), (0.08, 0.24), (0.2, 0.3)]
    parts = [
        decode(replace(item_from_path(path, "video"), span=span), sampling=Sampling(frames=9))
        for span in spans
    ]
    assert [seen(part) for part in parts] == [[0, 1, 2, 3], [2, 3, 4, 5], [5, 6, 7]]
    assert looked == list(range(12))
    path.write_bytes(moving(form, frames=8, duration=80))
    assert decode(item_from_path(path, "video")).seconds == pytest.approx(8 * 0.08)
    assert looked == [*range(12), *range(8)]


@pytest.mark.parametrize("form", FORMS)
def test_a_still_picture_is_no_video(form: str, tmp_path: Path) -> None:
    still = tmp_path / "still.bin"
    still.write_bytes(made.saved(made.scene(), form))
    with still.open("rb") as handle:
        assert not animated(handle) and handle.tell() == 0
    with pytest.raises(UnsupportedMediaError, match="holds image, need video"):
        item_from_path(still, "video")
    with pytest.raises(UnsupportedMediaError, match="is not a video but"):
        decode(video(still.read_bytes()))


def test_a_gif_that_plays_once_and_has_large_frames_moves() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, 300, 300), dtype=np.uint8)
    first, second = (Image.fromarray(pixels) for pixels in noise)
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=[second], duration=1000)
    assert b"NETSCAPE" not in out.getvalue() and len(out.getvalue()) > 100_000
    assert animated(io.BytesIO(out.getvalue()))
    assert decode(video(out.getvalue())).times.tolist() == [0.0, 1.0]


def test_frames_are_shown_as_long_as_browsers_show_them() -> None:
    clip = decode(video(moving("GIF", 3, [50, 0, 10])), sampling=Sampling(frames=99))
    assert clip.times.tolist() == pytest.approx([0.0, 0.05, 0.15])
    assert clip.seconds == pytest.approx(0.25)
    clip = decode(video(moving("WEBP", 3, [500, 30, 70])), sampling=Sampling(frames=99))
    assert clip.times.tolist() == pytest.approx([0.0, 0.5, 0.53])


def test_a_picture_before_the_animation_is_no_frame_of_it() -> None:
    data = moving("PNG", 4, default_image=True)
    clip = decode(video(data), sampling=Sampling(frames=99))
    assert seen(clip) == [1, 2, 3]


@pytest.mark.parametrize("form", FORMS)
def test_truncated_and_endless_ones_are_named(form: str) -> None:
    data = moving(form)
    for part in (0.9, 0.5):
        with pytest.raises(MediaError, match=r"^film\.bin: "):
            decode(video(data[: int(part * len(data))]), sampling=Sampling(frames=99))
    with pytest.raises(MediaTooLargeError, match="lasts 0 s, the limit is 0 s"):
        decode(video(data), Limits(max_long_seconds=0.3))
    with pytest.raises(MediaTooLargeError, match="has 12 frames"):
        decode(video(data), Limits(max_video_frames=11))


def test_a_folder_of_frames_is_one_video(tmp_path: Path) -> None:
    folder = frames_folder(tmp_path, "walk.frames", range(5, 17))
    (folder / "notes.txt").write_text("not a frame")
    (folder / "cover.png").write_bytes(made.saved(made.scene(), "PNG"))
    (folder / ".hidden 3.png").write_bytes(b"")
    (folder / "frame 99.png").symlink_to(tmp_path / "walk.frames" / "frame 5.png")
    (tmp_path / "a.txt").write_text("a caption")
    assert list(walk(tmp_path)) == [tmp_path / "a.txt", folder] and list(walk(folder)) == [folder]
    assert is_file(folder) and not is_file(tmp_path)
    item = item_from_path(folder)
    assert (item.modality, item.payload, len(item.id)) == ("video", folder, 32)
    clip = decode(item, sampling=Sampling(frames=99))
    assert seen(clip) == list(range(5, 17)) and clip.seconds == pytest.approx(1.2)
    assert clip.times.tolist() == pytest.approx([place / 10 for place in range(12)])
    assert decode(item, image_side=32).frames.shape == (12, 32, 48, 3)
    assert strip(item, side=48, frames=3)[1:] == (144, 32)
    with pytest.raises(UnsupportedMediaError, match="holds video, need image"):
        item_from_path(folder, "image")


def test_the_id_of_a_folder_of_frames_is_of_its_content(tmp_path: Path) -> None:
    ids = {}
    for place, name in enumerate(("a.frames", "b.frames", "c.25fps.frames", "d 25fps.frames")):
        (tmp_path / str(place)).mkdir()
        ids[name] = item_from_path(frames_folder(tmp_path / str(place), name)).id
    first, second, faster, again = ids.values()
    assert first == second != faster == again
    clip = decode(item_from_path(tmp_path / "2" / "c.25fps.frames"))
    assert clip.seconds == pytest.approx(12 / 25)
    other = tmp_path / "0" / "a.frames" / "frame 3.png"
    Image.fromarray(films.numbered(99)).save(other)
    assert item_from_path(tmp_path / "0" / "a.frames").id != first


def test_folders_without_numbered_pictures_are_folders(tmp_path: Path) -> None:
    folder = tmp_path / "letters.frames"
    folder.mkdir()
    (folder / "a.png").write_bytes(made.saved(made.scene(), "PNG"))
    assert list(walk(tmp_path)) == [folder / "a.png"]
    with pytest.raises(MediaError, match="is a folder, and no file"):
        item_from_path(folder)


def test_bad_folders_of_frames_are_named(tmp_path: Path) -> None:
    folder = frames_folder(tmp_path, "a.frames", range(3))
    for limits in (Limits(max_video_frames=2), Limits(max_video_bytes=100)):
        with pytest.raises(MediaTooLargeError, match=r"has [\d,]+ (frames|bytes), the limit"):
            item_from_path(folder, limits=limits)
    workers = DecodeWorkers(1)
    try:
        for number in (1, 0):
            (folder / f"frame {number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
            item = item_from_path(folder)
            for read in (decode, workers.decode):
                told = rf"a\.frames: frame {number}\.png: its header is damaged"
                with pytest.raises(CorruptMediaError, match=told):
                    read(item)
    finally:
        workers.close()


def test_they_are_read_in_children(tmp_path: Path) -> None:
    folder = frames_folder(tmp_path, "a.frames", range(3))
    path = tmp_path / "a.gif"
    path.write_bytes(moving("GIF"))
    workers = DecodeWorkers(1)
    try:
        assert seen(workers.decode(item_from_path(folder))) == [0, 1, 2]
        assert workers.seconds(item_from_path(path, "video")) == pytest.approx(0.48)
        assert workers.strip(item_from_path(folder), 3, 48).width == 144
    finally:
        workers.close()
