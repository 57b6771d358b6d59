"""Recordings: WAV, Ogg (Vorbis, Opus, FLAC), FLAC and MP3 by libsndfile."""

from __future__ import annotations

import math
from typing import Any, BinaryIO

import numpy as np

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.linalg import F32
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import HEAD_BYTES, container

SILENCE = 1e-4
"""Peak below which a recording counts as silent: −80 dB of full scale."""

_KINDS = ("wav", "ogg", "flac", "mp3")
_BLOCK = 1 << 16
_UNKNOWN_SIZE = (0, 0xFFFFFFFF)  # what programs write that stream WAV into a pipe


def decode_audio(item: MediaItem, limits: Limits = DEFAULT) -> Waveform:
    """Decode a recording to mono at its own rate; several channels become their mean.

    Args:
        item: A file or bytes; where it has a ``span``, only that part is decoded.
        limits: Duration, channels and samples are checked against the header.

    Returns:
        Mono float32 samples in −1…1.

    Raises:
        EmptyMediaError: Zero bytes, no frames, or silence.
        MediaTooLargeError: Too long, or too many channels or samples.
        CorruptMediaError: Truncated, damaged or with values that are not numbers.
        UnsupportedMediaError: Not a recording of these formats.
    """
    with open_payload(item, limits) as handle:
        kind = container(handle.read(HEAD_BYTES), source=item.source)
        if kind not in _KINDS:
            raise UnsupportedMediaError(item.source, f"is not a recording but {kind}")
        _check_whole(handle, kind, item.source)
        handle.seek(0)
        samples, rate = _read(handle, item, limits)
    if not np.isfinite(samples).all():
        raise CorruptMediaError(item.source, "has samples that are NaN or infinite")
    if not len(samples):
        raise EmptyMediaError(item.source, "holds no sound, its duration is zero")
    if np.abs(samples).max() < SILENCE:
        raise EmptyMediaError(item.source, "is silent from beginning to end")
    return Waveform(np.clip(samples, -1.0, 1.0), rate)


def resample(waveform: Waveform, rate: int) -> Waveform:
    """The same sound at another rate, by a polyphase filter.

    Args:
        waveform: What to convert; handed back as it is where the rate already fits.
        rate: Samples a second.

    Example:
        >>> tone = Waveform(np.ones(8000, dtype=np.float32), 8000)
        >>> len(resample(tone, 16000).samples)
        16000
    """
    if waveform.rate == rate:
        return waveform
    from scipy.signal import resample_poly

    common = math.gcd(waveform.rate, rate)
    samples = resample_poly(waveform.samples, rate // common, waveform.rate // common)
    return Waveform(np.ascontiguousarray(samples, dtype=np.float32), rate)


def _read(handle: BinaryIO, item: MediaItem, limits: Limits) -> tuple[F32, int]:
    import soundfile

    try:
        with soundfile.SoundFile(handle) as sound:
            rate, start, stop = sound.samplerate, 0, sound.frames
            if item.span is not None:
                start, stop = (min(round(t * rate), sound.frames) for t in item.span)
                sound.seek(start)
            _check_header(stop - start, rate, sound.channels, item.source, limits)
            return _mono(sound, max(stop - start, 0), item.source), rate
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        if isinstance(error, CorruptMediaError | MediaTooLargeError):
            raise
        raise CorruptMediaError(item.source, f"cannot be decoded ({_plain(error)})") from error


def _check_header(frames: int, rate: int, channels: int, source: str, limits: Limits) -> None:
    if rate < 1 or channels < 1:
        raise CorruptMediaError(source, "its header is damaged")
    if channels > limits.max_channels:
        raise MediaTooLargeError(
            source,
            f"has {channels} channels, the limit is {limits.max_channels}; mix it down to fewer "
            "channels",
        )
    if frames > limits.max_seconds * rate:
        raise MediaTooLargeError(
            source,
            f"lasts {frames / rate:,.0f} s, the limit is {limits.max_seconds:,.0f} s; cut it into "
            "parts or raise Limits(max_seconds=…)",
        )
    if frames * channels > limits.max_samples:
        raise MediaTooLargeError(
            source,
            f"has {frames * channels:,} samples, the limit is {limits.max_samples:,}; "
            "use a lower sample rate, or raise Limits(max_samples=…)",
        )


def _mono(sound: Any, frames: int, source: str) -> F32:
    """Mean of the channels, block by block, so that many channels never lie in memory whole."""
    out = np.empty(frames, dtype=np.float32)
    done = 0
    while done < frames:
        block = sound.read(min(_BLOCK, frames - done), dtype="float32", always_2d=True)
        if not len(block):
            raise CorruptMediaError(
                source, f"is truncated: {done:,} of {frames:,} frames are there"
            )
        out[done : done + len(block)] = block.mean(axis=1)
        done += len(block)
    return out


def _check_whole(handle: BinaryIO, kind: str, source: str) -> None:
    """Find truncation that libsndfile passes over: it plays whatever part is there."""
    size = handle.seek(0, 2)
    end = {"wav": _end_of_wav, "ogg": _end_of_ogg}.get(kind, lambda _handle, size: size)(
        handle, size
    )
    if end > size:
        raise CorruptMediaError(source, f"is truncated: {size:,} of {end:,} bytes are there")


def _end_of_wav(handle: BinaryIO, size: int) -> int:
    """Where the header says that the samples end."""
    handle.seek(0)
    if handle.read(4) != b"RIFF":
        return size
    position = 12
    while position + 8 <= size:
        handle.seek(position)
        name, length = handle.read(4), int.from_bytes(handle.read(4), "little")
        if name == b"data":
            return size if length in _UNKNOWN_SIZE else position + 8 + length
        position += 8 + length + length % 2
    return size


def _end_of_ogg(handle: BinaryIO, size: int) -> int:
    """Where the last page ends, by the lengths that the pages declare."""
    position = 0
    while position < size:
        handle.seek(position)
        page = handle.read(27)
        if not page.startswith(b"OggS"):
            return size  # whatever follows the pages is not ours to judge
        if len(page) < 27:
            return position + 27
        lengths = handle.read(page[26])
        position += 27 + page[26] + sum(lengths)
    return position


def _plain(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")
