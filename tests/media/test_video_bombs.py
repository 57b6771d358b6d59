"""Videos that claim too much, lie, are damaged or point elsewhere: nothing else is opened."""

from __future__ import annotations

import ctypes
import io
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL.GifImagePlugin import GifImageFile
from tests.media import films, made
from tests.media.films import RECIPES, Recipe, count, film, number_of, numbered, video
from tests.waiting import PATIENCE

from isthmus.core.contracts import Sampling
from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem
from isthmus.media import Limits, decode
from isthmus.media._libav import DEMUXERS, opened
from isthmus.media.source import item_from_path
from isthmus.media.video import seconds_of
from isthmus.pipeline import DecodeWorkers

_IN_OPEN, _IN_NONBLOCK = 0x20, 0o4000


@pytest.fixture
def workers() -> Iterator[DecodeWorkers]:
    made_here = DecodeWorkers(1, seconds=PATIENCE)
    yield made_here
    made_here.close()


@contextmanager
def nobody_opens(folder: Path) -> Iterator[None]:
    """No process opens a file in a folder, by what the kernel says."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(_IN_NONBLOCK)
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(folder), _IN_OPEN) < 0:
        pytest.skip("this system does not tell who opens files")
    try:
        yield
        with pytest.raises(BlockingIOError):
            os.read(watch, 4096)
    finally:
        os.close(watch)


@contextmanager
def nobody_calls() -> Iterator[str]:
    """Nothing connects to an address of ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            server.accept()


