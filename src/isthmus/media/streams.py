"""Where recordings begin and end inside a file, which decoders do not tell.

libsndfile and FFmpeg play whatever part of a file is there, and libsndfile stops at the end of the
first of several recordings that were put one behind the other. So this is own code: it reads the
lengths in headers and decodes nothing. Its time is linear in the size of the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import BinaryIO, Literal

from isthmus.core.errors import CorruptMediaError
from isthmus.media.beginning import HEAD_BYTES, tag_size
from isthmus.media.ebml import segment_end

_PLACEHOLDER = 0x7FFF0000
"""From here on, the length of a WAV is no length: it is what arecord, SoX and FFmpeg write before
they know it. :class:`isthmus.media.Limits` refuses files of such a size anyway."""
_SEE_DS64 = 0xFFFFFFFF
"""The length of what is longer than a WAV of 32 bits can say: an RF64 says it before."""
_MP3_TABLE = re.compile(
    rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef].(?:\0{9}|\0{11}|\0{17}|\0{19}|\0{32}|\0{34})"
    rb"(?:(?:Xing|Info)...(.)(.{8})|VBRI)",
    re.DOTALL,
)
"""A first frame of MP3 that holds a table instead of sound: header, maybe a checksum, side
information of a size that depends on version and channels, a name, and flags that say which of the
counts of frames and of bytes follow."""
_FRAMES, _BYTES = 1, 2
_MP3_SYNC = (b"\xe2", b"\xe3", b"\xf2", b"\xf3", b"\xfa", b"\xfb")
_ALL = frozenset({b"moov", b"mdat"})
"""Boxes of an MP4 without which nothing is seen or heard."""
_OF_SAMPLES = _ALL | {b"moof", b"styp", b"sidx", b"ftyp", b"imda"}
"""Those, and boxes with which a further part of it begins."""
_FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")


def starts(data: bytes, kind: str) -> list[int]:
    """Where each recording of a file begins; several were put one behind the other.

    Args:
        data: The file.
        kind: As :func:`isthmus.media.sniff.container` names it.

    Returns:
        Ascending byte offsets, the first is 0.
    """
    find: dict[str, Callable[[bytes], Iterator[int]]] = {
        "mp3": _mp3_starts,
        "flac": lambda data: (found.start() for found in _FLAC_START.finditer(data)),
        "ogg": _ogg_starts,
        "wav": _wav_starts,
    }
    offsets = list(find[kind](data)) if kind in find else []
    # What stands before the first, such as tags, belongs to it.
    return [0, *offsets[1:]]


def counts_frames(data: bytes) -> bool:
    """Whether an MP3 begins with a table that says how many frames it has."""
    found = _MP3_TABLE.search(data)
    if found is None or found.start() > _first_frame(data):
        return False
    return found[1] is None or bool(found[1][0] & _FRAMES)


def declared_end(data: bytes, kind: str) -> int:
    """Where a file ends by its own lengths; more than it has where it is truncated."""
    walk: dict[str, Callable[[bytes], int]] = {
        "wav": _end_of_wav,
        "aiff": _end_of_aiff,
        "ogg": _end_of_ogg,
        "aac": _end_of_adts,
        "m4a": lambda data: _end_of_boxes(io.BytesIO(data)),
        "wma": _end_of_asf,
        "mka": lambda data: segment_end(data[:HEAD_BYTES]) or len(data),
    }
    return walk[kind](data) if kind in walk else len(data)


def check_whole(handle: BinaryIO, kind: str, source: str) -> None:
    """Refuse a video that ends before it says; it is not read whole, and left at its beginning."""
    size = end = handle.seek(0, 2)
    handle.seek(0)
    if kind == "mp4":
        end = _end_of_boxes(handle)
    elif kind == "avi":
        end = _end_of_riffs(handle)
    elif kind == "matroska":
        end = segment_end(handle.read(HEAD_BYTES)) or size
    handle.seek(0)
    if end > size:
        raise CorruptMediaError(source, f"is truncated: {size:,} of {end:,} bytes are there")


def with_length(data: bytes) -> bytes:
    """A WAV whose header says 0 bytes of samples, with the length that the file has.

    A BW64 is called RF64, as what libsndfile reads of it was called before it had a standard.
    """
    if data[:4] == b"BW64":
        return b"RF64" + data[4:]
    found = _wav_samples(data)
    if found is None or data[:4] != b"RIFF":
        return data
    at, length = found
    whole = int.from_bytes(data[4:8], "little") + 8 == len(data)
    if length or whole or at >= len(data):
        return data
    size = (len(data) - at).to_bytes(4, "little")
    return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8 : at - 4] + size + data[at:]


def _mp3_starts(data: bytes) -> Iterator[int]:
    """Where tables are, and what stands behind the bytes that a table counts."""
    tables = list(_MP3_TABLE.finditer(data))
    if tables and tables[0].start() > _first_frame(data):
        yield 0
    for found, following in zip_longest(tables, tables[1:]):
        yield found.start()
        if found[1] is None or not found[1][0] & _BYTES:
            continue
        at = 4 * (found[1][0] & _FRAMES)
        end = found.start() + int.from_bytes(found[2][at : at + 4], "big")
        limit = len(data) if following is None else following.start()
        frame = data[end : end + 1] == b"\xff" and data[end + 1 : end + 2] in _MP3_SYNC
        tag = data[end : end + 3] == b"ID3"
        if tag and end + 10 + tag_size(data[end : end + 10]) == limit:
            continue  # the tag of the recording that follows
        if found.end() < end < limit and (frame or tag):
            yield end


def _first_frame(data: bytes) -> int:
    """Where the first frame of an MP3 is, behind its tags."""
    at = 0
    while data[at : at + 3] == b"ID3":
        at += 10 + tag_size(data[at : at + 10])
    return max(data.find(b"\xff", at), at)


def _wav_samples(data: bytes) -> tuple[int, int] | None:
    """Where the samples of a WAV begin, and how many bytes of them the header declares."""
    if data[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return None
    order: Literal["little", "big"] = "big" if data[:4] == b"RIFX" else "little"
    at, long = 12, None
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], order)
        if data[at : at + 4] == b"ds64":
            long = int.from_bytes(data[at + 16 : at + 24], order)
        if data[at : at + 4] == b"data":
            return at + 8, long if long is not None and length == _SEE_DS64 else length
        at += 8 + length + length % 2
    return None


def _end_of_wav(data: bytes) -> int:
    found = _wav_samples(data)
    long = data[:4] in (b"RF64", b"BW64")
    if found is None or found[1] == 0 or (found[1] >= _PLACEHOLDER and not long):
        return len(data)
    return sum(found)


def _wav_starts(data: bytes) -> Iterator[int]:
    at = 0
    while data[at : at + 4] == b"RIFF" and data[at + 8 : at + 12] == b"WAVE":
        yield at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2


def _end_of_aiff(data: bytes) -> int:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"SSND":
            return len(data) if length in (0, 0xFFFFFFFF) else at + 8 + length
        at += 8 + length + length % 2
    return at


def _pages(data: bytes) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each Ogg page, and whether a stream begins with it."""
    at = 0
    while data[at : at + 4] == b"OggS":
        head = data[at : at + 27]
        end = at + 27
        if len(head) == 27:
            end += head[26] + sum(data[at + 27 : at + 27 + head[26]])
        yield at, end, len(head) > 5 and bool(head[5] & 2)
        at = end


