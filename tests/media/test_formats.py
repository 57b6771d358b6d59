"""Every format of the table: read, turned, truncated, declared too large, its package missing."""

from __future__ import annotations

import io
import re
import socket
import struct
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image
from tests.media import films, made

from isthmus.core.errors import CorruptMediaError, MediaTooLargeError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.media import Limits, decode
from isthmus.media.formats import FORMATS, MEDIA_TYPES, SUFFIXES, Format, listed, unavailable
from isthmus.media.image import shown_size
from isthmus.media.preview import aspect, thumbnail
from isthmus.media.sniff import container, head_of
from isthmus.prompts.typed import looks_like_a_path

PICTURES = [*made.PICTURES, *made.UNTURNED]


def picture(name: str, orientation: int = 1) -> MediaItem:
    turned, still = made.PICTURES.get(name), made.UNTURNED.get(name)
    data = turned(orientation) if turned is not None else still() if still is not None else b""
    return MediaItem.from_bytes(data, "image", source=f"photo.{name}")


def recording(data: bytes, name: str = "wav") -> MediaItem:
    return MediaItem.from_bytes(data, "audio", source=f"sound.{name}")


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Mean colours of the quarters, from the upper left in the order of reading."""
    pixels = np.asarray(image, dtype=float)
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    quarters = [pixels[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    return [tuple(np.rint(quarter.mean(axis=(0, 1))).astype(int)) for quarter in quarters]


def alike(left: list[tuple[int, ...]], right: list[tuple[int, ...]], most: int) -> bool:
    return bool(np.abs(np.array(left) - np.array(right)).max() <= most)


def test_each_format_that_is_read_is_tested_here() -> None:
    videos = {*films.KINDS, "theora"}  # which no encoder here writes
    tested = {*PICTURES, *made.SOUNDS, *videos, "svg", "svgz", "text"}
    assert tested == {name for name, form in FORMATS.items() if form.read}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_have_the_right_colours(name: str) -> None:
    item = picture(name)
    assert container(head_of(io.BytesIO(item.read())), source="x") == name
    image = decode(item)
    assert (image.mode, image.size, shown_size(item)) == ("RGB", made.SIZE, made.SIZE)
    assert alike(corners(image), [made.RED, made.GREEN, made.BLUE, made.GREY], 5)
    webp, width, height = thumbnail(item, side=80)
    assert (webp[8:12], width, height) == (b"WEBP", 80, 48)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", made.PICTURES)
def test_pictures_are_turned_once(name: str, orientation: int) -> None:
    item = picture(name, orientation)
    image = decode(item)
    upper_left, upper_right, lower_left, lower_right = (
        *(made.RED, made.GREEN),
        *(made.BLUE, made.GREY),
    )
    rows = {  # from the definition of the tag: where row 0 and column 0 are seen
        2: [upper_right, upper_left, lower_right, lower_left],
        3: [lower_right, lower_left, upper_right, upper_left],
        4: [lower_left, lower_right, upper_left, upper_right],
        5: [upper_left, lower_left, upper_right, lower_right],
        6: [lower_left, upper_left, lower_right, upper_right],
        7: [lower_right, upper_right, lower_left, upper_left],
        8: [upper_right, lower_right, upper_left, lower_left],
    }
    assert alike(corners(image), rows[orientation], 6)
    width, height = made.SIZE if orientation < 5 else made.SIZE[::-1]
    assert image.size == shown_size(item) == (width, height)
    assert aspect(item) == pytest.approx(width / height, abs=1e-4)


def test_a_jpeg_inside_a_jpeg_xl_is_turned(tmp_path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(made.PICTURES["jpeg"](6))
    with Image.open(path) as jpeg:
        data = made.saved(jpeg, "JXL", lossless_jpeg=True)
    image = decode(MediaItem.from_bytes(data, "image", source="a.jxl"))
    assert alike(corners(image), [made.BLUE, made.RED, made.GREY, made.GREEN], 5)


@pytest.mark.parametrize("part", [0.8, 0.5, 0.2])
@pytest.mark.parametrize("name", PICTURES)
def test_truncated_pictures_are_named(name: str, part: float) -> None:
    whole = picture(name).read()
    cut = MediaItem.from_bytes(whole[: int(len(whole) * part)], "image", source="cut.bin")
    with pytest.raises((CorruptMediaError, UnsupportedMediaError), match=r"^cut\.bin: "):
        decode(cut)


@pytest.mark.parametrize("name", made.SOUNDS)
def test_recordings(name: str) -> None:
    data = made.SOUNDS[name]()
    assert container(head_of(io.BytesIO(data)), source="x") == name
    wave = decode(recording(data))
    assert wave.rate == made.RATE
    assert wave.seconds == pytest.approx(2.0, abs=0.06)  # codecs add a frame or two
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert spectrum.argmax() / wave.seconds == pytest.approx(440, abs=1)
    assert np.sqrt(np.square(wave.samples).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    part = MediaItem("0", "audio", "x", data, span=(0.5, 1.25))
    kept = decode(part).samples
    assert len(kept) == round(1.25 * made.RATE) - round(0.5 * made.RATE)
    assert np.abs(kept - wave.samples[22050 : 22050 + len(kept)]).max() < 0.05


@pytest.mark.parametrize("part", [0.9, 0.5, 0.2])
@pytest.mark.parametrize("name", made.SOUNDS)
def test_truncated_recordings_are_named(name: str, part: float) -> None:
    whole = made.SOUNDS[name]()
    with pytest.raises(CorruptMediaError, match=r"^sound\.wav: (is truncated|cannot be decoded)"):
        decode(recording(whole[: int(len(whole) * part)]))


def test_codecs_and_containers_of_sound() -> None:
    for container_, codec in (("mp4", "aac"), ("ipod", "alac")):
        wave = decode(recording(made.sound(container_, codec)))
        assert wave.seconds == pytest.approx(2.0, abs=0.06)
    fragments = made.sound("mp4", "aac", movflags="frag_keyframe+empty_moov")
    assert decode(recording(fragments)).seconds == pytest.approx(2.0, abs=0.06)
    opus = made.sound("ogg", "libopus", rate=48_000)
    assert decode(recording(opus)).rate == 48_000
    with pytest.raises(UnsupportedMediaError, match="holds sound of the codec ac3"):
        decode(recording(made.sound("mp4", "ac3")))


# --- what headers declare


def _boxed(data: bytes) -> bytes:
    """A HEIC or AVIF whose picture claims 16,000 × 16,000 pixels; libavif refuses more itself."""
    at = data.index(b"ispe")
    return data[: at + 8] + struct.pack(">II", 16_000, 16_000) + data[at + 16 :]


def _jpeg(data: bytes) -> bytes:
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", 30_000, 30_000) + data[at + 9 :]


def _jxl() -> bytes:
    bits = 0 | 3 << 1 | 29_999 << 3 | 1 << 33  # a side of 30 bits, square
    return b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(50)


def _tiff() -> bytes:
    tags = {256: (4, [30_000]), 257: (4, [30_000]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    return made.tiff({**tags, 277: (3, [1]), 278: (4, [30_000])}, bytes(100))


def _bmp() -> bytes:
    data = made.UNTURNED["bmp"]()
    return data[:18] + struct.pack("<ii", 30_000, 30_000) + data[26:]


def _gif() -> bytes:
    data = made.UNTURNED["gif"]()
    return data[:6] + struct.pack("<HH", 30_000, 30_000) + data[10:]


BOMBS = {
    "jpeg": lambda: _jpeg(made.PICTURES["jpeg"](1)),
    "raw": lambda: made.dng(_jpeg(made.saved(made.scene(), "JPEG")), (30_000, 30_000)),
    "heic": lambda: _boxed(made.PICTURES["heic"](1)),
    "avif": lambda: _boxed(made.PICTURES["avif"](1)),
    "jxl": _jxl,
    "tiff": _tiff,
    "bmp": _bmp,
    "gif": _gif,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_declared_size_is_refused_before_pixels_are_decoded(
    name: str, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("pixels are decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    bomb = MediaItem.from_bytes(BOMBS[name](), "image", source="bomb")
    refused = r"declares (900|256) megapixels, the limit is \d+; .*--max-megapixels"
    with pytest.raises(MediaTooLargeError, match=refused):
        decode(bomb)
    with pytest.raises(MediaTooLargeError):
        shown_size(bomb)
    assert not recwarn.list


def test_a_small_tiff_in_a_huge_tile() -> None:
    tags = {256: (4, [8]), 257: (4, [8]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    tiles = {322: (4, [30_000]), 323: (4, [30_000]), 324: (4, [8]), 325: (4, [64])}
    data = made.tiff({**tags, 277: (3, [1]), **tiles}, bytes(64))
    with pytest.raises(CorruptMediaError, match="tiles"):
        decode(MediaItem.from_bytes(data, "image", source="bomb"))


def test_a_large_jpeg_is_read_smaller_and_other_formats_are_refused() -> None:
    photo = made.scene().resize((1600, 960))
    limits = Limits(max_pixels=500_000)
    large = MediaItem.from_bytes(made.saved(photo, "JPEG", quality=95), "image", source="a")
    image = decode(large, limits)
    assert image.size == (800, 480)
    assert alike(corners(image), [made.RED, made.GREEN, made.BLUE, made.GREY], 5)
    assert decode(large, Limits(max_pixels=200_000)).size == (400, 240)
    assert decode(large, Limits(max_pixels=2_000_000)).size == (1600, 960)
    assert decode(large, limits, image_side=200).size == (400, 240)
    with pytest.raises(MediaTooLargeError, match="declares 2 megapixels, the limit is 2"):
        decode(large, Limits(max_pixels=191_999))  # more than eight times as many
    with pytest.raises(MediaTooLargeError, match="--max-megapixels"):
        decode(MediaItem.from_bytes(made.saved(photo, "PNG"), "image", source="a"), limits)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_comes_smaller_where_less_is_needed(name: str) -> None:
    image = decode(picture(name), image_side=24)
    assert image.size == (made.SIZE if name == "gif" else (40, 24))  # palettes have no mean
    assert alike(corners(image), [made.RED, made.GREEN, made.BLUE, made.GREY], 8)
    assert decode(picture(name), image_side=49).size == made.SIZE


def test_caps_hold_where_a_recording_is_longer_than_its_header_says() -> None:
    silence = np.zeros(30 * made.RATE, dtype=np.float32)
    silence[:] = 0.1 * np.sin(np.arange(len(silence)) / 9)
    for data in (made.sound("adts", "aac", silence), made.sound("ipod", "aac", silence)):
        with pytest.raises(MediaTooLargeError, match=r"lasts \d+ s, the limit is 20 s"):
            decode(recording(data), Limits(max_seconds=20))
        with pytest.raises(MediaTooLargeError, match="samples, the limit is 100,000"):
            decode(recording(data), Limits(max_samples=100_000))


class _Reading:
    source, at = "list", 0

    def wanted(self, rate: int) -> tuple[int, float]:
        return 0, float("inf")

    def check(self, *_: int) -> None:
        return None


def test_ffmpeg_follows_nothing() -> None:
    """Whatever a file says, its demuxer is the one that its first bytes call for."""
    from isthmus.media._libav import DEMUXERS, blocks

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.aac"
        for text in (
            f"#EXTM3U\n#EXTINF:9,\n{address}\n",
            f"ffconcat version 1.0\nfile {address}\n",
        ):
            for kind in DEMUXERS:
                with pytest.raises((CorruptMediaError, UnsupportedMediaError)):
                    list(blocks(io.BytesIO(text.encode()), kind, _Reading()))
        with pytest.raises(TimeoutError):
            server.accept()


# --- the table


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {
        name: Format(form.name, form.title, form.modality, pillow=form.pillow, module="no_such")
        for name, form in FORMATS.items()
        if form.module is not None
    }
    videos = [name for name in gone if FORMATS[name].modality == "video"]
    assert sorted(gone.keys() - set(videos)) == ["aac", "heic", "jxl", "m4a", "mka", "raw", "wma"]
    assert [form.name for form in gone.values() if form.available] == []
    for name, form in gone.items():
        monkeypatch.setitem(FORMATS, name, form)
        if name in videos:
            if name == "theora":
                continue
            item = films.count(2, films.RECIPES[films.KINDS[name]])
        else:
            item = picture(name) if name in PICTURES else recording(made.SOUNDS[name]())
        with pytest.raises(UnsupportedMediaError, match=r"pip install 'isthmus\[formats\]'"):
            decode(item)


def test_everything_follows_from_the_table() -> None:
    assert {".heic", ".tif", ".jxl", ".dng", ".m4a", ".opus", ".png"} <= SUFFIXES
    assert all(looks_like_a_path(f"photo{suffix.upper()}") for suffix in SUFFIXES)
    assert MEDIA_TYPES["avif"] == "image/avif" and "heic" not in MEDIA_TYPES
    with pytest.raises(
        UnsupportedMediaError, match=r"isthmus reads PNG, JPEG, .*WMA, .*text, MP4, .*WMV"
    ):
        container(b"%PDF-1.7", source="a")
    assert "MP4" in listed()
    page = (files("isthmus.server") / "static/index.html").read_text(encoding="utf-8")
    (accepted,) = re.findall(r'accept="(.*?)"', page)
    assert set(accepted.split(",")) == SUFFIXES | {"image/*", "audio/*", "video/*"}
    assert unavailable() == []
