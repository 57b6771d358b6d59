"""Sound: WAV, Ogg (Vorbis, Opus, FLAC), FLAC, MP3 and AIFF by libsndfile, others by PyAV."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaError,
    MediaTooLargeError,
    SilentMediaError,
    UnsupportedMediaError,
)
from isthmus.core.item import MediaItem, Waveform
from isthmus.core.linalg import F32
from isthmus.core.view import AUDIO, VIDEO
from isthmus.media.formats import FORMATS
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import open_payload
from isthmus.media.sniff import container, head_of
from isthmus.media.streams import (
    check_whole,
    counts_frames,
    declared_end,
    starts,
    with_length,
)

SILENCE = 1e-4
"""Peak below which a recording counts as silent: −80 dB of full scale."""
CANCELLED = 0.1
"""Channels cancel where their mean has less than this share of the power that it would have if
they had nothing in common: of two equally loud ones, if they correlate below −0.9."""
_BLOCK = 1 << 16
_PRE_ROLL = 8192  # frames that a lossy codec is given to settle after a jump
_MP3_SLACK = 2 * 1152  # samples; some programs count the table as a frame, or the last one twice
_ENDLESS = 1 << 40  # frames; libsndfile tells more where a header does not tell any


def decode_audio(item: MediaItem, limits: Limits = DEFAULT) -> Waveform:
    """Decode a recording, or the sound of a video, to mono at its own rate.

    Several channels become their mean or, where they cancel each other, the strongest of them.
    Recordings that were put one behind the other are read to the end, at the rate of the first.

    Args:
        item: A file or bytes; where it has a ``span``, only that part is kept. Seconds of a video
            count from the beginning of the video; it is read as a stream.
        limits: Duration, channels and samples are checked against the header and, since a
            header may not know or not say the truth, while samples are decoded.

    Returns:
        Mono float32 samples in −1…1.

    Raises:
        EmptyMediaError: Zero bytes, no frames, or silence (:class:`SilentMediaError`).
        MediaTooLargeError: Too long, or too many channels or samples.
        CorruptMediaError: Truncated, damaged or with values that are not numbers.
        UnsupportedMediaError: Not a recording of these formats, or its package is missing.
    """
    source = item.source
    with _opened(item, limits) as (handle, kind):
        samples, rate = _joined(handle, kind, _Reading(item, limits))
    if not np.isfinite(samples).all():
        raise CorruptMediaError(source, "has samples that are NaN or infinite")
    if not len(samples):
        raise EmptyMediaError(source, "holds no sound, its duration is zero")
    if np.abs(samples).max() < SILENCE:
        raise SilentMediaError(source, "is silent from beginning to end")
    return Waveform(np.clip(samples, -1.0, 1.0), rate)


def resample(waveform: Waveform, rate: int) -> Waveform:
    """The same sound at another rate, by a polyphase filter.

    Args:
        waveform: What to convert; handed back as it is where the rate already fits.
        rate: Samples a second.

    Examples:
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


def seconds_of(item: MediaItem, limits: Limits = DEFAULT) -> float:
    """Duration of a recording: as its header tells it, else by decoding it, block by block.

    Args:
        item: A whole one, or a video: that of its sound, which ends when its last packet does.
        limits: Caps on its size and channels; ``max_long_seconds`` on its duration.

    Raises:
        MediaError: As :func:`decode_audio`.
    """
    most = limits.max_long_seconds
    reading = _Reading(item, replace(limits, max_seconds=most, max_samples=_ENDLESS))
    with _opened(item, limits) as (handle, kind):
        if FORMATS[kind].modality == VIDEO:
            from isthmus.media._libav import sound_end

            seconds = sound_end(handle, kind, item.source)
        else:
            seconds = sum(_seconds(part, kind, reading) for part in _recordings(handle, kind))
    if seconds > most:
        raise MediaTooLargeError(
            item.source, f"lasts {seconds:,.0f} s, the limit is {most:,.0f} s; cut it into parts"
        )
    return seconds


def pieces(
    waveform: Waveform, spans: Sequence[tuple[float, float]], source: str
) -> list[Waveform | EmptyMediaError]:
    """Parts of a recording, each checked as an item of its own is.

    Args:
        waveform: The recording.
        spans: Start and end of each part, in seconds of the waveform.
        source: What the user knows the recording by.
    """
    out: list[Waveform | EmptyMediaError] = []
    for start, stop in spans:
        rate = waveform.rate
        part = waveform.samples[max(round(start * rate), 0) : max(round(stop * rate), 0)]
        if not len(part):
            out.append(EmptyMediaError(source, "holds no sound, its duration is zero"))
        elif np.abs(part).max() < SILENCE:
            out.append(SilentMediaError(source, "is silent from beginning to end"))
        else:
            out.append(Waveform(part, rate))
    return out


