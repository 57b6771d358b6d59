"""What an indexing run has to do: files that are new, changed, back or gone since the last one."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError, UnsupportedMediaError
from isthmus.core.paths import expanded, why_missing
from isthmus.core.record import Failure
from isthmus.media.array_rows import is_row
from isthmus.media.frames_folder import is_frames_folder
from isthmus.media.source import Unreadable, file_state, walk
from isthmus.store import FileRecord, FileStatus
from isthmus.store.patterns import path_matcher
from isthmus.tasks.retrieval.vector_rows import VectorRows

_FIRST = 16
"""Files of the first batch, so that something is soon found, and kept if the run soon ends."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file, a folder of frames, or a row of vectors, as the file system describes it."""

    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int = 0

    @classmethod
    def at(cls, path: Path) -> Found:
        """Look at a file.

        Raises:
            OSError: If the file system does not show it.
        """
        return cls(path, *file_state(path))


@dataclass(frozen=True, slots=True, eq=False)
class FileFailure(Failure):
    """A file that could not be used.

    Attributes:
        status: What kind of failure it is.
    """

    status: FileStatus
    what: str = field(default="file", kw_only=True)

    def to_json(self) -> dict[str, str]:
        """For machines."""
        return {"source": self.source, "reason": self.reason, "status": self.status.value}


@dataclass(frozen=True, eq=False)
class Plan:
    """What there is to do.

    Attributes:
        fresh: Files to be read.
        unchanged: How many need no look.
        failed_before: Unchanged files that could not be used when they were last looked at.
        gone: Recorded files that are not there any more.
        skipped: What was passed over, and why.
        doubtful: Recorded files that are not to be found, though they may only be out of reach.
        roots: Files and folders that were looked at, as absolute paths.
    """

    fresh: Sequence[Found]
    unchanged: int
    failed_before: Sequence[FileRecord]
    gone: Sequence[str]
    skipped: Sequence[FileFailure] = field(default_factory=list)
    doubtful: Sequence[str] = ()
    roots: Sequence[Path] = ()

    def batches(self, largest: int) -> Iterator[Sequence[Found]]:
        """Fresh files, in batches of which each is twice as large as the one before.

        Args:
            largest: Number of files that a batch may have.
        """
        start, size = 0, _FIRST
        while start < len(self.fresh):
            yield self.fresh[start : start + min(size, largest)]
            start, size = start + min(size, largest), 2 * size


