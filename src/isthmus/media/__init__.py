"""From paths and bytes to decoded media: what it is, whether it is safe, what is in it.

Decoders run where they are called, so nothing above calls them but the child processes of
:class:`isthmus.pipeline.decoding.DecodeWorkers`. They are imported when the first item of their
modality is decoded.
"""

from __future__ import annotations

from typing import Any

from isthmus.core.contracts import Sampling
from isthmus.core.errors import UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import AUDIO, IMAGE, TEXT, VECTOR, VIDEO
from isthmus.media.limits import DEFAULT, Limits

__all__ = ["DEFAULT", "PLAIN", "REVISION", "Limits", "decode"]

REVISION = 3
"""Of what decoding yields. It goes up when pixels or samples change, so that vectors which were
kept are computed anew. 2: colour profiles, reduced pictures, and all recordings of a file;
3: white drawings on a dark ground, and text in SVG."""

PLAIN = frozenset({TEXT, VECTOR})
"""Modalities without a decoder that could be attacked. A text file is read by Python's own UTF-8
codec, under a cap, in one function: :func:`isthmus.media.text.decode_text`."""


def decode(
    item: MediaItem,
    limits: Limits = DEFAULT,
    *,
    image_side: int | None = None,
    sampling: Sampling | None = None,
) -> Any:
    """Decode one item into what encoders take.

    Args:
        item: What to decode; a vector is handed back as it is. A video whose modality is audio is
            decoded into its sound.
        limits: Caps past which an item is refused.
        image_side: The shorter side, in pixels, that the caller needs at least; a picture may
            then come smaller than it is stored, which is faster. ``None``: full size. The same
            of the frames of a video.
        sampling: Which frames of a video; the default is the default of :class:`Sampling`.

    Returns:
        ``tuple[str, ...]`` for text, a ``PIL.Image.Image`` in RGB for an image, a
        :class:`~isthmus.core.item.Waveform` for audio, a :class:`~isthmus.core.item.Clip` for
        video, ``(dim,)`` float32 for a vector.

    Raises:
        MediaError: One of its subclasses, naming the item and what is wrong with it.

    Examples:
        >>> decode(MediaItem.from_text(" a red kangaroo "))
        ('a red kangaroo',)
    """
    if item.modality == VECTOR:
        return item.payload
    if item.modality == TEXT:
        from isthmus.media.text import decode_text

        return decode_text(item, limits)
    if item.modality == IMAGE:
        from isthmus.media.image import decode_image

        return decode_image(item, limits, target=image_side)
    if item.modality == AUDIO:
        from isthmus.media.audio import decode_audio

        return decode_audio(item, limits)
    if item.modality == VIDEO:
        from isthmus.media.video import decode_video

        return decode_video(item, limits, side=image_side, sampling=sampling or Sampling())
    raise UnsupportedMediaError(
        item.source, f"there is no decoder for {item.modality!r}; give vectors of your own"
    )
