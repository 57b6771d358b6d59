"""What people see and hear of an item: small pictures, strips of frames, short clips, loudness.

Everything here decodes; the children of :class:`isthmus.pipeline.decoding.DecodeWorkers` call it.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.contracts import Sampling
from isthmus.core.errors import UnsupportedMediaError
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.view import AUDIO, IMAGE, VIDEO
from isthmus.media.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

CLIP_RATE = 16_000
"""Samples a second of a clip."""


def small(item: MediaItem, limits: Limits = DEFAULT, *, side: int) -> Picture:
    """A picture in RGB whose longer side is at most ``side`` pixels.

    Args:
        item: A picture; or a video, whose middle frame it is, or that of its span.
        limits: Caps on it.
        side: The longer side, in pixels.

    Raises:
        MediaError: If it is neither, or cannot be decoded.
    """
    from PIL import Image

    if item.modality == VIDEO:
        from isthmus.media.video import decode_video

        found = decode_video(item, limits, side=side, sampling=Sampling(frames=1))
        picture = Image.fromarray(found.frames[0], "RGB")
    elif item.modality == IMAGE:
        from isthmus.media.image import decode_image

        picture = decode_image(item, limits, target=side)
    else:
        raise UnsupportedMediaError(
            item.source, f"is {item.modality}; only pictures and videos have a thumbnail"
        )
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def thumbnail(item: MediaItem, limits: Limits = DEFAULT, *, side: int) -> tuple[bytes, int, int]:
    """The same as WebP, with its width and height; raises what :func:`small` raises."""
    return _webp(small(item, limits, side=side))


def strip(
    item: MediaItem, limits: Limits = DEFAULT, *, frames: int, side: int
) -> tuple[bytes, int, int]:
    """Frames of a video side by side, as one WebP with its width and height.

    Frame ``i`` is the one shown in the middle of the ``i``-th of ``frames`` equal parts of the
    video, or of its span; a video that has fewer frames shows some of them twice.

    Args:
        item: A video.
        limits: Caps on it.
        frames: How many.
        side: The longer side of one frame, in pixels.

    Raises:
        MediaError: If it is no video, or cannot be decoded.
    """
    from PIL import Image

    from isthmus.media.video import decode_video

    if item.modality != VIDEO:
        raise UnsupportedMediaError(item.source, f"is {item.modality}; only videos have a strip")
    found = decode_video(item, limits, side=side, sampling=Sampling(frames=frames))
    start = 0.0 if item.span is None else item.span[0]
    middles = start + (np.arange(frames) + 0.5) * found.seconds / frames
    shown = np.abs(found.times[None] - middles[:, None]).argmin(axis=1)
    cells = [Image.fromarray(found.frames[i], "RGB") for i in shown]
    for cell in cells:
        cell.thumbnail((side, side), Image.Resampling.LANCZOS)
    width, height = cells[0].size
    whole = Image.new("RGB", (width * frames, height))
    for place, cell in enumerate(cells):
        whole.paste(cell, (place * width, 0))
    return _webp(whole)


def aspect(item: MediaItem, limits: Limits = DEFAULT) -> float:
    """Width over height of a picture, from its header alone, or of a video as it is shown.

    Raises:
        MediaError: If it has no fixed size, or its header is damaged.
    """
    if item.modality == VIDEO:
        from isthmus.media.video import shown_size as size
    else:
        from isthmus.media.image import shown_size as size

    width, height = size(item, limits)
    return round(width / height, 4)


def clip(
    item: MediaItem, limits: Limits = DEFAULT, *, seconds: float, compression: float | None = None
) -> bytes:
    """The first seconds of a sound as Ogg, at :data:`CLIP_RATE`.

    Args:
        item: A sound, or a video that has one; of its span, where it has a span.
        limits: Caps on it.
        seconds: How much of it.
        compression: 0 to 1, more is smaller; None for the usual.

    Raises:
        MediaError: If it is no sound or cannot be decoded.
    """
    import soundfile

    from isthmus.media.audio import resample

    if item.modality == VIDEO:  # which may be longer than a recording may be
        start, stop = item.span or (0.0, math.inf)
        item = replace(item, span=(start, min(stop, start + seconds)))
    sound = _sound(item, limits)
    cut = Waveform(sound.samples[: int(seconds * sound.rate)], sound.rate)
    out = io.BytesIO()
    subtype = "OPUS" if "OPUS" in soundfile.available_subtypes("OGG") else "VORBIS"
    soundfile.write(
        out,
        resample(cut, CLIP_RATE).samples,
        CLIP_RATE,
        format="OGG",
        subtype=subtype,
        compression_level=compression,
    )
    return out.getvalue()


def loudness(item: MediaItem, limits: Limits = DEFAULT, *, points: int) -> bytes:
    """The largest deviation in each of so many stretches, as a share of the largest, 0…255.

    It is of a sound or of the sound of a video, or of the span of it.

    Raises:
        MediaError: If it is no sound or cannot be decoded.
    """
    samples = np.abs(_sound(item, limits).samples)
    stretches = [part.max() for part in np.array_split(samples, points) if len(part)]
    peaks = np.array(stretches, dtype=np.float64)
    scaled = np.rint(255 * peaks / max(float(peaks.max(initial=0.0)), 1e-9))
    return scaled.astype(np.uint8).tobytes()


def _sound(item: MediaItem, limits: Limits) -> Waveform:
    from isthmus.media.audio import decode_audio

    if item.modality not in (AUDIO, VIDEO):
        raise UnsupportedMediaError(
            item.source, f"is {item.modality}; only sounds have a loudness curve"
        )
    return decode_audio(replace(item, modality=AUDIO), limits)


def _webp(picture: Picture) -> tuple[bytes, int, int]:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=72, method=4)
    return out.getvalue(), picture.width, picture.height
