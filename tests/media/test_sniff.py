import gzip
import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from tests.media import made

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem
from isthmus.media import decode
from isthmus.media.formats import SUFFIXES
from isthmus.media.sniff import container, head_of, sniff, sniff_path

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'


def picture(format: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, format)
    return out.getvalue()


def sound(format: str, subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(16000) / 9) * 0.5, 16000, format=format, subtype=subtype)
    return out.getvalue()


EBML = b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01"
TRACKS = b"\x16\x54\xae\x6b\x88\xae\x86\xd7\x81\x01\x83\x81%s"
"""A list of one track, its number and its kind."""
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


@pytest.mark.parametrize(
    ("data", "kind", "modality"),
    [
        (picture("PNG"), "png", "image"),
        (picture("JPEG"), "jpeg", "image"),
        (picture("WEBP"), "webp", "image"),
        (picture("GIF"), "gif", "image"),
        (SVG, "svg", "image"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n' + SVG, "svg", "image"),
        (b"<!-- drawn by hand -->" + SVG, "svg", "image"),
        (b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>', "svg", "image"),
        (
            (b'<?xml version="1.0" encoding="UTF-16"?>' + SVG).decode().encode("utf-16"),
            "svg",
            "image",
        ),
        (gzip.compress(SVG, mtime=0), "svgz", "image"),
        (sound("WAV"), "wav", "audio"),
        (sound("OGG", "VORBIS"), "ogg", "audio"),
        (sound("OGG", "OPUS"), "ogg", "audio"),
        (sound("FLAC"), "flac", "audio"),
        (sound("MP3"), "mp3", "audio"),
        (b"ID3\x04\0\0\0\0\0\0", "mp3", "audio"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "mp4", "video"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01", "matroska", "video"),
        (EBML + b"\x18\x53\x80\x67\xff" + TRACKS % b"\1", "matroska", "video"),
        (EBML + b"\x18\x53\x80\x67\xff" + TRACKS % b"\2", "mka", "audio"),
        (EBML + b"\x18\x53\x80\x67\x8d" + TRACKS % b"\2", "mka", "audio"),
        (b"OggS" + bytes(22) + b"\1\x2a\x80theora", "theora", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "avi", "video"),
        (b"\0\0\1\xba\x44", "mpeg", "video"),
        ((b"G" + bytes(187)) * 4, "mpegts", "video"),
        ((b"\0\0\0\0G" + bytes(187)) * 4, "mpegts", "video"),
        (ASF + bytes(30), "wma", "audio"),
        (ASF + bytes(30) + bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b"), "wmv", "video"),
        (b"\0\0\0\x08wide" + b"\0\0\0\x20hdlr\0\0\0\0mhlrvide", "mp4", "video"),
        (b"Gone with the wind\n" * 60, "text", "text"),
        (b"on a wide plain", "text", "text"),
        ("一只红袋鼠 🦘".encode(), "text", "text"),
        ("袋鼠".encode("utf-16"), "text", "text"),
        (b"less than 3 < 4", "text", "text"),
        (b"BMW is a car, and no picture", "text", "text"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "bmp", "image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic", "image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic", "image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif", "image"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "avif", "image"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw", "image"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw", "image"),
        (b"IIRO\x08\0\0\0", "raw", "image"),
        (b"FUJIFILMCCD-RAW 0201", "raw", "image"),
        (b"II*\0\x08\0\0\0", "tiff", "image"),
        (b"MM\0*\0\0\0\x08", "tiff", "image"),
        (b"II+\0\x08\0\0\0", "tiff", "image"),
        (made.tiff({254: (4, [1]), 271: (2, b"NIKON\0"), 330: (4, [9])}, b""), "raw", "image"),
        (made.tiff({254: (4, [0]), 271: (2, b"NIKON\0"), 330: (4, [9])}, b""), "tiff", "image"),
        (made.tiff({262: (3, [32803])}, b"", ">"), "raw", "image"),
        (b"\xff\x0a\x47", "jxl", "image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl", "image"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "m4a", "audio"),
        (b"\xff\xf1\x50\x80\x20\x7f\xfc", "aac", "audio"),
        (b"FORM\0\0\0\x20AIFC", "aiff", "audio"),
        (b"FORM\0\0\0\x20AIFF", "aiff", "audio"),
    ],
)
def test_content_is_told_by_its_bytes(data: bytes, kind: str, modality: str) -> None:
    assert container(data, source="x") == kind
    assert sniff(data, source="x") == modality


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "PostScript"),
        (b"  \n%!PS-Adobe-3.0", "PostScript"),
        (b"%PDF-1.7\n", "PDF"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\nhttp://example.org/a.ts\n", "playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "playlist"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (b"\x7fELF\x02\x01", "program"),
        (b"\0\5\x16\7\0\2\0\0", "AppleDouble"),
        (gzip.compress(b"plain words", mtime=0), "gzip"),
        (b"<!DOCTYPE html><html><svg></svg></html>", "web page"),
        (b'<?xml version="1.0"?><feed/>', "XML that is not SVG"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", "unknown data"),
        (bytes(range(1, 256)), "unknown data"),
        (b"abc\0def\0", "unknown data"),
    ],
)
def test_other_kinds_are_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=named):
        sniff(data, source="holiday" if named == "unknown data" else "holiday.png")


FIXED = {
    *(".png", ".gif", ".webp", ".flac", ".ogg", ".oga"),
    *(".opus", ".ogv", ".mka", ".weba", ".mkv", ".webm"),
}
"""Endings of files that all begin with the same bytes."""


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_known_ending_without_its_beginning_is_damage_only_where_there_is_one(
    suffix: str,
) -> None:
    noise = np.random.default_rng(0).bytes(3000)
    name = f"bird{suffix.upper()}"
    said = f"cannot be read: its name ends with {suffix.upper()}, but it does not begin as .* does"
    with pytest.raises(MediaError, match=f"{said}; it is damaged, or of another format$") as raised:
        sniff(noise, source=name)
    assert isinstance(raised.value, CorruptMediaError) == (suffix in FIXED)
    assert isinstance(raised.value, UnsupportedMediaError) != (suffix in FIXED)
    assert sniff(b"only words", source=name) == "text"  # what it holds is told by its content


@pytest.mark.parametrize(
    ("data", "suffix", "title"),
    [
        (b"OggS\0\2" + bytes(22), ".opus", "Ogg"),
        (b"RIFF\x24\1\0\0WA", ".wav", "WAV"),
        (b"\x89PNG\r", ".png", "PNG"),
        (b"\x1f\x8b\x08\xff\xff\xff", ".svgz", "SVGZ"),
    ],
)
def test_what_is_cut_off_in_its_first_bytes_is_damaged(
    data: bytes, suffix: str, title: str
) -> None:
    with pytest.raises(CorruptMediaError, match=f"{suffix}, but it does not begin as {title} does"):
        sniff(data, source=f"bird{suffix}")


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        pytest.param(b"\0\0\1\xb3\x16\0\xf0\xc4" + bytes(30), ".mpg", id="elementary MPEG-2"),
        pytest.param(b"\0\0\1\xb0\1\0\0\1\xb5" + bytes(30), ".m4v", id="elementary MPEG-4"),
        pytest.param(b"riff\x2e\x91\xcf\x11" + bytes(30), ".wav", id="W64"),
        pytest.param(b"caff\0\1\0\0desc" + bytes(30), ".wav", id="CAF"),
        pytest.param(b"APETAGEX\xd0\7\0\0" + bytes(30), ".mp3", id="APEv2"),
        pytest.param(bytes(100) + b"\xff\xfb\x90\0" + bytes(30), ".mp3", id="zeros"),
        pytest.param(b"\xff\xff\x94\0" + bytes(30), ".mp3", id="layer I"),
        pytest.param(b"ADIF\0\0" + bytes(30), ".aac", id="ADIF"),
        pytest.param((b"G" + bytes(203)) * 4, ".ts", id="204 bytes"),
        pytest.param(SVG.decode().encode("utf-16-le"), ".svg", id="UTF-16 without BOM"),
        pytest.param(b"\0\0\0\x08wide\0\0\1\0mdat" + bytes(30), ".mov", id="QuickTime"),
        pytest.param(b"\0\5\x16\7\0\2\0\0Mac OS X", ".jpg", id="AppleDouble JPEG"),
        pytest.param(b"\0\5\x16\7\0\2\0\0Mac OS X", ".png", id="AppleDouble PNG"),
    ],
)
def test_what_is_unusual_is_not_counted_as_damaged(data: bytes, suffix: str) -> None:
    with pytest.raises(UnsupportedMediaError):
        sniff(head_of(io.BytesIO(data)), source=f"bird{suffix}")


