"""One file of each format, encoded here; RAW, which no library writes, from its tags."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import av
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  registers JPEG XL with Pillow
import soundfile
from numpy.typing import NDArray
from PIL import Image

pillow_heif.register_heif_opener()

RATE = 44_100
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
"""Two seconds of 440 Hz."""
SIZE = (160, 96)
"""Of :func:`scene`."""
RED, GREEN, BLUE, GREY = (220, 40, 30), (30, 160, 60), (40, 60, 200), (128, 128, 128)


def scene() -> Image.Image:
    """A colour in each quarter, so that every turn can be told: red, green, blue, grey."""
    picture = Image.new("RGB", SIZE, RED)
    width, height = SIZE[0] // 2, SIZE[1] // 2
    for colour, place in ((GREEN, (width, 0)), (BLUE, (0, height)), (GREY, (width, height))):
        picture.paste(colour, (*place, place[0] + width, place[1] + height))
    return picture


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """EXIF that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size: Sequence[int], depth: int, colour: int, row: bytes, extra: bytes = b"") -> bytes:
    """A PNG of equal rows of raw samples, with further chunks."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    rows = zlib.compress((b"\0" + row) * size[1])
    parts = (chunk(b"IHDR", header), extra, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(tags: dict[int, tuple[int, Sequence[int]]], pixels: bytes, order: str = "<") -> bytes:
    """A TIFF of one strip: tag, then type (1 byte, 3 short, 4 long) and values."""
    return _file([(tags, pixels)], order)


def dng(preview: bytes, size: Sequence[int], orientation: int = 1) -> bytes:
    """A RAW of 64×32 photosites with a JPEG as its preview, as cameras write it."""
    sensor = np.full((32, 64), 2000, dtype="<u2").tobytes()
    main: dict[int, tuple[int, Sequence[int]]] = {
        **{254: (4, [0]), 256: (4, [64]), 257: (4, [32]), 258: (3, [16]), 259: (3, [1])},
        **{262: (3, [32803]), 271: (2, b"isthmus\0"), 272: (2, b"test\0")},
        **{274: (3, [orientation]), 277: (3, [1]), 278: (4, [32]), 284: (3, [1])},
        **{33421: (3, [2, 2]), 33422: (1, [0, 1, 1, 2]), 50706: (1, [1, 4, 0, 0])},
        **{50708: (2, b"isthmus test\0"), 50717: (4, [65535]), 50778: (3, [21])},
        50721: (10, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
    }
    sub: dict[int, tuple[int, Sequence[int]]] = {
        **{254: (4, [1]), 256: (4, [size[0]]), 257: (4, [size[1]]), 258: (3, [8, 8, 8])},
        **{259: (3, [7]), 262: (3, [6]), 277: (3, [3]), 278: (4, [size[1]]), 284: (3, [1])},
    }
    return _file([(main, sensor), (sub, preview)], "<")


def _file(parts: list[tuple[dict[int, tuple[int, Sequence[int]]], bytes]], order: str) -> bytes:
    """Directories of TIFF, the second one below the first, and their strips behind them."""
    offsets, directories = [0] * (2 * len(parts)), [b""] * len(parts)
    for _ in range(2):  # once to learn how long they are
        at = 8
        for number, (tags, strip) in enumerate(parts):
            whole = dict(tags)
            if 324 not in tags:  # it lies in tiles
                whole |= {273: (4, [offsets[len(parts) + number]]), 279: (4, [len(strip)])}
            if number == 0 and len(parts) > 1:
                whole[330] = (4, [offsets[1]])
            offsets[number] = at
            directories[number] = _directory(whole, at, order)
            at += len(directories[number])
        for number, (_, strip) in enumerate(parts):
            offsets[len(parts) + number] = at
            at += len(strip)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    strips = (strip for _, strip in parts)
    return magic + struct.pack(f"{order}I", 8) + b"".join([*directories, *strips])


def _directory(tags: dict[int, tuple[int, Sequence[int]]], at: int, order: str) -> bytes:
    out, extra = struct.pack(f"{order}H", len(tags)), b""
    base = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        letter = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 10: "i"}[kind]
        data = struct.pack(f"{order}{len(values)}{letter}", *values)
        count = len(values) // 2 if kind in (5, 10) else len(values)
        if len(data) > 4:
            place, extra = base + len(extra), extra + data + b"\0" * (len(data) % 2)
            data = struct.pack(f"{order}I", place)
        out += struct.pack(f"{order}HHI", tag, kind, count) + data.ljust(4, b"\0")
    return out + bytes(4) + extra


def sound(
    container: str,
    codec: str,
    samples: NDArray[np.float32] = TONE,
    rate: int = RATE,
    **options: str,
) -> bytes:
    """A recording ``(n,)`` encoded by FFmpeg."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        file.mux([packet for each in (frame, None) for packet in stream.encode(each)])
    return out.getvalue()


def written(samples: NDArray[np.float32], form: str, subtype: str | None = None) -> bytes:
    """A recording ``(n,)`` or ``(n, channels)`` encoded by libsndfile."""
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format=form, subtype=subtype)
    return out.getvalue()


def _picture(form: str, **options: object) -> Callable[[int], bytes]:
    return lambda orientation: saved(scene(), form, exif=turned(orientation), **options)


def _raw(orientation: int) -> bytes:
    return dng(saved(scene(), "JPEG", quality=95, subsampling=0), SIZE, orientation)


PICTURES: dict[str, Callable[[int], bytes]] = {
    "png": _picture("PNG"),
    "jpeg": _picture("JPEG", quality=95, subsampling=0),
    "webp": _picture("WEBP", quality=95),
    "tiff": _picture("TIFF", compression="tiff_lzw"),
    "avif": _picture("AVIF", quality=95),
    "heic": _picture("HEIF", quality=95),
    "raw": _raw,
}
"""By format, the scene as it is stored with an orientation."""
UNTURNED: dict[str, Callable[[], bytes]] = {
    "gif": lambda: saved(scene(), "GIF"),
    "bmp": lambda: saved(scene(), "BMP"),
    "jxl": lambda: saved(scene(), "JXL", lossless=True),
}
"""Formats that EXIF cannot turn: they have none or, JPEG XL, must not heed it."""
SOUNDS: dict[str, Callable[[], bytes]] = {
    "wav": lambda: written(TONE, "WAV"),
    "ogg": lambda: written(TONE, "OGG"),
    "flac": lambda: written(TONE, "FLAC"),
    "mp3": lambda: written(TONE, "MP3"),
    "aiff": lambda: written(TONE, "AIFF"),
    "m4a": lambda: sound("ipod", "aac"),
    "aac": lambda: sound("adts", "aac"),
    "wma": lambda: sound("asf", "wmav2"),
    "mka": lambda: sound("matroska", "aac"),
}
"""By format, :data:`TONE`."""
