"""What people see and hear of an item: small pictures, short clips, curves of loudness.

Everything here decodes; the children of :class:`isthmus.pipeline.decoding.DecodeWorkers` call it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.errors import UnsupportedMediaError
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.view import AUDIO, IMAGE
from isthmus.media.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

CLIP_RATE = 16_000
"""Samples a second of a clip."""


def small(item: MediaItem, limits: Limits = DEFAULT, *, side: int) -> Picture:
    """A picture in RGB whose longer side is at most ``side`` pixels.

    Raises:
        MediaError: If it is no picture or cannot be decoded.
    """
    from PIL import Image

    from isthmus.media.image import decode_image

    if item.modality != IMAGE:
        raise UnsupportedMediaError(
            item.source, f"is {item.modality}; only pictures have a thumbnail"
        )
    picture = decode_image(item, limits, target=side)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def thumbnail(item: MediaItem, limits: Limits = DEFAULT, *, side: int) -> tuple[bytes, int, int]:
    """The same as WebP, with its width and height; raises what :func:`small` raises."""
    picture = small(item, limits, side=side)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=72, method=4)
    return out.getvalue(), picture.width, picture.height


def aspect(item: MediaItem, limits: Limits = DEFAULT) -> float:
    """Width over height of a picture as it is shown, from its header alone.

    Raises:
        MediaError: If it is no picture of fixed size, or its header is damaged.
    """
    from isthmus.media.image import shown_size

    width, height = shown_size(item, limits)
    return round(width / height, 4)


def clip(
    item: MediaItem, limits: Limits = DEFAULT, *, seconds: float, compression: float | None = None
) -> bytes:
    """The first seconds of a sound as Ogg, at :data:`CLIP_RATE`.

    Args:
        item: A sound.
        limits: Caps on it.
        seconds: How much of it.
        compression: 0 to 1, more is smaller; None for the usual.

    Raises:
        MediaError: If it is no sound or cannot be decoded.
    """
    import soundfile

    from isthmus.media.audio import resample

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

    if item.modality != AUDIO:
        raise UnsupportedMediaError(
            item.source, f"is {item.modality}; only sounds have a loudness curve"
        )
    return decode_audio(item, limits)