def replaced(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def garbage(data: bytes, start: int, stop: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, stop - start, dtype=np.uint8)
    return replaced(data, start, noise.tobytes())


# --- what headers declare


def _wide_avi() -> bytes:
    """Samples as they are, whose container says 8192 × 8192."""
    data = count(5, Recipe("avi", "rawvideo", "bgr24")).read()
    return replaced(data, data.index(b"strf") + 12, struct.pack("<ii", 8192, 8192))


def _wide_frames() -> bytes:
    """Motion JPEG, whose frames say so where the container says 96 × 64."""
    data = count(5, RECIPES["motion jpeg"]).read()
    at = -1
    while (at := data.find(b"\xff\xc0", at + 1)) > 0:
        data = replaced(data, at + 5, struct.pack(">HH", 8192, 8192))
    return data


def _wide_gif() -> bytes:
    out = io.BytesIO()
    first, *rest = films.pictures(range(3))
    first.save(out, "GIF", save_all=True, append_images=rest, duration=40)
    return replaced(out.getvalue(), 6, struct.pack("<HH", 8192, 8192))


@pytest.mark.parametrize("make", [_wide_avi, _wide_frames, _wide_gif])
def test_huge_frames_are_refused(make, workers: DecodeWorkers) -> None:
    item = video(make())
    with pytest.raises(MediaError) as refused:
        workers.decode(item)
    told = {_wide_avi: "of more than 36 megapixels", _wide_gif: "67 megapixels, the limit is 36"}
    assert told.get(make, "decoded") in str(refused.value)
    (pid,) = workers.pids
    status = Path(f"/proc/{pid}/status")
    if status.exists():  # a frame takes 200 MB as it is shown
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        assert int(peak.split()[1]) < 300_000
    assert len(workers.decode(count(3)).frames) == 3
    assert workers.pids == [pid]


def _lying_matroska() -> bytes:
    data = count(50, RECIPES["matroska"]).read()
    return replaced(data, data.index(b"\x44\x89\x88") + 3, struct.pack(">d", 36_000_000.0))


def _lying_mp4() -> bytes:
    data = count(50).read()
    for box in (b"mvhd", b"mdhd"):
        at = data.index(box)
        (clock,) = struct.unpack_from(">I", data, at + 16)
        data = replaced(data, at + 20, struct.pack(">I", 36_000 * clock))
    return data


@pytest.mark.parametrize("make", [_lying_matroska, _lying_mp4])
def test_how_long_a_video_lasts_is_measured(make) -> None:
    """Two seconds that claim to be ten hours."""
    item = video(make())
    assert seconds_of(item) == pytest.approx(2.0, abs=0.041)
    clip = decode(item, sampling=Sampling(frames=4))
    assert [number_of(frame) for frame in clip.frames] == [6, 18, 31, 43]


def test_a_declared_size_is_refused_before_a_frame_is_decoded() -> None:
    data = count(3, Recipe(pixels="yuv420p")).read()
    limits = Limits(max_frame_pixels=films.SIZE[0] * films.SIZE[1] - 1)
    with pytest.raises(MediaError, match="declares frames of"):
        decode(video(data), limits)


def test_frames_that_are_ten_hours_apart() -> None:
    data = film([numbered(0), numbered(1)], Recipe("matroska"), at=[0.0, 36_000.0])
    with pytest.raises(MediaTooLargeError, match=r"lasts 36,000 s, the limit is 21,600 s"):
        decode(video(data))


def test_a_stream_without_end_is_counted() -> None:
    """So are frames that are there, however short each is and whatever the header says."""
    for container in ("matroska", "mp4"):
        with pytest.raises(MediaTooLargeError, match="has more than 100 frames"):
            decode(count(150, Recipe(container, key_every=1000)), Limits(max_video_frames=100))


def test_many_short_frames_of_a_picture() -> None:
    out = io.BytesIO()
    first, *rest = films.pictures(range(30))
    first.save(out, "PNG", save_all=True, append_images=rest, duration=40)
    with pytest.raises(MediaTooLargeError, match="has 30 frames"):
        decode(video(out.getvalue()), Limits(max_video_frames=20))


def _small_frames(count: int, screen: int, first: int = 1) -> bytes:
    """A GIF of so many frames of a pixel, the second of which may make it larger."""

    def frame(side: int) -> bytes:
        return (
            b"\x2c" + struct.pack("<HHHHB", side - 1, side - 1, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
        )

    head = b"GIF89a" + struct.pack("<HHBBB", first, first, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + frame(1) + frame(screen) * (count - 1) + b";"


@pytest.mark.parametrize("first", [6000, 2])
def test_a_small_file_of_many_large_frames_costs_nothing(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each frame is composed on the whole picture, whatever little of it changes."""
    item = video(_small_frames(3000, 6000, first))
    seek, seeks = GifImageFile.seek, iter(range(5))

    def counted(file: GifImageFile, place: int) -> None:
        assert next(seeks, None) is not None, "each frame is composed"
        seek(file, place)

    monkeypatch.setattr(GifImageFile, "seek", counted)
    told = r"has 3,000 frames of 6,000×6,000, 108,000 megapixels together, the limit is 3,000; "
    with pytest.raises(MediaTooLargeError, match=told):
        decode(item)


def test_frames_of_a_picture_may_have_so_many_pixels_together() -> None:
    item = video(_small_frames(12, 400, 400))
    limits = Limits(max_animation_pixels=12 * 400 * 400)
    assert seconds_of(item, limits) == pytest.approx(1.2)
    with pytest.raises(MediaTooLargeError, match=r"has 12 frames of 400×400, 2 megapixels"):
        seconds_of(item, replace(limits, max_animation_pixels=limits.max_animation_pixels - 1))
    assert Limits().max_animation_pixels > 120 * 25 * 1280 * 720  # two minutes of a film


def test_a_large_video_is_streamed_and_other_large_files_are_refused(tmp_path: Path) -> None:
    path, picture = tmp_path / "a.mkv", tmp_path / "a.png"
    path.write_bytes(count(30, Recipe("matroska")).read())
    picture.write_bytes(made.saved(made.scene(), "PNG") + bytes(20_000))
    limits = Limits(max_file_bytes=1000, max_video_bytes=50_000)
    assert len(decode(item_from_path(path, limits=limits), limits).frames) == 16
    with pytest.raises(MediaTooLargeError, match="bytes, the limit is 1,000"):
        item_from_path(picture, limits=limits)
    small = Limits(max_file_bytes=1000, max_video_bytes=1500)
    for asked in (
        lambda: item_from_path(path, limits=small),
        lambda: decode(item_from_path(path), small),
    ):
        with pytest.raises(MediaTooLargeError, match="bytes, the limit is 1,500"):
            asked()


# --- damage


@pytest.mark.parametrize("name", ["mp4", "matroska", "avi"])
def test_truncated_videos_are_named(name: str) -> None:
    data = count(100, RECIPES[name]).read()
    for part in (0.9, 0.5, 0.2):
        for modality in ("video", "audio"):
            cut = MediaItem.from_bytes(data[: int(part * len(data))], modality, source="film.bin")
            with pytest.raises(CorruptMediaError, match=r"^film\.bin: is truncated: .* bytes are"):
                decode(cut)


@pytest.mark.parametrize("name", ["mp4", "matroska"])
def test_a_damaged_tail_is_named_where_a_frame_of_it_is_asked_for(name: str) -> None:
    data = count(200, RECIPES[name]).read()
    stop = data.find(b"moov") - 4 if name == "mp4" else len(data)
    damaged = garbage(data, int(0.6 * stop), int(0.95 * stop))
    with pytest.raises(CorruptMediaError, match=r"is damaged at [3-7]\.\d s"):
        decode(video(damaged))
    clip = decode(video(damaged, (0.0, 3.0)), sampling=Sampling(frames=3))
    assert [number_of(frame) for frame in clip.frames] == [12, 37, 62]


def test_where_nothing_is_found_behind_damage_the_video_ends() -> None:
    data = count(200, RECIPES["mpegts"]).read()
    clip = decode(video(garbage(data, int(0.6 * len(data)), len(data))))
    assert 3 < clip.seconds < 6
    numbers = np.array([number_of(frame) for frame in clip.frames])
    np.testing.assert_allclose(clip.times, numbers / films.RATE, atol=0.041)


@pytest.mark.parametrize("delayed", [0, 2])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_broadcast_that_was_cut_ends_before_its_last_frame(share: float, delayed: int) -> None:
    """Only what is left of the last packet is damaged, and shown by no packet behind it."""
    rng = np.random.default_rng(0)
    noisy = [numbered(i) // 2 + rng.integers(0, 99, (64, 96, 3), np.uint8) for i in range(50)]
    recipe = replace(RECIPES["mpegts"], delayed=delayed)
    data = film(noisy, recipe)
    cut = data[: int(share * len(data)) // 188 * 188]
    clip = decode(video(cut), sampling=Sampling(frames=99))
    assert clip.seconds == pytest.approx(2 * share, abs=0.4)
    assert len(clip.frames) == pytest.approx(clip.seconds * films.RATE, abs=3)


def test_frames_without_times_are_told() -> None:
    """Of a Matroska that began before its own clock."""
    recipe = Recipe("matroska", options={"avoid_negative_ts": "disabled"})
    data = film(map(numbered, range(25)), recipe, at=[place / 25 - 3 for place in range(25)])
    with pytest.raises(CorruptMediaError, match="holds frames without times; save it anew"):
        decode(video(data))


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_what_stands_behind_the_last_box_of_an_mp4_costs_nothing(modality: str) -> None:
    tone = np.sin(np.arange(96_000) / 9).astype(np.float32)
    data = film(map(numbered, range(50)), sound=tone)
    item = MediaItem.from_bytes(data + b"\x9c\x35" * 500, modality, source="film.bin")
    assert decode(item).seconds == pytest.approx(2.0, abs=0.1)
    for more in (b"mdat", b"moof", b"styp"):  # another part of it, which is not whole
        item = MediaItem.from_bytes(data + b"\0\0\x10\0" + more, modality, source="film.bin")
        with pytest.raises(CorruptMediaError, match="is truncated"):
            decode(item)


def test_noise_in_place_of_a_video_costs_that_file(workers: DecodeWorkers) -> None:
    for name, recipe in RECIPES.items():
        if name in ("av1", "hevc"):
            continue
        data = count(30, recipe).read()
        for start, stop in ((200, len(data)), (len(data) // 8, len(data) // 4)):
            item = video(garbage(data, start, stop))
            try:
                clip = workers.decode(item)
            except MediaError:
                continue
            assert len(clip.frames) and np.isfinite(clip.times).all()
    assert len(workers.decode(count(3)).frames) == 3


def test_what_is_no_video() -> None:
    for data, told in (
        (b"", "has zero bytes"),
        (b"\0\0\0\x20ftypisom" + bytes(40), "cannot be decoded|holds no"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "cannot be decoded"),
        (made.SOUNDS["wav"](), "is not a video but wav"),
        (made.saved(made.scene(), "PNG"), "is not a video but png"),
        (
            film([numbered(0)], Recipe("mp4", "rv10" if False else "mpeg4"))[:30],
            "is truncated|cannot",
        ),
    ):
        with pytest.raises(MediaError, match=told):
            decode(video(data))
    sound = made.sound("matroska", "libopus", rate=48_000)
    with pytest.raises(UnsupportedMediaError, match="is not a video but mka"):
        decode(video(sound))
    with pytest.raises(UnsupportedMediaError, match="pictures of the codec"):
        decode(video(film([numbered(0)] * 3, Recipe("avi", "flv"))))


# --- what files refer to


def test_playlists_are_no_videos_whatever_they_are_called(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.mkdir()
    (bait / "a.ts").write_bytes(count(30, RECIPES["mpegts"]).read())
    with nobody_calls() as address, nobody_opens(bait):
        for url in (f"{address}/a.ts", f"file://{bait}/a.ts", f"{bait}/a.ts"):
            for text in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
                f"ffconcat version 1.0\nfile '{url}'\n",
                f"[playlist]\nFile1={url}\n",
                f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
            ):
                path = tmp_path / "film.mp4"
                path.write_text(text)
                with pytest.raises(UnsupportedMediaError):
                    item_from_path(path, "video")
                with pytest.raises(MediaError):
                    decode(video(text.encode()))
                for kind in DEMUXERS:
                    _must_not_open(text.encode(), kind)


def _must_not_open(data: bytes, kind: str) -> None:
    with (
        pytest.raises((CorruptMediaError, EmptyMediaError)),
        opened(io.BytesIO(data), kind, "list") as (file, _),
    ):
        list(file.decode())
        raise EmptyMediaError("list", "nothing was found in it")


def _reference(path: str) -> bytes:
    """An entry of an MP4 that says in which other file its samples are, as QuickTime wrote it."""
    name = path.encode()
    record = bytearray(150)
    record[10:37] = b"\x03abc".ljust(27, b"\0")
    record[46] = 1
    tail = struct.pack(">hH", 2, len(name)) + name + b"\0" * (len(name) % 2)
    tail += struct.pack(">hH", 18, len(name)) + name + b"\0" * (len(name) % 2)
    body = b"\0\0\0\0" + bytes(record) + tail + struct.pack(">hH", -1, 0)
    return struct.pack(">I", 8 + len(body)) + b"alis" + body


def _with_reference(data: bytes, entry: bytes) -> bytes:
    """An MP4 whose samples lie in another file; its header stands behind the samples."""
    at = data.index(b"dref")
    old = struct.unpack_from(">I", data, at - 4)[0] + at - 4
    new = struct.pack(">I", 16 + len(entry)) + b"dref" + bytes(4) + struct.pack(">I", 1) + entry
    grown = len(new) - (old - at + 4)
    data = data[: at - 4] + new + data[old:]
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = data.index(box) - 4
        size = struct.unpack_from(">I", data, place)[0] + grown
        data = replaced(data, place, struct.pack(">I", size))
    return data


def test_an_mp4_whose_samples_lie_elsewhere_is_not_followed(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.mkdir()
    other = bait / "other.mp4"
    other.write_bytes(count(30).read())
    inside = count(30).read()
    with nobody_calls() as address, nobody_opens(bait):
        for entry in (
            _reference(str(other)),
            _reference(f"{address}/other.mp4"),
            struct.pack(">I", 13 + len(str(other))) + b"url \0\0\0\0" + str(other).encode() + b"\0",
        ):
            item = video(_with_reference(inside, entry))
            try:
                clip = decode(item, sampling=Sampling(frames=3))
            except MediaError:
                continue
            assert [number_of(frame) for frame in clip.frames] == [5, 15, 25]


def test_attachments_are_no_pictures() -> None:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *films.SIZE, "yuv420p"
        file.add_attachment("cover.png", "image/png", made.saved(made.scene(), "PNG"))
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    clip = decode(video(out.getvalue()), sampling=Sampling(frames=10))
    assert [number_of(frame) for frame in clip.frames] == list(range(10))
