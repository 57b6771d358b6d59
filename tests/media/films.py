"""Videos encoded here, whose frames say which they are."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isthmus.core.item import MediaItem

SIZE = (96, 64)
"""Width and height of :func:`numbered`."""
RATE = 25
_BITS = 12


def numbered(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A frame that says its number: bars, black or white, of 12 bits."""
    width, height = size
    bits = [255 * (number >> bit & 1) for bit in range(_BITS)]
    row = np.repeat(np.array(bits, dtype=np.uint8), width // _BITS)
    return np.broadcast_to(row[None, :, None], (height, len(row), 3)).copy()


def number_of(pixels: NDArray[np.uint8]) -> int:
    """The number of a frame, at any size."""
    bars = np.array_split(np.arange(pixels.shape[1]), _BITS)
    levels = [pixels[:, bar[len(bar) // 4 : len(bar) - len(bar) // 4]].mean() for bar in bars]
    return sum((level > 127) << bit for bit, level in enumerate(levels))


@dataclass(frozen=True)
class Recipe:
    """How a video is made.

    Attributes:
        container: FFmpeg's name.
        codec: FFmpeg's name.
        pixels: Of the encoded frames.
        key_every: Frames.
        delayed: Frames that are stored before those that are shown earlier.
        options: Of the container.
        settings: Of the codec.
    """

    container: str = "mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    key_every: int = 50
    delayed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


RECIPES = {
    "mp4": Recipe(delayed=2),
    "fragmented mp4": Recipe(
        delayed=2, options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ),
    "mov": Recipe("mov", "mpeg4", delayed=1),
    "matroska": Recipe("matroska", "libx264", delayed=2),
    "webm": Recipe("webm", "libvpx"),
    "webm of a browser": Recipe("matroska", "libvpx-vp9", options={"live": "1"}),
    "avi": Recipe("avi", "mpeg4"),
    "motion jpeg": Recipe("avi", "mjpeg", "yuvj420p"),
    "mpegts": Recipe("mpegts", "libx264", delayed=2),
    "mpeg": Recipe("mpeg", "mpeg2video", delayed=1),
    "wmv": Recipe("asf", "wmv2"),
    "av1": Recipe("mp4", "libsvtav1", settings={"svtav1-params": "lp=1", "preset": "12"}),
    "hevc": Recipe(
        "mp4", "libx265", settings={"x265-params": "log-level=0:pools=1", "preset": "ultrafast"}
    ),
}

KINDS = {"mp4": "mp4", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts"}
KINDS |= {"mpeg": "mpeg", "wmv": "wmv"}
"""By kind of file, as :mod:`isthmus.media.formats` calls it, a recipe of it."""


def film(
    frames: Iterable[NDArray[np.uint8]],
    recipe: Recipe = Recipe(),
    *,
    rate: int = RATE,
    at: Sequence[float] | None = None,
    sound: NDArray[np.float32] | None = None,
    sound_at: float = 0.0,
    sound_codec: str = "aac",
    prepare: Callable[[Any], None] = lambda stream: None,
    tag: Callable[[Any], None] = lambda frame: None,
) -> bytes:
    """A video.

    Args:
        frames: ``(height, width, 3)``.
        recipe: How it is made.
        rate: Frames a second.
        at: When each frame is shown, in seconds, on a clock of milliseconds; default: by rate.
        sound: Samples at 48,000 Hz.
        sound_at: When it begins, in seconds.
        sound_codec: FFmpeg's name.
        prepare: Sets up the stream.
        tag: Sets up each frame.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=recipe.container, options=dict(recipe.options)) as file:
        stream, heard = None, None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = file.add_stream(recipe.codec, rate=rate, options=dict(recipe.settings))
                stream.width, stream.height = pixels.shape[1], pixels.shape[0]
                stream.pix_fmt = recipe.pixels
                stream.codec_context.gop_size = recipe.key_every
                stream.codec_context.max_b_frames = recipe.delayed
                if at is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
                prepare(stream)
                if sound is not None:
                    heard = file.add_stream(sound_codec, rate=48_000, layout="mono")
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            tag(frame)
            frame.time_base = Fraction(1, rate) if at is None else Fraction(1, 1000)
            frame.pts = number if at is None else round(at[number] * 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if heard is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            block.sample_rate, block.time_base = 48_000, Fraction(1, 48_000)
            block.pts = round(sound_at * 48_000)
            file.mux([packet for each in (block, None) for packet in heard.encode(each)])
    return out.getvalue()


def count(frames: int, recipe: Recipe = Recipe(), **options: Any) -> MediaItem:
    """A video of so many numbered frames."""
    return video(film(map(numbered, range(frames)), recipe, **options))


def video(data: bytes, span: tuple[float, float] | None = None) -> MediaItem:
    """An item of it."""
    made = MediaItem.from_bytes(data, "video", source="film.bin")
    return MediaItem(made.id, "video", made.source, data, span)


def pictures(numbers: Iterable[int]) -> list[Image.Image]:
    """Numbered frames as pictures."""
    return [Image.fromarray(numbered(number)) for number in numbers]
