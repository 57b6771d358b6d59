"""Videos: some of their frames, by PyAV, from a file that is read as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.core.contracts import Sampling
from isthmus.core.errors import CorruptMediaError, EmptyMediaError, UnsupportedMediaError
from isthmus.core.item import Clip, MediaItem
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import container, head_of

_DEMUXERS = {"mp4": "mov", "matroska": "matroska", "avi": "avi", "theora": "ogg"}
_OPTIONS = {"protocol_whitelist": "none"}


def decode_video(
    item: MediaItem,
    limits: Limits = DEFAULT,
    *,
    side: int | None = None,
    sampling: Sampling | None = None,
) -> Clip:
    """Decode some frames of a video.

    Args:
        item: Its ``span`` says which part is meant.
        limits: Caps past which it is refused.
        side: The shorter side of frames, in pixels, that the caller needs at least; None for their
            own size.
        sampling: Which frames.

    Raises:
        MediaError: One of its subclasses, naming the item and what is wrong with it.
    """
    import av

    wanted = sampling or Sampling()
    with open_payload(item, limits) as handle:
        kind = container(head_of(handle), source=item.source)
        if kind not in _DEMUXERS:
            raise UnsupportedMediaError(item.source, f"holds {kind}, need a video")
        try:
            with av.open(handle, format=_DEMUXERS[kind], options=_OPTIONS) as file:
                times, frames = _all(file, item, side)
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CorruptMediaError(item.source, f"cannot be decoded ({reason})") from error
    if not frames:
        raise EmptyMediaError(item.source, "holds no frames")
    chosen = np.unique(np.linspace(0, len(frames) - 1, wanted.frames).round().astype(int))
    seconds = float(times[-1] - times[0])
    return Clip(np.stack([frames[i] for i in chosen]), np.asarray(times)[chosen], seconds)


def shown_size(item: MediaItem, limits: Limits = DEFAULT) -> tuple[int, int]:
    """Width and height of a video as it is shown, from its header.

    Raises:
        MediaError: If it is no video, or its header is damaged.
    """
    import av

    with open_payload(item, limits) as handle:
        kind = container(head_of(handle), source=item.source)
        if kind not in _DEMUXERS:
            raise UnsupportedMediaError(item.source, f"holds {kind}, need a video")
        try:
            with av.open(handle, format=_DEMUXERS[kind], options=_OPTIONS) as file:
                stream = file.streams.video[0]
                return int(stream.width), int(stream.height)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            raise CorruptMediaError(item.source, f"cannot be decoded ({error})") from error


def _all(file: Any, item: MediaItem, side: int | None) -> tuple[list[float], list[Any]]:
    start, stop = item.span or (0.0, float("inf"))
    times, frames = [], []
    for frame in file.decode(video=0):
        if start <= (time := float(frame.time or 0.0)) < stop:
            scale = 1.0 if side is None else min(1.0, side / min(frame.width, frame.height))
            size = (round(frame.width * scale), round(frame.height * scale))
            times.append(time)
            frames.append(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))
    return times, frames