def plan(
    paths: Sequence[str | Path],
    known: Mapping[str, FileRecord],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    retry: bool = False,
    leave_out: Path | None = None,
    becomes: Mapping[str, str] | None = None,
    vectors: VectorRows | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Compare files with what is known of them by size and times of change.

    A recorded file counts as gone only if the file system says that it is not there. Where a
    folder that was named holds nothing at all, its disk may not be connected: its files are kept,
    and it is listed in ``skipped``.

    Args:
        paths: Files and folders.
        known: File records by absolute path.
        include: Patterns such as ``*.jpg`` or ``holiday/*``; a file must match one.
        exclude: Patterns; a file must match none.
        retry: Whether to look again at files that could not be used.
        leave_out: A folder that is never looked into: the store itself.
        becomes: By view of a known file, the view that it would belong to now; where it is
            another one, the file is read again.
        vectors: Tells which rows of files of arrays are looked at, as if each was a file.
        progress: Told how many files were seen.

    Raises:
        InputError: If a path does not exist.
    """
    skipped: list[FileFailure] = []
    roots = _roots(paths, skipped)
    fresh: list[Found] = []
    failed: list[FileRecord] = []
    seen, unchanged = set[str](), 0
    chosen = _chooser(include, exclude)
    for root in roots:
        for found in _listed(root, chosen, leave_out, vectors, skipped):
            path = str(found.path)
            if path in seen:
                continue
            seen.add(path)
            before = known.get(path)
            if before is None or _differs(before, found) or _again(before, becomes or {}, retry):
                fresh.append(found)
            else:
                unchanged += 1
                if before.failed:
                    failed.append(before)
            if progress is not None and len(seen) % 1000 == 0:
                progress("look at files", len(seen), len(seen) + 1)
    named = Roots(roots)
    unseen = (path for path, record in known.items() if path not in seen and not record.gone)
    missing = list(filter(named.hold, unseen))
    gone, doubtful = _missed(missing, roots, skipped)
    return Plan(fresh, unchanged, failed, gone, skipped, doubtful, roots)


def is_gone(path: str) -> bool | None:
    """Whether there is no file of a path; None if the file system does not say."""
    try:
        folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116  thousands are looked at
        return folder and not is_frames_folder(Path(path))
    except (FileNotFoundError, NotADirectoryError):
        there = is_row(path)
        return None if there is None else not there
    except (OSError, ValueError):
        return None


def is_there(path: str) -> bool:
    """Whether something may still lie at a path, a link that leads nowhere among it."""
    return os.path.lexists(path) or is_row(path) is not False


class Roots:
    """Files and folders, perhaps thousands.

    Args:
        paths: Absolute.

    Examples:
        >>> roots = Roots([Path("/a/b"), Path("/c")])
        >>> roots.hold("/a/b/d.png"), roots.hold("/a/bc")
        (True, False)
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {str(path) for path in paths}

    def hold(self, path: str) -> bool:
        """Whether an absolute path is one of them, or in one of them."""
        while path not in self._paths:
            above = os.path.dirname(path)  # noqa: PTH120  thousands are looked at
            if above == path:
                return False
            path = above
        return True


def _roots(paths: Sequence[str | Path], skipped: list[FileFailure]) -> list[Path]:
    """Absolute paths of what is there; what cannot be looked at now is passed over."""
    roots = []
    for path in paths:
        root = expanded(path).resolve()
        try:
            root.stat()
        except (FileNotFoundError, NotADirectoryError):
            why = why_missing(path)
            raise InputError(f"there is no file or folder {str(path)!r}.{why}") from None
        except OSError as error:
            skipped.append(_unreadable(str(path), error))
            continue
        roots.append(root)
    return roots


def _missed(
    missing: Sequence[str], roots: Sequence[Path], skipped: list[FileFailure]
) -> tuple[list[str], list[str]]:
    """Recorded files that are gone, and those that may only be out of reach."""
    gone: list[str] = []
    doubtful: list[str] = []
    bare = [root for root in roots if _is_empty(root)]
    empty = Roots(bare)
    for path in missing:
        answer = is_gone(path)
        if answer is None:
            reason = "cannot be looked at now; its item is kept"
            skipped.append(FileFailure(path, reason, FileStatus.UNREADABLE))
        elif answer:
            (doubtful if empty.hold(path) else gone).append(path)
    for root in bare:
        if count := sum(map(Roots([root]).hold, doubtful)):
            reason = (
                f"is empty, but the store has {count:,} files of it, whose items are kept. If its "
                "disk is not connected, connect it and index again; if you removed the files, run: "
                f"isthmus forget {shlex.quote(str(root))}"
            )
            skipped.append(FileFailure(str(root), reason, FileStatus.UNREADABLE))
    return gone, doubtful


def _is_empty(root: Path) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError:  # a file, or a folder that cannot be listed, which is told elsewhere
        return False


def _unreadable(path: str, error: OSError) -> FileFailure:
    reason = f"cannot be read ({error.strerror or error})"
    return FileFailure(path, reason, FileStatus.UNREADABLE)


def _listed(
    root: Path,
    chosen: Callable[[str], bool],
    leave_out: Path | None,
    vectors: VectorRows | None,
    skipped: list[FileFailure],
) -> Iterator[Found]:
    passed_over: list[Failure] = []
    for path in walk(root, skipped=passed_over):
        if leave_out is not None and path.is_relative_to(leave_out):
            continue
        if not chosen(str(path)):
            continue
        for each in (path,) if vectors is None else vectors.paths(path):
            if isinstance(each, MediaError):
                unsupported = isinstance(each, UnsupportedMediaError)
                status = FileStatus.UNSUPPORTED if unsupported else FileStatus.BROKEN
                skipped.append(FileFailure(each.source, each.reason, status))
                continue
            try:
                yield Found.at(each)
            except OSError as error:  # vanished between listing and looking
                skipped.append(_unreadable(str(each), error))
    for left_out in passed_over:
        passing = isinstance(left_out, Unreadable)
        status = FileStatus.UNREADABLE if passing else FileStatus.BROKEN
        skipped.append(FileFailure(left_out.source, left_out.reason, status))


def _differs(before: FileRecord, now: Found) -> bool:
    """Whether a file may hold something else; a rename shows only in ``ctime_ns``."""
    if before.gone or before.size != now.size or before.mtime_ns != now.mtime_ns:
        return True
    return before.ctime_ns not in (0, now.ctime_ns)


def _again(before: FileRecord, becomes: Mapping[str, str], retry: bool) -> bool:
    """Whether an unchanged file is read again: it may be readable now, or belongs elsewhere."""
    if before.status is FileStatus.UNREADABLE or (retry and before.failed):
        return True
    return becomes.get(before.view, before.view) != before.view


def _chooser(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is wanted."""
    wanted = [path_matcher(each) for each in include]
    unwanted = [path_matcher(each) for each in exclude]
    return lambda path: (
        (not wanted or any(hit(path) for hit in wanted)) and not any(hit(path) for hit in unwanted)
    )
