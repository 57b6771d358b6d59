"""What files say of themselves, by the libraries that decode them, whatever they claim."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, PngImagePlugin, TiffImagePlugin

from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.media.limits import Limits
from isthmus.media.tags import fields_of
from isthmus.pipeline import WORKERS

TAGS = {"title": "Mond 月", "artist": "Ä. B.", "album": "Nächte", "date": "2019-03-01"}


def photo(form: str = "JPEG", **changes: object) -> bytes:
    """A picture as a phone writes it, 80×60 on its side."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "NIKON CORPORATION", "NIKON D750", 6
    exif.get_ifd(0x8769)[0x9003] = "2025:06:30 12:30:00"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "S", (33.0, 51.0, 24.84), "E", (151.0, 12.0, 40.68)
    for tag, value in changes.items():
        exif[int(tag.removeprefix("t"), 16)] = value
    out = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(out, form, exif=exif)
    return out.getvalue()


def told(data: bytes, modality: str = "image") -> dict[str, object]:
    return dict(fields_of(MediaItem.from_bytes(data, modality, source="it")))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_photograph_says_when_where_and_by_what(form: str) -> None:
    assert told(photo(form)) == {
        "taken": "2025-06-30T12:30:00",
        "camera": "NIKON D750",
        "lat": -33.8569,
        "lon": 151.2113,
        "width": 60,
        "height": 80,
    }


def test_a_tiff_is_as_large_as_it_is_shown() -> None:
    found = told(photo("TIFF"))  # Pillow writes no directories of EXIF into it
    assert found == {"camera": "NIKON D750", "width": 60, "height": 80}


def test_titles_of_windows_of_others_and_of_the_factory() -> None:
    assert told(photo(t9C9B="Löwe\0".encode("utf-16-le")))["title"] == "Löwe"
    assert told(photo(t010E="A lion", t013B="Ada"))["title"] == "A lion"
    assert told(photo(t013B="Ada"))["artist"] == "Ada"
    assert "title" not in told(photo(t010E="OLYMPUS DIGITAL CAMERA         "))


def test_a_maker_is_said_once() -> None:
    assert told(photo(t010F="Canon", t0110="Canon EOS 5D"))["camera"] == "Canon EOS 5D"
    assert told(photo(t010F="Google", t0110="Pixel 8"))["camera"] == "Google Pixel 8"


def test_png_says_its_title_and_its_pixels_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A \x1b[31mlion")
    info.add_itxt("Author", "Ада")
    out = io.BytesIO()
    Image.new("RGB", (30, 20)).save(out, "PNG", pnginfo=info)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("decoded"))
    found = told(out.getvalue())
    assert found == {"title": "A [31mlion", "artist": "Ада", "width": 30, "height": 20}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_hostile_exif_says_nothing_and_harms_nothing() -> None:
    nothing = TiffImagePlugin.IFDRational(1, 0)
    exif = Image.Exif()
    exif[0x010F] = "A" * 60_000
    exif.get_ifd(0x8769)[0x9003] = "9999:99:99 99:99:99"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (nothing,) * 3, "E", (1e9, 0.0, 0.0)
    out = io.BytesIO()
    Image.new("RGB", (80, 60)).save(out, "JPEG", exif=exif)
    found = told(out.getvalue())
    assert found.keys() == {"camera", "width", "height"} and len(str(found["camera"])) == 200
    whole = photo()
    for place_of in range(20, 300, 7):  # every offset and count of EXIF is broken in turn
        broken = bytearray(whole)
        broken[place_of : place_of + 4] = b"\xff\xff\xff\x7f"
        try:
            fields_of(MediaItem.from_bytes(bytes(broken), "image", source="it"))
        except MediaError:
            continue


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_recordings_say_their_tags_and_how_long_they_are(form: str, tmp_path: Path) -> None:
    path = tmp_path / "it"
    samples = np.sin(np.arange(48_000) / 9) * 0.5
    with soundfile.SoundFile(path, "w", 16_000, 1, format=form) as sound:
        for name, value in TAGS.items():
            setattr(sound, name, value)
        sound.write(samples)
    found = told(path.read_bytes(), "audio")
    wanted = {"title": "Mond 月", "artist": "Ä. B.", "album": "Nächte", "year": 2019}
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["duration"] == pytest.approx(3, abs=0.15 if form == "MP3" else 1e-6)


def test_a_length_that_is_a_guess_is_not_told() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(16_000) / 9) * 0.5, 16_000, format="WAV")
    data = bytearray(out.getvalue())
    assert told(bytes(data), "audio")["duration"] == 1
    at = data.index(b"data") + 4
    data[at : at + 4] = data[4:8] = bytes(4)  # as a program writes that cannot seek
    assert "duration" not in told(bytes(data), "audio")
    assert "duration" not in told(out.getvalue()[:20_000], "audio")


@pytest.mark.parametrize("name", ["it.mp4", "it.mov", "it.mkv", "it.avi"])
def test_videos_say_their_shape_when_and_where(name: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="videos need PyAV")
    path = tmp_path / name
    with av.open(path, "w") as file:
        file.metadata.update(
            {**TAGS, "creation_time": "2024-05-06T07:08:09Z", "location": "+48.2082+016.3738/"}
        )
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(50):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), shade, np.uint8), format="rgb24"
            )
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    found = told(path.read_bytes(), "video")
    shape = {"width": 64, "height": 48, "fps": 25, "title": "Mond 月", "artist": "Ä. B."}
    assert {each: found.get(each) for each in shape} == shape
    assert found["duration"] == pytest.approx(2, abs=0.05)
    if not name.endswith("avi"):  # which has no place for them
        assert found["taken"] == "2024-05-06T07:08:09"
        assert (found["lat"], found["lon"]) == (48.2082, 16.3738)


@pytest.mark.parametrize("name", ["mpegts", "mpeg", "wmv", "webm"])
def test_every_kind_of_video_says_its_shape_and_its_length(name: str) -> None:
    pytest.importorskip("av", reason="videos need PyAV")
    from tests.media import films

    found = dict(fields_of(films.count(50, films.RECIPES[name])))
    assert (found["width"], found["height"], round(float(found["fps"]))) == (*films.SIZE, 25)
    length = found.get("duration")
    assert length is None if name.startswith("mpeg") else length == pytest.approx(2, abs=0.1)


def test_m4a_says_its_tags(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="M4A needs PyAV")
    path = tmp_path / "it.m4a"
    with av.open(path, "w", format="ipod") as file:
        file.metadata.update(TAGS)
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        wave = (np.sin(np.arange(16_000) / 9) * 0.5).astype(np.float32)
        for start in range(0, 15_000, 1024):
            part = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts = 16_000, start
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    found = told(path.read_bytes(), "audio")
    assert (found["title"], found["artist"], found["year"]) == ("Mond 月", "Ä. B.", 2019)
    assert found["duration"] == pytest.approx(0.96, abs=0.1)


def test_limits_hold_and_drawings_and_texts_say_nothing() -> None:
    item = MediaItem.from_bytes(photo(), "image", source="it")
    with pytest.raises(MediaError, match="bytes, the limit is"):
        fields_of(item, Limits(max_file_bytes=100))
    assert told(b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>') == {}
    assert told(b"some words", "text") == {}
    with pytest.raises(MediaError):
        told(b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio")


def test_children_read_them(poison: list[str]) -> None:
    item = MediaItem.from_bytes(photo_bytes, "image", source="it")
    assert dict(WORKERS.fields(item))["camera"] == "NIKON D750"
    assert poison == []


photo_bytes = photo()
