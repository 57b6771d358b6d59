"""Videos that are pictures one behind the other: animated pictures, and folders of frames."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from isthmus.core.errors import CorruptMediaError, EmptyMediaError, MediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE
from isthmus.media.colour import DAMAGE, Stored, to_rgb
from isthmus.media.formats import Format
from isthmus.media.frames_folder import check_frames, frames_in, rate_of
from isthmus.media.image import decode_image, opened_by, shown_size
from isthmus.media.limits import Limits
from isthmus.media.reels import Frame, Size

_TOO_SHORT, _USUAL = 0.010, 0.100
"""Seconds up to which browsers do not believe how long a frame of a picture is shown, and for
which they show it instead."""


_State = tuple[int, int, int, int, int, Limits]
_measured: dict[_State, Sequence[float]] = {}
"""By the state of a file and limits, how long each of its frames is shown; of one file at most."""


def _state_of(handle: BinaryIO, limits: Limits) -> _State | None:
    """What changes when a file does; None of what is in memory."""
    try:
        found = os.fstat(handle.fileno())
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, limits


class _Flipbook:
    """Pictures by number, each shown from its time on; see :class:`isthmus.media.reels.Reel`.

    Attributes:
        times: When each picture is shown, ascending, in seconds.
    """

    source: str
    size: Size
    end: float
    times: Sequence[float]

    def at(self, times: Sequence[float], size: Size) -> Iterator[Frame]:
        """The frames shown at ascending times, each once."""
        places = [max(bisect_right(self.times, time + 1e-9) - 1, 0) for time in times]
        for place in dict.fromkeys(places):
            yield self._made(place, size)

    def through(
        self, start: float, stop: float, size: Size, *, keys: bool = False
    ) -> Iterator[Frame]:
        """All frames from a time to another; each is as fast to decode."""
        first = max(bisect_right(self.times, start + 1e-9) - 1, 0)
        for place in range(first, len(self.times)):
            if self.times[place] >= stop:
                return
            yield self._made(place, size)

    def _made(self, place: int, size: Size) -> Frame:
        picture = self.picture(place, size)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        return self.times[place], np.asarray(picture, dtype=np.uint8)

    def picture(self, place: int, size: Size) -> Any:
        """A picture by its number, in RGB, at least as large as needed if it is so large.

        It may be the open file itself, and then shows this frame until the next is asked for.
        """
        raise NotImplementedError


class Animation(_Flipbook):
    """An animated picture that is open.

    Args:
        handle: The file.
        form: Its format, which Pillow reads.
        source: What the user knows it by.
        limits: Pixels of a frame, frames and seconds.
    """

    def __init__(self, handle: BinaryIO, form: Format, source: str, limits: Limits) -> None:
        self.source, self._limits = source, limits
        self._file = opened_by(handle, form, source)
        self.size = self._file.size
        self._check(1)
        self._stored = Stored.of(self._file)
        self._first = int(bool(getattr(self._file, "default_image", False)))
        try:
            count = int(self._file.n_frames) - self._first
            self._check(count)
            lengths = self._lengths(count, _state_of(handle, limits))
        except MediaError:  # too large
            raise
        except DAMAGE as error:
            raise self._damaged(error) from error
        ends = np.cumsum(lengths)
        self.times, self.end = [0.0, *ends[:-1].tolist()], float(ends[-1])
        if self.end > limits.max_long_seconds:
            raise MediaTooLargeError(
                source,
                f"lasts {self.end:,.0f} s, the limit is {limits.max_long_seconds:,.0f} s; cut it "
                "into parts",
            )

    def picture(self, place: int, size: Size) -> Any:
        """A frame, on a ground that it shows on."""
        try:
            self._file.seek(place + self._first)
            self._file.load()
            return to_rgb(self._file, self._stored)
        except DAMAGE as error:
            raise self._damaged(error) from error

    def _lengths(self, count: int, state: _State | None) -> Sequence[float]:
        """Seconds for which each of so many frames is shown.

        To learn them, all frames are decoded. Spans of one file are asked for one by one, so those
        of the last file are kept.
        """
        known = None if state is None else _measured.get(state)
        if known is None:
            known = [self._length(place, count) for place in range(count)]
            _measured.clear()
            if state is not None:
                _measured[state] = known
        return known

    def _length(self, place: int, count: int) -> float:
        """Seconds for which one of so many frames is shown."""
        self._file.seek(place + self._first)
        self._check(count)  # a frame of a GIF may make it larger
        if self._file.format != "GIF":
            self._file.load()  # which is when Pillow learns it
        length = float(self._file.info.get("duration") or 0.0) / 1000
        return length if length > _TOO_SHORT else _USUAL

    def _check(self, count: int) -> None:
        """Refuse so many frames of the present size if they cost too much, before they do."""
        limits, (width, height) = self._limits, self._file.size
        if width * height > limits.max_frame_pixels:
            raise MediaTooLargeError(
                self.source,
                f"declares frames of {width * height / 1e6:,.0f} megapixels, the limit is "
                f"{limits.max_frame_pixels / 1e6:,.0f}; make them smaller",
            )
        if count > limits.max_video_frames:
            raise MediaTooLargeError(self.source, f"has {count:,} frames; cut it into parts")
        if width * height * count > limits.max_animation_pixels:
            raise MediaTooLargeError(
                self.source,
                f"has {count:,} frames of {width:,}×{height:,}, "
                f"{width * height * count / 1e6:,.0f} megapixels together, the limit is "
                f"{limits.max_animation_pixels / 1e6:,.0f}; make it smaller, cut it into parts, or "
                "convert it to MP4",
            )

    def _damaged(self, error: Exception) -> CorruptMediaError:
        return CorruptMediaError(self.source, f"cannot be decoded ({error})")


class FrameFolder(_Flipbook):
    """A folder of frames; they are shown at the size of the first.

    Args:
        folder: Where they are.
        source: What the user knows it by.
        limits: Frames, bytes and seconds, and pixels of each picture.
    """

    def __init__(self, folder: Path, source: str, limits: Limits) -> None:
        self.source, self._limits = source, limits
        try:
            self._paths = frames_in(folder)
            check_frames(self._paths, source, limits)
        except OSError as error:
            raise MediaError(source, f"cannot be read ({error.strerror or error})") from error
        if not self._paths:
            raise EmptyMediaError(source, "holds no frames")
        rate = rate_of(folder)
        self.times = [place / rate for place in range(len(self._paths))]
        self.end = len(self._paths) / rate
        if self.end > limits.max_long_seconds:
            raise MediaTooLargeError(source, f"lasts {self.end:,.0f} s; cut it into parts")
        with self._named(0) as item:
            self.size = shown_size(item, limits)

    def picture(self, place: int, size: Size) -> Any:
        """A picture of the folder."""
        with self._named(place) as item:
            return decode_image(item, self._limits, target=min(size))

    @contextmanager
    def _named(self, place: int) -> Iterator[MediaItem]:
        """One picture as an item; what is wrong with it is told of the folder, with its name."""
        path = self._paths[place]
        try:
            yield MediaItem("", IMAGE, self.source, path)
        except MediaError as error:
            raise type(error)(self.source, f"{path.name}: {error.reason}") from error
