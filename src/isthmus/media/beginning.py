"""Where the content of a file begins, and where a frame of MPEG audio does."""

from __future__ import annotations

import re
from typing import BinaryIO

HEAD_BYTES = 16 * 1024
"""How much of a file is enough to tell what it is."""

_BEFORE_JPEG = re.compile(rb"[\s\0\xff]{1,64}?(?=\xff\xd8\xff)")
_BEFORE_MP3 = re.compile(rb"\0+(?=ID3[\2-\4]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])")
_APE, _APE_HEADER = b"APETAGEX", 32
_MPEG_1 = 3
_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)
"""Kilobits and samples a second of layer III, by the numbers in the header of a frame."""


def begin_of(handle: BinaryIO) -> int:
    """Where the content of an open file begins, behind what some programs leave before it.

    Players pass over it, and decoders do not: blanks before a JPEG, and zeros or an APE tag before
    an MP3. The handle is left at its beginning.
    """
    head = handle.read(HEAD_BYTES)
    found, at = _BEFORE_JPEG.match(head), 0
    if found is None and (zeros := _BEFORE_MP3.match(head)) and _frames(head[zeros.end() :]):
        found = zeros
    if found is not None:
        at = found.end()
    elif head.startswith(_APE):
        handle.seek(behind := _APE_HEADER + int.from_bytes(head[12:16], "little"))
        at = behind if mpeg(handle.read(HEAD_BYTES)) == "mp3" else 0
    handle.seek(0)
    return at


def mpeg(head: bytes) -> str | None:
    """``"mp3"`` or ``"aac"`` by the header of a frame: sync, version, layer, bit and sample rate.

    Layer II of broadcasts is read as MP3 is. Layer I is not: its header begins as UTF-16 does.
    """
    if head.startswith(b"ID3"):
        head, tagged = head[10 + tag_size(head) :], True
    else:
        tagged = False
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return "mp3" if tagged else None  # what the tag stands before lies past the head
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    if layer == 0 and version >= 2:
        return "aac"
    valid = version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and sample_rate != 3
    return "mp3" if valid or tagged else None


def tag_size(head: bytes) -> int:
    """Bytes of an ID3v2 tag behind its header of ten, by the four bytes of seven bits there."""
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size


def _frames(head: bytes) -> bool:
    """Whether a frame of MP3 begins here, and another where it ends; a tag says so alone."""
    if head.startswith(b"ID3"):
        return True
    if mpeg(head) != "mp3":
        return False
    version, padded = head[1] >> 3 & 3, head[2] >> 1 & 1
    first = version == _MPEG_1
    kilobits = (_KILOBITS_1 if first else _KILOBITS_2)[head[2] >> 4]
    rate = _RATES[head[2] >> 2 & 3] >> {_MPEG_1: 0, 2: 1, 0: 2}[version]
    size = (144 if first else 72) * 1000 * kilobits // rate + padded
    return mpeg(head[size:]) == "mp3"
