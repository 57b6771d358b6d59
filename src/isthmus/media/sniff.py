"""What a file is, by its first bytes and never by its name.

This is own code because python-magic needs a C library that pip does not bring. Few formats are
read here, and playlists and other dangerous ones are refused by name.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    UnsupportedMediaError,
)
from isthmus.media.beginning import HEAD_BYTES, begin_of, mpeg
from isthmus.media.ebml import SOUND, kinds_of_tracks
from isthmus.media.formats import FORMATS, listed, named_format

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"fLaC", "flac"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\1\xba", "mpeg"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"IIU\0", "raw"),
)
_REFUSED = (
    (b"%!PS", "PostScript (EPS/PS)"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS/PS)"),
    (b"%PDF", "PDF"),
    (b"#EXTM3U", "a media playlist (HLS/M3U)"),
    (b"[playlist]", "a media playlist (PLS)"),
    (b"ffconcat", "a media playlist (concat)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"8BPS", "a Photoshop document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PAR1", "a Parquet table"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "RTF"),
    (b"\0\5\x16\7", "what macOS notes about another file (AppleDouble)"),
)
_PICTURE_BRANDS = (
    *(b"avif", b"avis", b"heic", b"heix", b"heim", b"heis"),
    *(b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_REDUCED, _MAKE, _SUB_IFDS, _PHOTOMETRIC, _DNG_VERSION = 254, 271, 330, 262, 50706  # of TIFF
_SENSOR_DATA = (32803, 34892)  # a colour filter array, or what was made of one
_WITHOUT_BRAND = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""Boxes that a QuickTime file from before brands begins with."""
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_ASF_PICTURES = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
_TS_PACKETS = (188, 192)
"""Bytes of a packet of MPEG-TS: as it is broadcast, and as cameras and discs keep it."""
_OUTER = (b"moov", b"trak", b"mdia")
"""Boxes of an MP4 around the kind of a track."""
_MOST_BOXES = 10_000
_SVG = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")
_OTHER_ENCODING = "text that is not UTF-8"
_BEGINNING = "the beginning of a file"
_DAMAGED_GZIP = "damaged gzip"
_DAMAGED = (_BEGINNING, _DAMAGED_GZIP)
_READS = f"isthmus reads {listed()}"


_SOME_TEXT = 8
"""Bytes below which printable ones say nothing about an encoding."""


def sniff(head: bytes, *, source: str) -> str:
    """The modality of content.

    Args:
        head: Its first bytes, :data:`isthmus.media.beginning.HEAD_BYTES` of them where there are
            so many.
        source: What the user knows it by, for messages.

    Returns:
        ``"text"``, ``"image"``, ``"audio"`` or ``"video"``.

    Raises:
        EmptyMediaError: If there are no bytes.
        UnsupportedMediaError: If it is of another kind; the message names the kind.
        CorruptMediaError: If it is text in another encoding than UTF-8, which its owner can mend;
            or if it is surely damaged: it breaks off in its first bytes, or is of no known kind,
            although every file whose name ends like its name begins with the same bytes.

    Examples:
        >>> sniff("一只红袋鼠".encode(), source="caption.txt")
        'text'
    """
    return FORMATS[container(head, source=source)].modality


def container(head: bytes, *, source: str) -> str:
    """The container of content: ``"png"``, ``"svgz"``, ``"ogg"``, ``"text"`` and so on.

    Takes and raises what :func:`sniff` does.
    """
    if not head:
        raise EmptyMediaError(source, "has zero bytes")
    found = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    for tell in _TELL:
        found = found or tell(head)
    if found == _OTHER_ENCODING:
        raise CorruptMediaError(source, f"looks like {found}; save it as UTF-8")
    if found in (None, *_DAMAGED) and (named := named_format(source)):
        reason = (
            f"cannot be read: its name ends with {Path(source).suffix}, but it does not begin as "
            f"{named.title} does; it is damaged, or of another format"
        )
        damaged = found is not None or named.fixed
        raise (CorruptMediaError if damaged else UnsupportedMediaError)(source, reason)
    if found not in FORMATS:
        raise UnsupportedMediaError(source, f"looks like {found or 'unknown data'}; {_READS}")
    return found


def head_of(handle: BinaryIO) -> bytes:
    """What tells the kind of an open file: its first bytes, and of an MP4 the kinds of its tracks.

    An MP4 may say behind all of its samples whether it holds pictures or only sound. The handle
    is left at its beginning. What :func:`isthmus.media.beginning.begin_of` passes over is left out.
    """
    handle.seek(begin_of(handle))
    head = handle.read(HEAD_BYTES)
    if head[4:8] == b"ftyp" or head[4:8] in _WITHOUT_BRAND:
        head += b"".join(_tracks(handle, 0, handle.seek(0, 2), [_MOST_BOXES], _OUTER))
    handle.seek(0)
    return head


