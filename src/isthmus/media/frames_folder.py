"""A folder of numbered pictures that is one video.

It is one if its name ends in ``.frames`` and it holds pictures whose names end in a number:
``walk.frames/0001.png``. They are shown in the order of these numbers, 10 a second unless the name
says otherwise: ``walk.25fps.frames``. What is not numbered, hidden, or a link is passed over.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from isthmus.core.artifact import file_content_hash
from isthmus.core.errors import MediaError, MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE, VIDEO
from isthmus.media.formats import FORMATS
from isthmus.media.limits import DEFAULT, Limits

RATE = 10.0
"""Frames a second where the name of the folder says nothing."""
_NAME = re.compile(r"(?:.*?[ ._-](\d{1,3}(?:\.\d{1,3})?)fps)?.*\.frames", re.IGNORECASE)
_NUMBERED = re.compile(r"(\d{1,18})(\.\w+)\Z")
_SUFFIXES = frozenset(
    suffix for form in FORMATS.values() if form.modality == IMAGE for suffix in form.suffixes
)


def is_frames_folder(path: Path) -> bool:
    """Whether a path leads to such a folder."""
    if not path.name.lower().endswith(".frames"):
        return False
    try:
        return path.is_dir() and bool(frames_in(path))
    except OSError:
        return False


def frames_in(folder: Path) -> list[Path]:
    """The pictures of a folder of frames, in order.

    Raises:
        OSError: If the folder cannot be listed.
    """
    found: list[tuple[int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            number = _NUMBERED.search(entry.name)
            if number is None or entry.name.startswith("."):
                continue
            if number[2].lower() in _SUFFIXES and entry.is_file(follow_symlinks=False):
                found.append((int(number[1]), entry.name))
    return [folder / name for _, name in sorted(found)]


def rate_of(folder: Path) -> float:
    """Frames a second.

    Examples:
        >>> rate_of(Path("walk.25fps.frames")), rate_of(Path("walk.frames"))
        (25.0, 10.0)
    """
    named = _NAME.fullmatch(folder.name)
    rate = float(named[1]) if named and named[1] else RATE
    return rate if rate > 0 else RATE


def frames_item(folder: Path, limits: Limits = DEFAULT) -> MediaItem:
    """An item of a folder of frames; its id is of the content of all frames, and of their rate.

    Raises:
        MediaTooLargeError: If there are too many frames or bytes.
        MediaError: If they cannot be read.
    """
    digest = hashlib.blake2b(f"frames {rate_of(folder):g}".encode(), digest_size=16)
    try:
        paths = frames_in(folder)
        check_frames(paths, str(folder), limits)
        for path in paths:
            with path.open("rb") as handle:
                digest.update(bytes.fromhex(file_content_hash(handle)))
    except OSError as error:
        raise MediaError(str(folder), f"cannot be read ({error.strerror or error})") from error
    return MediaItem(digest.hexdigest(), VIDEO, str(folder), folder)


def check_frames(paths: Sequence[Path], source: str, limits: Limits) -> None:
    """Refuse too many frames, or too many bytes in all of them."""
    if len(paths) > limits.max_video_frames:
        raise MediaTooLargeError(
            source, f"has {len(paths):,} frames, the limit is {limits.max_video_frames:,}"
        )
    size = sum(path.stat().st_size for path in paths)
    if size > limits.max_video_bytes:
        raise MediaTooLargeError(
            source, f"has {size:,} bytes, the limit is {limits.max_video_bytes:,}"
        )


def state_of(path: Path) -> tuple[int, int, int]:
    """Bytes and times of the last changes of a file or, together, of the frames in a folder.

    Returns:
        Size, and in nanoseconds when the content and when the content or a name was changed.

    Raises:
        OSError: If the file system does not show it.
    """
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode) or not is_frames_folder(path):
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns
    frames = [frame.stat() for frame in frames_in(path)]
    return (
        sum(frame.st_size for frame in frames),
        max(each.st_mtime_ns for each in (found, *frames)),
        max(each.st_ctime_ns for each in (found, *frames)),
    )