def _end_of_ogg(data: bytes) -> int:
    """The end of the last page; whatever follows the pages is not ours to judge."""
    return max(len(data), *(end for _, end, _ in _pages(data)), 0)


def _ogg_starts(data: bytes) -> Iterator[int]:
    """Streams that begin together are one recording, so a beginning behind sound is the next."""
    heard = True
    for at, _, begins in _pages(data):
        if begins and heard:
            yield at
        heard = not begins


def _end_of_adts(data: bytes) -> int:
    at = 0
    while data[at : at + 1] == b"\xff" and at + 7 <= len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if length < 7:
            break
        at += length
    return max(at, len(data))


def _end_of_boxes(handle: BinaryIO) -> int:
    """The end of the last box of an MP4; a last box of length 0 reaches to the end.

    Where the table and the samples are whole, what follows and is no box of them may be anything.
    """
    size, at = handle.seek(0, 2), 0
    whole: set[bytes] = set()
    while at + 8 <= size:
        handle.seek(at)
        head = handle.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            break
        if at + length > size and whole >= _ALL and head[4:8] not in _OF_SAMPLES:
            break
        whole.add(head[4:8])
        at += length
    return max(at, size)


def _end_of_riffs(handle: BinaryIO) -> int:
    """The end of the last part of an AVI; a length of 0 is what a crash leaves."""
    size, at, end = handle.seek(0, 2), 0, 0
    while at + 8 <= size:
        handle.seek(at)
        head = handle.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or not length:
            break
        end = at + 8 + length
        at = end + length % 2
    return max(end, size)


def _end_of_asf(data: bytes) -> int:
    """The end of the last object; a length of less than its head means that it is not known."""
    at = 0
    while at + 24 <= len(data):
        length = int.from_bytes(data[at + 16 : at + 24], "little")
        if length < 24:
            break
        at += length
    return max(at, len(data))
