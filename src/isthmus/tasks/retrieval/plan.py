"""What an indexing run has to do: files that are new, changed, back or gone since the last one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError
from isthmus.core.record import Failure
from isthmus.media.source import walk
from isthmus.store import FileRecord, FileStatus
from isthmus.store.patterns import path_matcher


@dataclass(frozen=True, slots=True)
class Found:
    """A file as the file system describes it, without opening it."""

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class FileFailure(Failure):
    """A file that could not be used.

    Attributes:
        status: What kind of failure it is.
    """

    status: FileStatus

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
    """

    fresh: Sequence[Found]
    unchanged: int
    failed_before: Sequence[FileRecord]
    gone: Sequence[str]
    skipped: Sequence[FileFailure] = field(default_factory=list)


def plan(
    paths: Sequence[str | Path],
    known: Mapping[str, FileRecord],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    retry: bool = False,
    leave_out: Path | None = None,
    becomes: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Compare files with what is known of them by size and time of change.

    Args:
        paths: Files and folders.
        known: File records by absolute path.
        include: Patterns such as ``*.jpg`` or ``holiday/*``; a file must match one.
        exclude: Patterns; a file must match none.
        retry: Whether to look again at files that could not be used.
        leave_out: A folder that is never looked into: the store itself.
        becomes: By view of a known file, the view that it would belong to now; where it is
            another one, the file is read again.
        progress: Told how many files were seen.

    Raises:
        InputError: If a path does not exist.
    """
    roots = [Path(path).expanduser().resolve() for path in paths]
    if missing := [path for path, root in zip(paths, roots, strict=True) if not root.exists()]:
        raise InputError(f"there is no file or folder {str(missing[0])!r}")
    skipped: list[FileFailure] = []
    fresh: list[Found] = []
    failed: list[FileRecord] = []
    seen: set[str] = set()
    unchanged = 0
    chosen = _chooser(include, exclude)
    for root in roots:
        for found in _listed(root, chosen, leave_out, skipped):
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
    gone = [
        path
        for path, record in known.items()
        if path not in seen
        and not record.gone
        and _under(path, roots)
        and not os.path.lexists(path)
    ]
    return Plan(fresh, unchanged, failed, gone, skipped)


def _listed(
    root: Path, chosen: Callable[[str], bool], leave_out: Path | None, skipped: list[FileFailure]
) -> Iterator[Found]:
    passed_over: list[Failure] = []
    for path in walk(root, skipped=passed_over):
        if leave_out is not None and path.is_relative_to(leave_out):
            continue
        if not chosen(str(path)):
            continue
        try:
            stat = path.stat()
        except OSError as error:  # vanished between listing and looking
            reason = f"cannot be read ({error.strerror or error})"
            skipped.append(FileFailure(str(path), reason, FileStatus.UNREADABLE))
            continue
        yield Found(path, stat.st_size, stat.st_mtime_ns)
    skipped += [FileFailure(each.source, each.reason, FileStatus.BROKEN) for each in passed_over]


def _differs(before: FileRecord, now: Found) -> bool:
    return before.gone or before.size != now.size or before.mtime_ns != now.mtime_ns


def _again(before: FileRecord, becomes: Mapping[str, str], retry: bool) -> bool:
    """Whether an unchanged file is read again: it may be readable now, or belongs elsewhere."""
    if before.status is FileStatus.UNREADABLE or (retry and before.failed):
        return True
    return becomes.get(before.view, before.view) != before.view


def _under(path: str, roots: Sequence[Path]) -> bool:
    return any(path == str(root) or path.startswith(str(root).rstrip("/") + "/") for root in roots)


def _chooser(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is wanted."""
    wanted = [path_matcher(each) for each in include]
    unwanted = [path_matcher(each) for each in exclude]
    return lambda path: (
        (not wanted or any(hit(path) for hit in wanted)) and not any(hit(path) for hit in unwanted)
    )