class _Reading:
    """How far an item is read, and what it may still cost, over all recordings in it.

    Attributes:
        source: What the user knows the item by.
        at: Frames of the present recording that lie behind.
    """

    def __init__(self, item: MediaItem, limits: Limits) -> None:
        self.source, self.at = item.source, 0
        self._from, self._to = item.span or (0.0, math.inf)
        self._limits = limits
        self._before = 0.0  # seconds of earlier recordings
        self._seconds, self._samples = 0.0, 0

    def wanted(self, rate: int) -> tuple[int, float]:
        """First frame of this recording that is asked for, and the one behind the last."""
        first, last = ((t - self._before) * rate for t in (self._from, self._to))
        return max(round(first), 0), last if math.isinf(last) else max(round(last), 0)

    def check(self, frames: int, rate: int, channels: int) -> None:
        """Refuse what a header declares, on top of what was decoded."""
        if rate < 1 or channels < 1:
            raise CorruptMediaError(self.source, "its header is damaged")
        if channels > self._limits.max_channels:
            raise MediaTooLargeError(
                self.source,
                f"has {channels} channels, the limit is {self._limits.max_channels}; mix it down "
                "to fewer channels",
            )
        first, last = self.wanted(rate)
        self._afford(max(int(min(frames, last)) - first, 0), rate, channels)

    def take(self, block: F32, rate: int) -> F32:
        """The part of the next block that is asked for; it is counted, too much is refused."""
        first, last = self.wanted(rate)
        stop = min(len(block), max(last - self.at, 0))
        part = block[max(first - self.at, 0) : int(stop)]
        self.at += len(block)
        self._afford(len(part), rate, block.shape[1])
        self._seconds += len(part) / rate
        self._samples += part.size
        return part

    def finish(self, rate: int) -> None:
        """Go on to the next recording."""
        self._before += self.at / rate
        self.at = 0

    def _afford(self, frames: int, rate: int, channels: int) -> None:
        seconds, most = self._seconds + frames / rate, self._limits.max_seconds
        if seconds > most:
            raise MediaTooLargeError(
                self.source,
                f"lasts {seconds:,.0f} s, the limit is {most:,.0f} s; cut it into parts",
            )
        samples = self._samples + frames * channels
        if samples > self._limits.max_samples:
            raise MediaTooLargeError(
                self.source,
                f"has {samples:,} samples, the limit is {self._limits.max_samples:,}; "
                "use a lower sample rate, or cut it into parts",
            )


@contextmanager
def _opened(item: MediaItem, limits: Limits) -> Iterator[tuple[BinaryIO, str]]:
    """A recording or a video, and its kind; what is neither, or is cut off, is refused."""
    source = item.source
    with open_payload(item, limits) as handle:
        kind = container(head_of(handle), source=source)
        form = FORMATS[kind]
        if form.modality not in (AUDIO, VIDEO):
            raise UnsupportedMediaError(source, f"is not a recording but {kind}")
        if not form.available:
            raise UnsupportedMediaError(source, form.missing)
        if form.modality == VIDEO:
            check_whole(handle, kind, source)
            yield handle, kind
            return
        data = handle.read()
    if (end := declared_end(data, kind)) > len(data):
        raise CorruptMediaError(source, f"is truncated: {len(data):,} of {end:,} bytes are there")
    yield io.BytesIO(data), kind


def _recordings(handle: BinaryIO, kind: str) -> Iterator[bytes]:
    """The recordings of a file, one behind the other."""
    data = handle.read()
    begins = starts(data, kind)
    for start, stop in zip(begins, [*begins[1:], len(data)], strict=True):
        yield data if len(begins) == 1 else data[start:stop]


def _seconds(part: bytes, kind: str, reading: _Reading) -> float:
    """Duration of one recording."""
    known = _told(part, kind, reading)
    if known is not None:
        return known
    frames, rate = 0, 1
    for block, rate in _blocks(io.BytesIO(part), kind, reading):  # noqa: B007  the last one is told
        frames += len(block)
    reading.finish(rate)
    return frames / rate


