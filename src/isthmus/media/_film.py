"""Frames of a video file, by PyAV: the ones shown at given times, found by seeking.

Only what is asked for is kept, and scaled as it is decoded, so memory does not grow with the
length of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import (
    CorruptMediaError,
    EmptyMediaError,
    MediaTooLargeError,
    UnsupportedMediaError,
)
from isthmus.media._hdr import HLG, PQ, to_srgb
from isthmus.media._libav import VIDEO_CODECS, AvObject, decoded, filled, last_end
from isthmus.media.limits import Limits
from isthmus.media.reels import Frame, Size

_INDEXED = ("mov", "matroska", "avi")
"""Demuxers that know where the frames are from which decoding can begin."""
_BLIND_JUMP = 5.0
"""Seconds ahead from which a jump is tried where that is not known; decoding can mostly begin at
every second or two of such a stream."""
_STEPS_BACK, _BLIND_STEPS_BACK = (0.0, 1.0, 5.0, 25.0), (1.0, 5.0, 25.0)
"""Seconds before the time that is wanted to which jumps are tried, until one is not too far. Where
not each frame is stored with its time, the first ones behind a jump may get a wrong one."""
_BEFORE_ALL = 10.0
"""Seconds before the beginning; a jump to the beginning itself may miss the first frames."""
_EPSILON = 1e-6
_HD = 576
"""Lines above which colours that a video does not name are those of HD (BT.709), as in players."""
_MOST_SQUEEZED = 10.0
"""Pixels that claim to be so many times wider than high, or the other way, claim nonsense."""


class Film:
    """A video file that is open; see :class:`isthmus.media.reels.Reel`.

    Args:
        container: From :func:`isthmus.media._libav.opened`.
        begin: When it begins, in seconds of its own clock.
        source: What the user knows it by.
        limits: Frames, pixels and seconds are checked against what is there, not the header.
    """

    def __init__(self, container: AvObject, begin: float, source: str, limits: Limits) -> None:
        import av.video.reformatter as scaling

        self.source, self._limits = source, limits
        self._container, self._begin = container, begin
        self._indexed = container.format.name.partition(",")[0] in _INDEXED
        self._stream = _pictures_of(container, source)
        self._check_pixels(self._stream.codec_context.width, self._stream.codec_context.height)
        self._stream.codec_context.options = {"max_pixels": str(limits.max_frame_pixels)}
        self._stream.codec_context.thread_count = 1
        self._scaler: AvObject = scaling.VideoReformatter()
        self._matrix: AvObject = scaling.Colorspace.ITU709
        # The frame that is shown at the time to which decoding has come, and the one behind it.
        self._before: AvObject
        self._next: AvObject
        self._frames: Iterator[AvObject] = iter(())
        self.end = self._measured()
        self._restart()
        first = self._before
        if first is None:
            if not self._stream.codec_context.width:  # FFmpeg forgets a size above the cap
                most = limits.max_frame_pixels / 1e6
                raise CorruptMediaError(
                    source, f"declares frames of no size, or of more than {most:,.0f} megapixels"
                )
            raise EmptyMediaError(source, "holds no frames that can be decoded")
        self._first = self._time(first)
        self._turn = _turn_of(first)
        self.size = self._shown_size(first)

    def at(self, times: Sequence[float], size: Size) -> Iterator[Frame]:
        """The frames shown at ascending times, each once."""
        told = None
        for time in times:
            self._go_to(time)
            if self._before is not told:
                told = self._before
                yield self._made(told, size)

    def through(
        self, start: float, stop: float, size: Size, *, keys: bool = False
    ) -> Iterator[Frame]:
        """All frames from a time to another, or only those that need no other to be decoded."""
        self._stream.codec_context.skip_frame = "NONKEY" if keys else "DEFAULT"
        try:
            self._go_to(start)
            while self._before is not None and self._time(self._before) < stop:
                yield self._made(self._before, size)
                self._before, self._next = self._next, next(self._frames, None)
        finally:
            self._stream.codec_context.skip_frame = "DEFAULT"
            self._restart()

    def _measured(self) -> float:
        """When the last frame ends, by the frames that are there, whatever the header says."""
        count, most = self._limits.max_video_frames, self._limits.max_long_seconds
        # Before a jump: one that fails may leave nothing behind it.
        empty = next(filled(self._container, self._stream), None) is None
        try:
            last = last_end(self._container, self._stream, count)
        except OverflowError as error:
            raise MediaTooLargeError(
                self.source, f"has more than {count:,} frames; cut it into parts"
            ) from error
        if last is None and not empty:
            raise CorruptMediaError(
                self.source, "holds frames without times; save it anew, for example with FFmpeg"
            )
        if last is None:
            raise EmptyMediaError(self.source, "holds no frames")
        seconds = last - self._begin
        if seconds > most:
            raise MediaTooLargeError(
                self.source,
                f"lasts {seconds:,.0f} s, the limit is {most:,.0f} s; cut it into parts",
            )
        return seconds

    def _restart(self) -> None:
        self._jump(-math.inf)

    def _go_to(self, time: float) -> None:
        """Let the frame shown at a time be the present one, by decoding on or by a jump."""
        time = max(time, self._first)
        if self._before is None or self._time(self._before) > time or self._worth_a_jump(time):
            for back in _STEPS_BACK if self._indexed else _BLIND_STEPS_BACK:
                self._jump(time - back)
                if self._before is not None and self._time(self._before) <= time + _EPSILON:
                    break
            else:
                self._restart()
        while self._next is not None and self._time(self._next) <= time + _EPSILON:
            self._before, self._next = self._next, next(self._frames, None)

    def _worth_a_jump(self, time: float) -> bool:
        """Whether decoding can begin again between the present frame and a time."""
        if self._next is None:
            return False
        reached = self._time(self._next)
        if not self._indexed:
            return time - reached > _BLIND_JUMP
        entries, base = self._stream.index_entries, self._stream.time_base
        place = entries.search_timestamp(int((time + self._begin) / base))
        if place < 0:
            return False
        return float(entries[place].timestamp * base) - self._begin > reached

    def _jump(self, time: float) -> None:
        """Decode from the last frame before a time from which that can begin, if it is found."""
        import av

        base = self._stream.time_base
        before = max(time + self._begin, self._begin - _BEFORE_ALL)
        try:
            self._container.seek(int(before / base), stream=self._stream)
        except av.FFmpegError:  # some do not go where nothing is
            self._container.seek(int(self._begin / base), stream=self._stream)
        self._frames = decoded(self._container, self._stream, self.source, self._begin)
        self._before = next(self._frames, None)
        self._next = next(self._frames, None)

    def _time(self, frame: AvObject) -> float:
        return float(frame.time) - self._begin

    def _made(self, frame: AvObject, size: Size) -> Frame:
        """A frame as it is shown, in RGB."""
        self._check_pixels(frame.width, frame.height)
        turned, across, down = self._turn
        width, height = size[::-1] if turned else size
        unnamed = frame.colorspace == 2 and frame.height > _HD
        scaled = self._scaler.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=self._matrix if unnamed else None,
            threads=1,
        )
        pixels: NDArray[np.uint8] = scaled.to_ndarray()
        if frame.color_trc in (PQ, HLG):
            pixels = to_srgb(pixels, int(frame.color_trc))
        pixels = pixels.transpose(1, 0, 2) if turned else pixels
        pixels = pixels[:: -1 if down else 1, :: -1 if across else 1]
        return self._time(frame), np.ascontiguousarray(pixels)

    def _shown_size(self, frame: AvObject) -> Size:
        squeezed = float(self._stream.sample_aspect_ratio or 1.0)
        if not 1 / _MOST_SQUEEZED <= squeezed <= _MOST_SQUEEZED:
            squeezed = 1.0
        size = max(round(frame.width * squeezed), 1), int(frame.height)
        return size[::-1] if self._turn[0] else size

    def _check_pixels(self, width: int, height: int) -> None:
        most = self._limits.max_frame_pixels
        if width * height > most:
            raise MediaTooLargeError(
                self.source,
                f"declares frames of {width * height / 1e6:,.0f} megapixels, the limit is "
                f"{most / 1e6:,.0f}; make them smaller",
            )


def _pictures_of(container: AvObject, source: str) -> AvObject:
    """The first stream of pictures that is no cover."""
    streams = [
        stream
        for stream in container.streams.video
        if "attached_pic" not in (stream.disposition.name or "")
    ]
    if not streams:
        raise EmptyMediaError(source, "holds no moving pictures")
    context = streams[0].codec_context
    if context.name not in VIDEO_CODECS:
        raise UnsupportedMediaError(
            source, f"holds pictures of the codec {context.name}; use H.264, VP9 or AV1"
        )
    return streams[0]


def _turn_of(frame: AvObject) -> tuple[bool, bool, bool]:
    """How a frame is turned before it is shown: sides swapped, then mirrored across, and down.

    Its display matrix maps a pixel ``(x, y)`` to ``(a x + c y, b x + d y)``.
    """
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].tolist()
            if abs(b) + abs(c) > abs(a) + abs(d):
                return True, c < 0, b < 0
            return False, a < 0, d < 0
    return False, False, False