def _tracks(
    handle: BinaryIO, at: int, end: int, left: list[int], outer: Sequence[bytes]
) -> Iterator[bytes]:
    """The boxes of an MP4 that name the kind of a track; so many boxes are looked at.

    Each lies in one of every kind of ``outer``, in this order.
    """
    while at + 8 <= end and left[0] > 0:
        left[0] -= 1
        handle.seek(at)
        box = handle.read(20)
        size, head = int.from_bytes(box[:4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(box[8:16], "big"), 16
        if box[4:8] == b"hdlr":
            yield box[4:]
        elif outer and box[4:8] == outer[0]:
            yield from _tracks(handle, at + head, min(at + size, end), left, outer[1:])
        if size < head:
            return
        at += size


def read_head(path: Path) -> bytes:
    """The first bytes of a regular file.

    Raises:
        MediaError: If it is not a file or cannot be read.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise MediaError(str(path), "is not a regular file")
    try:
        with path.open("rb") as handle:
            return head_of(handle)
    except OSError as error:
        raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error


def sniff_path(path: Path) -> str:
    """The modality of a file; raises what :func:`sniff` and :func:`read_head` raise."""
    return sniff(read_head(path), source=str(path))


def _riff(head: bytes) -> str | None:
    if head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return None
    if len(head) < 12:
        return _BEGINNING
    form = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}
    return form.get(head[8:12], "a RIFF file")


def _ogg(head: bytes) -> str | None:
    if not head.startswith(b"OggS"):
        return None
    packet = head[27 + head[26] :] if len(head) > 27 else b""
    if packet.startswith((b"\x01vorbis", b"OpusHead", b"\x7fFLAC")):
        return "ogg"
    if packet.startswith(b"\x80theora"):
        return "theora"
    return _BEGINNING if len(packet) < 8 else "an Ogg stream of another codec"


def _iso(head: bytes) -> str | None:
    """ISO base media: a picture, a recording or a video, by the brands that it names."""
    tracks = set(re.findall(rb"hdlr.{8}(soun|vide)", head, re.DOTALL))
    if head[4:8] in _WITHOUT_BRAND:
        return None if not tracks else "m4a" if tracks == {b"soun"} else "mp4"
    if head[4:8] != b"ftyp":
        return None
    stop = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, stop, 4))}
    if head[8:12] == b"crx ":
        return "raw"
    if head[8:12] in _PICTURE_BRANDS or brands & {b"avif", b"heic"}:
        return "avif" if brands & {b"avif", b"avis"} else "heic"
    return "m4a" if head[8:12] in (b"M4A ", b"M4B ") or tracks == {b"soun"} else "mp4"


def _matroska(head: bytes) -> str | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "mka" if kinds_of_tracks(head) == {SOUND} else "matroska"


def _asf(head: bytes) -> str | None:
    if not head.startswith(_ASF):
        return None
    return "wmv" if _ASF_PICTURES in head else "wma"


def _transport(head: bytes) -> str | None:
    """MPEG-TS, by the byte with which each packet begins, behind a time where cameras write it."""
    for size in _TS_PACKETS:
        begins = head[size - _TS_PACKETS[0] :: size][:5]
        if len(begins) > 2 and set(begins) == {0x47}:
            return "mpegts"
    return None


def _tiff(head: bytes) -> str | None:
    """A TIFF, or a camera's RAW, whose first directory says so where it lies in the head."""
    order: Literal["little", "big"]
    if head[:4] in (b"II*\0", b"II+\0"):
        order = "little"
    elif head[:4] in (b"MM\0*", b"MM\0+"):
        order = "big"
    else:
        return None
    if head[8:10] == b"CR":
        return "raw"
    at = int.from_bytes(head[4:8], order)
    tags: dict[int, int] = {}
    for place in range(at + 2, at + 2 + 12 * int.from_bytes(head[at : at + 2], order), 12):
        entry = head[place : place + 12]
        size = 2 if entry[2:4] in (b"\3\0", b"\0\3") else 4
        tags[int.from_bytes(entry[:2], order)] = int.from_bytes(entry[8 : 8 + size], order)
    reduced = tags.get(_REDUCED, 0) & 1 and _MAKE in tags and _SUB_IFDS in tags
    sensor = tags.get(_PHOTOMETRIC) in _SENSOR_DATA
    return "raw" if _DNG_VERSION in tags or sensor or reduced else "tiff"


def _bmp(head: bytes) -> str | None:
    """BMP by its second header, too: two letters alone begin many a sentence."""
    known = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return "bmp" if known and head[6:10] == bytes(4) else None


def _aiff(head: bytes) -> str | None:
    return "aiff" if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC") else None


def _gzip(head: bytes) -> str | None:
    if not head.startswith(b"\x1f\x8b"):
        return None
    try:
        inner = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return _DAMAGED_GZIP
    return "svgz" if _markup(inner) == "svg" else "a gzip file"


def _refused(head: bytes) -> str | None:
    for magic, name in _REFUSED:
        if head.startswith(magic):
            return name
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return next((name for magic, name in _REFUSED[:6] if start.startswith(magic)), None)


def _markup(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode()
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    lower = start[:64].lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML)"
    if lower.startswith((b"<?xml", b"<!doctype", b"<!--", b"<svg")) or _SVG.match(start):
        if _SVG.search(start):
            return "svg"
        return "XML that is not SVG" if not lower.startswith(b"<!--") else None
    return None


def _text(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "text"
    try:
        # the head may end inside a character
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        printable = all(byte >= 32 or byte in (9, 10, 13) for byte in head)
        likely = printable and len(head) >= _SOME_TEXT
        return _OTHER_ENCODING if likely else None
    control = sum(ord(c) < 32 and c not in "\t\n\v\f\r\x1b" for c in text)
    return "text" if "\0" not in text and control * 20 <= len(text) else None


_TELL: tuple[Callable[[bytes], str | None], ...] = (
    *(_riff, _ogg, _iso, _matroska, _asf, _transport, _tiff, _bmp, _aiff, _gzip, mpeg),
    *(_refused, _markup, _text),
)
