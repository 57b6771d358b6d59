"""What only FFmpeg reads, by PyAV: videos, and sound in M4A, AAC, WMA and in videos.

FFmpeg guesses formats, follows playlists and opens addresses. Here it does none of that: the
demuxer is named, it reads one open file, no protocol is allowed, nothing else is opened, and so
few codecs are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    UnsupportedMediaError,
)
from isthmus.core.linalg import F32
from isthmus.media.limits import DEFAULT, Limits

AvObject = Any
"""A container, a stream, a packet or a frame of PyAV, whose own types change between releases."""

DEMUXERS = {
    **{"m4a": "mov", "aac": "aac", "wma": "asf", "mp4": "mov", "matroska": "matroska"},
    **{"mka": "matroska", "avi": "avi", "theora": "ogg", "mpegts": "mpegts", "mpeg": "mpeg"},
    **{"wmv": "asf"},
}
"""By kind of file, the one demuxer that reads it."""
VIDEO_CODECS = frozenset(
    {
        *("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9"),
        *("mpeg4", "mpeg1video", "mpeg2video", "h263", "theora", "mjpeg", "prores", "dnxhd"),
        *("ffv1", "huffyuv", "ffvhuff", "rawvideo", "png", "qtrle", "dvvideo", "cinepak"),
        *("wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v2", "msmpeg4"),
    }
)
_CODECS = frozenset(
    {
        *("aac", "aac_latm", "alac", "flac", "mp3", "mp3float", "opus", "vorbis"),
        *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
        *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le", "pcm_f32be"),
    }
)
_OF_VIDEOS = _CODECS | {"ac3", "eac3", "mp2", "mp2float", "pcm_u8", "pcm_alaw", "pcm_mulaw"}
"""Sound of films has codecs that recordings on their own are not made with."""
_SOUND_ALONE = ("m4a", "aac", "wma", "mka")
_TAIL = 2.0
"""Seconds before the last packet that is found that are looked at once more."""
_SETTLE = 0.5
"""Seconds that a lossy codec is given to settle after a jump."""


class Reading(Protocol):
    """How far a recording is read, and what it may still cost."""

    source: str
    at: int

    def wanted(self, rate: int) -> tuple[int, float]:
        """First frame that is asked for, and the one behind the last."""
        ...

    def check(self, frames: int, rate: int, channels: int) -> None:
        """Refuse what is too large."""
        ...


@contextmanager
def opened(
    handle: BinaryIO, kind: str, source: str, limits: Limits = DEFAULT
) -> Iterator[tuple[AvObject, float]]:
    """Open a file for FFmpeg, so that it reads nothing else.

    Args:
        handle: The file.
        kind: One of :data:`DEMUXERS`.
        source: What the user knows it by.
        limits: ``max_frame_pixels`` holds while the file is looked at, too.

    Yields:
        ``av.container.InputContainer``, and the time at which it begins, in seconds.

    Raises:
        CorruptMediaError: If it is damaged, also where that shows inside the block.
    """
    import av

    options = {
        "protocol_whitelist": "none",
        "codec_whitelist": ",".join(sorted(VIDEO_CODECS | _OF_VIDEOS)),
        "max_pixels": str(limits.max_frame_pixels),
        "threads": "1",
    }
    try:
        with av.open(
            handle,
            format=DEMUXERS[kind],
            options=options,
            metadata_errors="replace",
            io_open=_refuse,
        ) as container:
            yield container, (container.start_time or 0) / av.time_base
    except MediaError:
        raise
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorruptMediaError(source, f"cannot be decoded ({reason})") from error


def blocks(handle: BinaryIO, kind: str, reading: Reading) -> Iterator[tuple[F32, int]]:
    """Decode the first sound of a file, frame by frame; of a video, from where it is asked for.

    Args:
        handle: The file.
        kind: One of :data:`DEMUXERS`.
        reading: It is asked to check the frames, rate and channels that the header declares,
            before anything is decoded. Of a video, the frame that comes next is set: times count
            from its beginning, so sound that begins later has silence before it.

    Yields:
        Samples ``(n, channels)`` float32 and their rate in Hz.

    Raises:
        CorruptMediaError: If it is damaged.
        UnsupportedMediaError: If it has no sound, or its codec is none of those allowed.
    """
    with opened(handle, kind, reading.source) as (container, begin):
        stream = _sound_of(container, kind, reading.source)
        rate = int(stream.sample_rate or 0)
        length = stream.duration * stream.time_base if stream.duration else 0
        reading.check(int(length * rate), rate, int(stream.channels or 0))
        if kind in _SOUND_ALONE:
            for frame in container.decode(stream):
                yield _samples(frame), frame.sample_rate
            return
        fresh = True
        since = reading.wanted(rate)[0] / rate
        for frame in _from(container, stream, reading.source, begin, since):
            samples = _samples(frame)
            if fresh:
                fresh = False
                first, place = reading.wanted(rate)[0], round((frame.time - begin) * rate)
                reading.at = max(min(place, first), 0)
                if place > first:  # it begins later than the pictures
                    reading.check(place, rate, samples.shape[1])
                    silence = np.zeros((place - first, samples.shape[1]), dtype=np.float32)
                    yield silence, frame.sample_rate
            yield samples, frame.sample_rate


def decoded(container: AvObject, stream: AvObject, source: str, begin: float) -> Iterator[AvObject]:
    """Frames from where a file stands.

    Packets that come before the first whole frame may be damaged, as behind a jump, or in a
    recording that began in the middle of a broadcast. So may the last frame, where a broadcast was
    cut: then the one before it is the last.

    Args:
        container: From :func:`opened`.
        stream: Of it.
        source: What the user knows it by.
        begin: When the file begins, in seconds of its own clock.

    Raises:
        CorruptMediaError: If what comes later is damaged; it says where.
    """
    import av

    whole = False
    damage: CorruptMediaError | None = None
    for packet in container.demux(stream):
        if damage is not None and packet.size:
            raise damage
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if whole:
                damage = _damaged(packet, source, begin, f" ({error.strerror})")
            continue
        for frame in frames:
            if frame.is_corrupt and whole:
                if not packet.size:  # nothing is stored behind it
                    return
                damage = damage or _damaged(packet, source, begin)
            if frame.is_corrupt or frame.time is None:
                continue
            if damage is not None:
                raise damage
            whole = True
            yield frame


def _damaged(packet: AvObject, source: str, begin: float, said: str = "") -> CorruptMediaError:
    stamp = packet.dts if packet.pts is None else packet.pts
    place = "" if stamp is None else f" at {float(stamp * packet.time_base) - begin:.1f} s"
    return CorruptMediaError(source, f"is damaged{place}{said}")


def sound_end(handle: BinaryIO, kind: str, source: str) -> float:
    """When the sound of a video ends, in seconds from the beginning of the video.

    Raises:
        UnsupportedMediaError: If it has no sound, or its codec is none of those allowed.
    """
    with opened(handle, kind, source) as (container, begin):
        end = last_end(container, _sound_of(container, kind, source))
        if end is None:
            raise EmptyMediaError(source, "holds no sound, its duration is zero")
        return end - begin


def last_end(container: AvObject, stream: AvObject, most: int = 2**62) -> float | None:
    """When the last packet of a stream ends, by the packets that are there; None without any.

    Args:
        container: Open; it is left near the end.
        stream: Of it.
        most: Packets that may be looked at.

    Raises:
        OverflowError: If there are more.
    """
    end = _end_from(container, stream, 2**62, most)
    if end is None:
        return _end_from(container, stream, 0, most)
    # They are stored out of order, and some jumps go to the very last one.
    again = _end_from(container, stream, int((end - _TAIL) / stream.time_base), most)
    return max(end, again or end)


def filled(container: AvObject, stream: AvObject) -> Iterator[AvObject]:
    """Packets of a stream from where a file stands, with times or without."""
    return (packet for packet in container.demux(stream) if packet.size)


def _end_from(container: AvObject, stream: AvObject, ticks: int, most: int) -> float | None:
    """When the last packet behind a time ends; None where no jump leads to one."""
    import av

    try:
        container.seek(ticks, stream=stream)
    except (av.FFmpegError, OSError):
        return None
    end: float | None = None
    for count, packet in enumerate(container.demux(stream)):
        if count > most:
            raise OverflowError
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and packet.size:
            last = float((stamp + (packet.duration or 0)) * packet.time_base)
            end = last if end is None else max(end, last)
    return end


def _refuse(url: str, flags: int, options: AvObject) -> AvObject:
    """Whatever a file refers to is not opened."""
    raise PermissionError(13, "it refers to another file")


def _sound_of(container: AvObject, kind: str, source: str) -> AvObject:
    """The sound that is decoded."""
    if not container.streams.audio:
        raise UnsupportedMediaError(source, "holds no sound that can be decoded")
    stream = container.streams.audio[0]
    codec = stream.codec_context.name
    if codec not in (_CODECS if kind in _SOUND_ALONE else _OF_VIDEOS):
        raise UnsupportedMediaError(source, f"holds sound of the codec {codec}; use AAC")
    return stream


def _from(
    container: AvObject, stream: AvObject, source: str, begin: float, since: float
) -> Iterator[AvObject]:
    """Frames of a sound from shortly before a time, or from the beginning."""
    if since > 2 * _SETTLE:
        container.seek(int((begin + since - _SETTLE) / stream.time_base), stream=stream)
        frames = decoded(container, stream, source, begin)
        first = next(frames, None)
        if first is not None and first.time - begin <= since:
            yield first
            yield from frames
            return
        container.seek(int(begin / stream.time_base), stream=stream)  # the jump went too far
    yield from decoded(container, stream, source, begin)


def _samples(frame: AvObject) -> F32:
    """Samples of a frame, ``(n, channels)`` in −1…1."""
    values = frame.to_ndarray()
    channels = len(frame.layout.channels)
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "u":
        values = values.astype(np.float32) - 128
        return np.asarray(values / 128, dtype=np.float32)
    if values.dtype.kind == "i":
        full = float(-np.iinfo(values.dtype).min)
        return np.asarray(values / full, dtype=np.float32)
    return np.asarray(values, dtype=np.float32)