def _told(data: bytes, kind: str, reading: _Reading) -> float | None:
    """Duration in seconds as a header tells it; None where it does not."""
    if FORMATS[kind].module is not None or (kind == "mp3" and not counts_frames(data)):
        return None
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(with_length(data) if kind == "wav" else data)) as sound:
            if not 0 < sound.frames < _ENDLESS:
                return None
            reading.check(sound.frames, sound.samplerate, sound.channels)
            return float(sound.frames / sound.samplerate)
    except MediaError:
        raise
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise CorruptMediaError(reading.source, f"cannot be decoded ({reason})") from error


def _joined(handle: BinaryIO, kind: str, reading: _Reading) -> tuple[F32, int]:
    """All recordings of a file as one, or the span of it that is asked for."""
    if FORMATS[kind].modality == VIDEO:
        wave = _mono(_blocks(handle, kind, reading))
        return wave.samples, wave.rate
    rate, parts = 0, []
    for part in _recordings(handle, kind):
        if declared_end(part, kind) > len(part):
            raise CorruptMediaError(reading.source, "is truncated inside one of its recordings")
        wave = _mono(_blocks(io.BytesIO(part), kind, reading))
        if wave.rate:
            reading.finish(wave.rate)
            rate = rate or wave.rate
            parts.append(resample(wave, rate).samples)
    return np.concatenate([np.zeros(0, dtype=np.float32), *parts]), rate


def _mono(blocks: Iterator[tuple[F32, int]]) -> Waveform:
    """The mean of the channels or, where they cancel, the strongest of them."""
    means: list[F32] = []
    channels: list[F32] = []
    power: NDArray[np.float64] = np.zeros(0)
    rate = 0
    for block, rate in blocks:  # noqa: B007  the last one is told
        means.append(block.mean(axis=1, dtype=np.float32))
        if block.shape[1] > 1:
            channels.append(block)
            power = power if power.size else np.zeros(block.shape[1])
            power += np.square(block, dtype=np.float64).sum(axis=0)
    if not means:
        return Waveform(np.zeros(0, dtype=np.float32), rate)
    mean = np.concatenate(means)
    if power.size:
        alike = power.sum() / power.size**2
        if np.square(mean, dtype=np.float64).sum() < CANCELLED * alike:
            strongest = int(power.argmax())
            mean = np.concatenate([block[:, strongest] for block in channels])
    return Waveform(mean, rate)


def _blocks(handle: BinaryIO, kind: str, reading: _Reading) -> Iterator[tuple[F32, int]]:
    """Samples ``(n, channels)`` and their rate, block by block, as far as they are asked for."""
    if FORMATS[kind].module is None:
        found = _by_libsndfile(handle.read(), kind, reading)
    else:
        from isthmus.media import _libav

        found = _libav.blocks(handle, kind, reading)
    shape = None
    for block, rate in found:
        shape = shape or (block.shape[1], rate)
        if shape != (block.shape[1], rate):
            raise UnsupportedMediaError(
                reading.source, "changes its channels or rate on the way; save it as WAV"
            )
        yield reading.take(block, rate), rate
        if reading.at >= reading.wanted(rate)[1]:
            return


def _by_libsndfile(data: bytes, kind: str, reading: _Reading) -> Iterator[tuple[F32, int]]:
    import soundfile

    if kind == "wav":
        data = with_length(data)
    try:
        with _forward_only()(io.BytesIO(data)) as sound:
            # Without a table, the length of an MP3 is a guess from its bit rate.
            known = sound.frames < _ENDLESS and (kind != "mp3" or counts_frames(data))
            reading.check(sound.frames if known else 0, sound.samplerate, sound.channels)
            first, _ = reading.wanted(sound.samplerate)
            if known and first > _PRE_ROLL:
                reading.at = sound.seek(min(first - _PRE_ROLL, sound.frames))
            while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)):
                yield block, sound.samplerate
            least = sound.frames - (_MP3_SLACK if kind == "mp3" else 0)
            if known and reading.at < least:
                raise CorruptMediaError(
                    reading.source,
                    f"is truncated: {reading.at:,} of {sound.frames:,} frames are there",
                )
    except MediaError:
        raise
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise CorruptMediaError(reading.source, f"cannot be decoded ({reason})") from error


@lru_cache(maxsize=1)
def _forward_only() -> Any:
    """A reader that never seeks, which fails where a FLAC does not know its length."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return Forward
