"""Recordings that only FFmpeg reads, by PyAV: M4A, AAC and WMA.

FFmpeg guesses formats, follows playlists and opens addresses. Here it does none of that: the
demuxer is named, it reads one buffer in memory, no protocol is allowed, and so few codecs are.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from isthmus.core.errors import CorruptMediaError, MediaError, UnsupportedMediaError
from isthmus.core.linalg import F32

_DEMUXERS = {"m4a": "mov", "aac": "aac", "wma": "asf"}
_CODECS = frozenset(
    {
        *("aac", "aac_latm", "alac", "flac", "mp3", "mp3float", "opus", "vorbis"),
        *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
        *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le", "pcm_f32be"),
    }
)
_OPTIONS = {"protocol_whitelist": "none"}
Check = Callable[[int, int, int], None]


def blocks(data: bytes, kind: str, source: str, check: Check) -> Iterator[tuple[F32, int]]:
    """Decode the first sound of a file, frame by frame.

    Args:
        data: The file.
        kind: ``"m4a"``, ``"aac"`` or ``"wma"``.
        source: What the user knows it by.
        check: Called with frames, rate and channels: those that the header declares, before
            anything is decoded; it refuses what is too large.

    Yields:
        Samples ``(n, channels)`` float32 and their rate in Hz.

    Raises:
        CorruptMediaError: If it is damaged.
        UnsupportedMediaError: If its codec is none of those allowed.
    """
    import av

    try:
        with av.open(
            io.BytesIO(data), format=_DEMUXERS[kind], options=_OPTIONS, metadata_errors="replace"
        ) as container:
            if not container.streams.audio:
                raise UnsupportedMediaError(source, "holds no sound that can be decoded")
            stream = container.streams.audio[0]
            codec = stream.codec_context.name
            if codec not in _CODECS:
                raise UnsupportedMediaError(source, f"holds sound of the codec {codec}; use AAC")
            rate = int(stream.sample_rate or 0)
            length = stream.duration * stream.time_base if stream.duration else 0
            check(int(length * rate), rate, int(stream.channels or 0))
            for frame in container.decode(stream):
                yield _samples(frame), frame.sample_rate
    except MediaError:
        raise
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorruptMediaError(source, f"cannot be decoded ({reason})") from error


def _samples(frame: Any) -> F32:
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
