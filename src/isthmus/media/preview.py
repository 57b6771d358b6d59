"""What people see and hear of an item: small pictures, strips of frames, short clips, loudness.

Everything here decodes; the children of :class:`isthmus.pipeline.decoding.DecodeWorkers` call it.
"""

from __future__ import annotations

import io
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.contracts import Sampling
from isthmus.core.errors import EmptyMediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.linalg import F64
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
    shown = np.maximum(np.searchsorted(found.times, middles, side="right") - 1, 0)
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

    if item.modality == VIDEO or _lasts(item, limits) > limits.max_seconds:
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

    It is of a sound or of the sound of a video, or of the span of it. What is longer than
    ``max_seconds`` is decoded a part at a time.

    Raises:
        MediaError: If it is no sound or cannot be decoded.
    """
    seconds = 0.0 if item.span is not None else _lasts(item, limits)
    if seconds > limits.max_seconds:
        peaks = _peaks_by_parts(item, limits, seconds, points)
    else:
        peaks = _peaks(_sound(item, limits), points)
    scaled = np.rint(255 * peaks / max(float(peaks.max(initial=0.0)), 1e-9))
    return scaled.astype(np.uint8).tobytes()


def _peaks(sound: Waveform, points: int) -> F64:
    stretches = np.array_split(np.abs(sound.samples), points)
    return np.array([part.max() for part in stretches if len(part)], dtype=np.float64)


def _peaks_by_parts(item: MediaItem, limits: Limits, seconds: float, points: int) -> F64:
    """The same of a whole recording, of which no more is decoded at once than may be."""
    edges = np.linspace(0.0, seconds, points + 1)
    peaks = np.zeros(points)
    for places in np.array_split(np.arange(points), 2 * math.ceil(seconds / limits.max_seconds)):
        if len(places):
            span = float(edges[places[0]]), float(edges[places[-1] + 1])
            with suppress(EmptyMediaError):  # silence, or less than a header promised
                found = _peaks(_sound(replace(item, span=span), limits), len(places))
                peaks[places[: len(found)]] = found
    return peaks


def _lasts(item: MediaItem, limits: Limits) -> float:
    """Seconds of the sound of a whole item."""
    from isthmus.media.audio import seconds_of

    return seconds_of(_heard(item), limits)


def _heard(item: MediaItem) -> MediaItem:
    if item.modality not in (AUDIO, VIDEO):
        raise UnsupportedMediaError(
            item.source, f"is {item.modality}; only sounds have a loudness curve"
        )
    return replace(item, modality=AUDIO)


def _sound(item: MediaItem, limits: Limits) -> Waveform:
    from isthmus.media.audio import decode_audio

    return decode_audio(_heard(item), limits)


def _webp(picture: Picture) -> tuple[bytes, int, int]:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=72, method=4)
    return out.getvalue(), picture.width, picture.height
