"""Files under a folder, and items from files."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from isthmus.core.errors import MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.paths import exists, expanded
from isthmus.core.record import Failure
from isthmus.core.view import AUDIO, IMAGE, VECTOR, VIDEO
from isthmus.media.animated import animated
from isthmus.media.array_rows import row_path, state_of_row, vector_at
from isthmus.media.arrays import is_array_file
from isthmus.media.frames_folder import frames_item, is_frames_folder, state_of
from isthmus.media.limits import DEFAULT, Limits
from isthmus.media.payload import check_file, check_size
from isthmus.media.sniff import sniff_path


@dataclass(frozen=True, slots=True)
class Unreadable(Failure):
    """What the file system would not show, which may pass."""


def walk(root: Path, *, skipped: list[Failure] | None = None) -> Iterator[Path]:
    """Every regular file under a folder, in path order, that is not hidden.

    A folder of frames, see :mod:`isthmus.media.frames_folder`, counts as one file.

    Links to folders are not followed: what they show inside ``root`` is found where it
    lies, and what they show outside is none of ours; so loops cannot happen. Links to
    files count as files as long as they stay inside ``root``.

    Args:
        root: A folder, or a single file or row of vectors, which is then the only one.
        skipped: Gets an entry for whatever was passed over although it is not hidden.

    Raises:
        MediaError: If ``root`` does not exist.
    """
    root = Path(root)
    if row_path(root) is not None:
        yield root
        return
    if not exists(root):
        raise MediaError(str(root), "does not exist")
    passed_over = skipped if skipped is not None else []
    if is_frames_folder(root):
        yield root
    elif root.is_dir():
        yield from _walk(root, root.resolve(), passed_over)
    elif not root.is_file():
        passed_over.append(Failure(_printable(root), "is not a regular file"))
    elif reason := _misnamed(root):
        passed_over.append(Failure(_printable(root), reason))
    else:
        yield root


def is_file(text: str | Path) -> bool:
    """Whether something a user typed names a file, a folder of frames, or a row of vectors.

    What cannot be a path is none.
    """
    try:
        path = expanded(text)
        return path.is_file() or is_frames_folder(path) or row_path(path) is not None
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, a home of nobody
        return False


def item_from_path(
    path: Path, modality: str | None = None, *, limits: Limits = DEFAULT
) -> MediaItem:
    """An item for a file, or for a folder of frames, its modality told from its first bytes.

    A file of arrays is one if it holds one vector; a row of others has a path of its own, see
    :mod:`isthmus.media.array_rows`.

    Args:
        path: The file.
        modality: What it must be, where that is known: a picture that moves may be read as a
            video, and a video as its sound.
        limits: ``max_file_bytes`` or, of a video, ``max_video_bytes`` is checked before the file
            is read.

    Raises:
        MediaError: If it is missing, empty, too large or of no kind that isthmus reads.
        UnsupportedMediaError: If it is not what it must be.
    """
    path = Path(path)
    if is_frames_folder(path):
        if modality not in (None, VIDEO):
            raise UnsupportedMediaError(str(path), f"holds {VIDEO}, need {modality}")
        return frames_item(path, limits)
    if row_path(path) is not None or is_array_file(path):
        if modality not in (None, VECTOR):
            raise UnsupportedMediaError(str(path), f"holds {VECTOR}, need {modality}")
        return vector_at(path)
    size = check_file(path, str(path))
    found = sniff_path(path)
    check_size(size, str(path), limits, video=found == VIDEO)
    if modality is not None and found != modality:
        try:
            with path.open("rb") as handle:
                as_asked = can_be(handle, found, modality)
        except OSError as error:
            raise MediaError(str(path), f"cannot be read ({error.strerror or error})") from error
        if not as_asked:
            raise UnsupportedMediaError(str(path), f"holds {found}, need {modality}")
        found = modality
    return MediaItem.from_path(path, found)


def file_state(path: Path) -> tuple[int, int, int]:
    """Bytes and times of the last changes of what :func:`item_from_path` reads.

    Returns:
        Size, and in nanoseconds when the content and when the content or a name was changed.

    Raises:
        OSError: If the file system does not show it.
    """
    row = row_path(path)
    return state_of(path) if row is None else state_of_row(row)


def can_be(handle: BinaryIO, found: str, modality: str) -> bool:
    """Whether what is read as one modality can be read as another, too.

    A picture that moves can be read as a video, and a video as its sound.

    Args:
        handle: Open, at its beginning.
        found: What its first bytes say.
        modality: What is asked for.
    """
    if (found, modality) == (IMAGE, VIDEO):
        return animated(handle)
    return found == modality or (found, modality) == (VIDEO, AUDIO)


def picture_item(picture: Any) -> MediaItem:
    """A picture of Pillow as an item, with its pixels as they are."""
    kept = io.BytesIO()
    if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture = picture.convert("RGB")
    picture.save(kept, "PNG")
    return MediaItem.from_bytes(kept.getvalue(), IMAGE, source="a picture of yours")


def is_picture(thing: object) -> bool:
    """Whether it is a picture of Pillow."""
    # Nobody has a picture where Pillow was not imported, or while another thread still does.
    known = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return known is not None and isinstance(thing, known)


def _walk(folder: Path, root: Path, skipped: list[Failure]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"cannot be listed ({error.strerror or error})"
        skipped.append(Unreadable(_printable(folder), reason))
        return
    for entry in listed:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        try:
            if entry.is_dir(follow_symlinks=False):
                if is_frames_folder(path):
                    yield path
                    continue
                yield from _walk(path, root, skipped)
            elif fault := _misnamed(path) or _why_not(path, root):
                skipped.append(Failure(_printable(path), fault))
            else:
                yield path
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            skipped.append(Unreadable(_printable(path), reason))


def _misnamed(path: Path) -> str | None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    return None


def _why_not(path: Path, root: Path) -> str | None:
    """Why an entry of a folder is passed over.

    Raises:
        OSError: If the file system does not say what it is.
    """
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError, RuntimeError):  # a loop, in Python < 3.13
            return "is a link to a missing file"
        except OSError as error:
            if error.errno == errno.ELOOP:
                return "is a link to a missing file"
            raise
        if target.is_dir():
            return "is a link to a folder; such links are not followed"
        if not target.is_relative_to(root):
            return "is a link out of the folder"
    return None if stat.S_ISREG(path.stat().st_mode) else "is not a regular file"


def _printable(path: Path) -> str:
    return str(path).encode(errors="surrogateescape").decode(errors="replace")