TAG = b"ID3\4\0\0\0\0\0\x14" + bytes(20)
APE = b"APETAGEX\xd0\7\0\0" + (5032).to_bytes(4, "little") + bytes(16 + 5000) + b"APETAGEX"
APE += bytes(24)


@pytest.mark.parametrize(
    ("before", "after", "modality"),
    [
        pytest.param(b"\r\n", picture("JPEG"), "image", id="newline"),
        pytest.param(b"\xff", picture("JPEG"), "image", id="fill byte"),
        pytest.param(bytes(64), picture("JPEG"), "image", id="zeros before a picture"),
        pytest.param(bytes(5000), sound("MP3"), "audio", id="zeros"),
        pytest.param(bytes(3), TAG + sound("MP3"), "audio", id="zeros, tag"),
        pytest.param(APE, sound("MP3"), "audio", id="APEv2"),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_what_programs_leave_before_the_content_is_passed_over(
    before: bytes, after: bytes, modality: str, in_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / "bird"
    path.write_bytes(before + after)
    assert sniff_path(path) == modality
    item = MediaItem.from_bytes(before + after, modality, source="bird")
    found = decode(MediaItem.from_path(path, modality) if in_file else item)
    same = decode(MediaItem.from_bytes(after, modality, source="bird"))
    if modality == "image":
        assert found.tobytes() == same.tobytes()
    else:
        np.testing.assert_array_equal(found.samples, same.samples)


def test_one_header_of_a_frame_behind_zeros_is_no_mp3() -> None:
    whole = sound("MP3")
    data = bytes(9) + whole[:40] + bytes(2000)
    with pytest.raises(UnsupportedMediaError, match="unknown data"):
        sniff(head_of(io.BytesIO(data)), source="bird")


@pytest.mark.parametrize(
    ("text", "encoding"), [("沙滩上有一个男孩", "gbk"), ("Mädchen am Strand", "latin-1")]
)
def test_text_in_another_encoding_can_be_mended(text: str, encoding: str) -> None:
    with pytest.raises(CorruptMediaError, match="not UTF-8; save it as UTF-8"):
        sniff(text.encode(encoding), source="caption.txt")


def test_an_mp4_is_told_by_its_tracks_wherever_it_names_them() -> None:
    silence = np.zeros(made.RATE // 2, dtype=np.float32)
    for options in ({}, {"movflags": "frag_keyframe+empty_moov"}):
        data = made.sound("mp4", "aac", silence, **options)
        assert container(head_of(io.BytesIO(data)), source="x") == "m4a"
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        sound = file.add_stream("aac", rate=made.RATE, layout="mono")
        film = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        frame = av.AudioFrame.from_ndarray(silence[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = made.RATE, 0
        seen = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), dtype=np.uint8))
        file.mux([packet for each in (frame, None) for packet in sound.encode(each)])
        file.mux([packet for each in (seen, None) for packet in film.encode(each)])
    assert sniff(head_of(io.BytesIO(out.getvalue())), source="x") == "video"
    boxes = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" * 1_000_000
    with io.BytesIO(boxes) as hostile:
        assert container(head_of(hostile), source="x") == "mp4"
        assert hostile.tell() == 0


def test_zero_bytes() -> None:
    with pytest.raises(EmptyMediaError, match=r"nothing\.wav: has zero bytes"):
        sniff(b"", source="nothing.wav")


def test_text_that_is_cut_inside_a_character() -> None:
    assert sniff("袋鼠".encode()[:-1], source="x") == "text"
    with pytest.raises(UnsupportedMediaError):
        sniff("袋鼠".encode()[1:], source="x")


def test_the_extension_says_nothing(tmp_path) -> None:
    lying = tmp_path / "picture.png"
    with wave.open(str(lying), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\1\1" * 100)
    assert sniff_path(lying) == "audio"


def test_missing_files_and_folders(tmp_path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        sniff_path(tmp_path / "none")
    with pytest.raises(MediaError, match="not a regular file"):
        sniff_path(tmp_path)
