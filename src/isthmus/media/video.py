"""Videos: files by PyAV, animated pictures by Pillow, folders of frames.

Whatever it is, some frames are decoded, scaled at once, and put in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from isthmus.core.contracts import Sampling
from isthmus.core.errors import EmptyMediaError, UnsupportedMediaError
from isthmus.core.item import Clip, MediaItem
from isthmus.core.view import IMAGE, VIDEO
from isthmus.media._film import Film
from isthmus.media._flipbook import Animation, FrameFolder
from isthmus.media._libav import opened
from isthmus.media.animated import animated
from isthmus.media.formats import FORMATS
from isthmus.media.frames_folder import is_frames_folder
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.reels import Reel, Size, part_of, times_of
from isthmus.media.sniff import container, head_of
from isthmus.media.streams import check_whole


def decode_video(
    item: MediaItem,
    limits: Limits = DEFAULT,
    *,
    side: int | None = None,
    sampling: Sampling | None = None,
) -> Clip:
    """Decode some frames of a video, upright, in RGB.

    The frames are those shown in the middles of equal parts, or of shots. A file is read as a
    stream, and decoding begins at the last frame before each from which it can.

    Args:
        item: Its ``span`` says which part is meant, in seconds from the beginning.
        limits: Caps past which it is refused. How long it lasts is measured: a header that says
            too much or nothing costs nothing.
        side: The shorter side of frames, in pixels, that the caller needs; larger ones are
            scaled down to it. None for their own size. Frames that have more than ``max_pixels``
            together are smaller.
        sampling: Which frames.

    Returns:
        Frames, when they are shown, and how long the video or its span lasts.

    Raises:
        EmptyMediaError: No frames, in the span or at all, or of a single pixel.
        MediaTooLargeError: Too many bytes, pixels, frames or seconds.
        CorruptMediaError: Truncated, or damaged where a frame is asked for. Other damage is not
            noticed; what comes before it in a damaged file is not used, as with recordings.
        UnsupportedMediaError: Not a video, of a codec that isthmus does not read, or its package
            is missing.
    """
    with reel_of(item, limits) as reel:
        start, stop = part_of(reel, item.span)
        times = times_of(reel, start, stop, sampling or Sampling())
        size = _fitted(reel.size, side, len(times), limits)
        found = list(reel.at(times, size))
    if not found:
        raise EmptyMediaError(item.source, "holds no frames")
    return Clip(
        np.stack([pixels for _, pixels in found]),
        np.array([time for time, _ in found], dtype=np.float64),
        stop - start,
    )


def seconds_of(item: MediaItem, limits: Limits = DEFAULT) -> float:
    """Duration of a video, by the frames that are there; raises what :func:`decode_video` does."""
    with reel_of(item, limits) as reel:
        return reel.end


def shown_size(item: MediaItem, limits: Limits = DEFAULT) -> Size:
    """Width and height of a video as it is shown.

    Raises:
        MediaError: What :func:`decode_video` raises.
    """
    with reel_of(item, limits) as reel:
        return reel.size


@contextmanager
def reel_of(item: MediaItem, limits: Limits) -> Iterator[Reel]:
    """What the frames of an item come from."""
    source = item.source
    if isinstance(item.payload, Path) and is_frames_folder(item.payload):
        yield _checked(FrameFolder(item.payload, source, limits))
        return
    with open_payload(item, limits) as handle:
        kind = container(head_of(handle), source=source)
        form = FORMATS[kind]
        if not form.available:
            raise UnsupportedMediaError(source, form.missing)
        if form.modality == IMAGE and animated(handle):
            yield _checked(Animation(handle, form, source, limits))
            return
        if form.modality != VIDEO:
            raise UnsupportedMediaError(source, f"is not a video but {kind}")
        check_whole(handle, kind, source)
        with opened(handle, kind, source, limits) as (file, begin):
            yield _checked(Film(file, begin, source, limits))


def _checked(reel: Reel) -> Reel:
    if max(reel.size) <= 1:
        raise EmptyMediaError(reel.source, "has only 1×1 pixels")
    return reel


def _fitted(size: Size, side: int | None, count: int, limits: Limits) -> Size:
    """The size of frames: as small as is needed, and no more than may be kept together."""
    width, height = size
    scale = 1.0 if side is None else min(1.0, side / min(size))
    scale = min(scale, math.sqrt(limits.max_pixels / (width * height * max(count, 1))))
    return max(round(width * scale), 1), max(round(height * scale), 1)
