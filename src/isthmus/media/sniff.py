"""What a file is, by its first bytes and never by its name.

This is own code because python-magic needs a C library that pip does not bring. Few formats are
read here, and playlists and other dangerous ones are refused by name.
"""

from __future__ import annotations

import codecs
import re
import zlib
from pathlib import Path

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    UnsupportedMediaError,
)
from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO

HEAD_BYTES = 16 * 1024
"""How much of a file is enough to tell what it is."""

_MODALITY = {
    "png": IMAGE,
    "jpeg": IMAGE,
    "webp": IMAGE,
    "gif": IMAGE,
    "svg": IMAGE,
    "svgz": IMAGE,
    "wav": AUDIO,
    "ogg": AUDIO,
    "flac": AUDIO,
    "mp3": AUDIO,
    "mp4": VIDEO,
    "matroska": VIDEO,
    "avi": VIDEO,
    "theora": VIDEO,
    "text": TEXT,
}
MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "text": "text/plain; charset=utf-8",
}
"""Media types by container, of those that a browser shows or plays as they are."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
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
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"8BPS", "a Photoshop document"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PAR1", "a Parquet table"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "RTF"),
)
_SVG = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")
_OTHER_ENCODING = "text that is not UTF-8"
_READS = "isthmus reads PNG, JPEG, WebP, GIF, SVG, WAV, Ogg, FLAC, MP3 and text"


_SOME_TEXT = 8
"""Bytes below which printable ones say nothing about an encoding."""


def sniff(head: bytes, *, source: str) -> str:
    """The modality of content.

    Args:
        head: Its first bytes, :data:`HEAD_BYTES` of them where there are so many.
        source: What the user knows it by, for messages.

    Returns:
        ``"text"``, ``"image"``, ``"audio"`` or ``"video"``.

    Raises:
        EmptyMediaError: If there are no bytes.
        UnsupportedMediaError: If it is of another kind; the message names the kind.
        CorruptMediaError: If it is text in another encoding than UTF-8, which its owner can mend.

    Example:
        >>> sniff("一只红袋鼠".encode(), source="caption.txt")
        'text'
    """
    return _MODALITY[container(head, source=source)]


def container(head: bytes, *, source: str) -> str:
    """The container of content: ``"png"``, ``"svgz"``, ``"ogg"``, ``"text"`` and so on.

    Takes and raises what :func:`sniff` does.
    """
    if not head:
        raise EmptyMediaError(source, "has zero bytes")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    found = _riff(head) or _ogg(head) or _iso(head) or _gzip(head) or _mpeg(head)
    found = found or _refused(head) or _markup(head) or _text(head)
    if found == _OTHER_ENCODING:
        raise CorruptMediaError(source, f"looks like {found}; save it as UTF-8")
    if found not in _MODALITY:
        raise UnsupportedMediaError(source, f"looks like {found or 'unknown data'}; {_READS}")
    return found


def read_head(path: Path) -> bytes:
    """The first bytes of a regular file.

    Raises:
        MediaError: If it is not a file or cannot be read.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise MediaError(str(path), "is not a regular file")
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error


def sniff_path(path: Path) -> str:
    """The modality of a file; raises what :func:`sniff` and :func:`read_head` raise."""
    return sniff(read_head(path), source=str(path))


def _riff(head: bytes) -> str | None:
    if head[:4] not in (b"RIFF", b"RF64"):
        return None
    form = {b"WAVE": "wav", b"WEBP": "webp", b"AVI ": "avi"}
    return form.get(head[8:12], "a RIFF file")


def _ogg(head: bytes) -> str | None:
    if not head.startswith(b"OggS"):
        return None
    packet = head[27 + head[26] :] if len(head) > 27 else b""
    if packet.startswith((b"\x01vorbis", b"OpusHead", b"\x7fFLAC")):
        return "ogg"
    return "theora" if packet.startswith(b"\x80theora") else "an Ogg stream of another codec"


def _iso(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in (b"M4A ", b"M4B "):
        return "AAC audio (M4A)"
    if brand in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
        return "an AVIF or HEIC image"
    return "mp4"


def _gzip(head: bytes) -> str | None:
    if not head.startswith(b"\x1f\x8b"):
        return None
    try:
        inner = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return "damaged gzip"
    return "svgz" if _markup(inner) == "svg" else "a gzip file"


def _mpeg(head: bytes) -> str | None:
    """MPEG audio frame header: sync, version, layer III, bit rate and sample rate in range."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    if layer == 0 and version >= 2:
        return "AAC audio (ADTS)"
    valid = version != 1 and layer == 1 and bit_rate not in (0, 15) and sample_rate != 3
    return "mp3" if valid else None


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
