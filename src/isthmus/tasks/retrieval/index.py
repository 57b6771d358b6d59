"""Indexing: files to vectors in a store, a batch at a time, so that it can be taken up again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from isthmus.core.contracts import Progress
from isthmus.core.errors import InputError, MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import TEXT, View
from isthmus.media.source import item_from_path
from isthmus.media.text import decode_text
from isthmus.pipeline import encode_items
from isthmus.space import Space
from isthmus.store import Backend, Entry, FileRecord, FileStatus, item_id
from isthmus.store.words import words
from isthmus.tasks.retrieval.plan import FileFailure, Found, Plan
from isthmus.tasks.retrieval.views import INDEX, view_meant

BATCH = 64
"""Files that are read, encoded and written together: what a kill can cost."""
_MOST_TEXT = 4000


@dataclass(eq=False)
class IndexReport:
    """What an indexing run did.

    Attributes:
        added: Ids of new items.
        unchanged: Files that needed no look.
        moved: Files whose content was known under another path that is gone, and that path.
        copies: Files whose content is also in another file, and that file.
        near: Two sources that are nearly alike, and their cosine.
        gone: Files that vanished.
        dropped: Ids whose content was replaced in its only file.
        failures: Files that could not be used, those of earlier runs included.
        seconds: How long it took.
    """

    added: list[str] = field(default_factory=list)
    unchanged: int = 0
    moved: list[tuple[str, str]] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    near: list[tuple[str, str, float]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    failures: list[FileFailure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def seen_nothing(self) -> bool:
        """Whether there was no file at all, and none is missed."""
        told = (self.added, self.moved, self.copies, self.failures, self.gone, self.dropped)
        return not self.unchanged and not any(told)

    @property
    def broken(self) -> list[FileFailure]:
        """Files that should have been usable."""
        return [each for each in self.failures if each.status is not FileStatus.UNSUPPORTED]

    @property
    def unsupported(self) -> list[FileFailure]:
        """Files of kinds that the space does not read."""
        return [each for each in self.failures if each.status is FileStatus.UNSUPPORTED]

    @property
    def unsupported_kinds(self) -> dict[str, int]:
        """How many of :attr:`unsupported` by the ending of their names, most frequent first."""
        endings = (Path(each.source).suffix.lower() for each in self.unsupported)
        return dict(Counter(ending or "no ending" for ending in endings).most_common())

    def to_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "added": len(self.added),
            "unchanged": self.unchanged,
            "moved": [{"path": a, "from": b} for a, b in self.moved],
            "copies": [{"path": a, "same_as": b} for a, b in self.copies],
            "near_duplicates": [{"a": a, "b": b, "cosine": round(c, 4)} for a, b, c in self.near],
            "gone": self.gone,
            "replaced": len(self.dropped),
            "broken": [failure.to_json() for failure in self.broken],
            "unsupported": [failure.to_json() for failure in self.unsupported],
            "seconds": round(self.seconds, 2),
        }


def index(
    space: Space,
    backend: Backend,
    todo: Plan,
    *,
    views: Sequence[str] = (),
    progress: Progress | None = None,
) -> IndexReport:
    """Carry out a plan: read, encode and add fresh files, mark vanished ones.

    Every batch is written before the next is read, so a run that is interrupted goes on
    where it stopped.

    Args:
        space: Whose encoders and heads are used.
        backend: Where to.
        todo: What there is to do.
        views: Views that files may belong to; default: all of the space.
        progress: Told after each batch.

    Returns:
        What was done.

    Raises:
        InputError: If several of these views read the modality of a file.
    """
    started = time.monotonic()
    report = IndexReport(unchanged=todo.unchanged)
    report.failures += todo.skipped
    report.failures += map(_failure, todo.failed_before)
    run = _Run(space, backend, views, report)
    done = 0
    for start in range(0, len(todo.fresh), BATCH):
        batch = todo.fresh[start : start + BATCH]
        run.batch(batch)
        done += len(batch)
        if progress is not None:
            progress("index", done, len(todo.fresh))
    run.vanished(todo.gone)
    report.seconds = time.monotonic() - started
    return report


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read: what it holds, and where that belongs."""

    item: MediaItem
    view: str
    id: str


class _Run:
    """One run, and the known files."""

    def __init__(
        self, space: Space, backend: Backend, views: Sequence[str], report: IndexReport
    ) -> None:
        self.space, self.backend, self.report = space, backend, report
        self.views = tuple(views or space.views)
        self.files = backend.files()
        self.paths: dict[str, set[str]] = {}
        for record in self.files.values():
            if record.item is not None and not record.gone:
                self.paths.setdefault(record.item, set()).add(record.path)

    def batch(self, batch: Sequence[Found]) -> None:
        """Read, encode, add and record some files."""
        items: dict[Found, _Read] = {}
        records: dict[str, FileRecord] = {}
        for found in batch:
            try:
                read = self._read(found)
            except MediaError as error:
                records[str(found.path)] = self._failed(found, _status(error), error.reason)
                continue
            if read is not None:
                items[found] = read
        known = self.backend.get([read.id for read in items.values()])
        new: dict[str, _Read] = {}
        for read in items.values():
            if read.id not in known:
                new.setdefault(read.id, read)
        sizes = {read.id: found.size for found, read in items.items()}
        entries = {read.id: _entry(read, sizes[read.id]) for read in new.values()}
        reasons = self._add(list(new.values()), entries)
        for found, read in items.items():
            path = str(found.path)
            if read.id in reasons:
                records[path] = self._failed(found, FileStatus.BROKEN, reasons[read.id])
            else:
                records[path] = FileRecord(
                    path, found.size, found.mtime_ns, read.id, view=read.view
                )
                self._same((known | entries)[read.id], path)
        self._replaced(records)
        self.backend.record_files(list(records.values()))
        self.report.failures += [_failure(each) for each in records.values() if each.failed]
        self.files.update(records)

    def vanished(self, paths: Sequence[str]) -> None:
        """Mark files that are gone, and items that no file holds any more."""
        if not paths:
            return
        records = [replace(self.files[path], gone=True) for path in paths]
        self.backend.record_files(records)
        self.report.gone += paths
        left = {record.item for record in records if record.item is not None}
        for path in paths:
            self._unlink(path)
        lost = [each for each in left if not self.paths.get(each)]
        entries = self.backend.get(lost).values()
        self.backend.amend([replace(entry, gone=True) for entry in entries])

    def _read(self, found: Found) -> _Read | None:
        """A file with its view; None for what another run may want, which is not recorded."""
        item = item_from_path(found.path)
        known = self.space.modalities
        if item.modality not in known.values():
            joined = ", ".join(str(View(view, modality)) for view, modality in known.items())
            raise UnsupportedMediaError(
                str(found.path), f"is {item.modality}, and the space has only the views {joined}"
            )
        if item.modality not in {known[view] for view in self.views}:
            reason = f"is {item.modality}, and you asked only for {', '.join(self.views)}"
            self.report.failures.append(
                FileFailure(str(found.path), reason, FileStatus.UNSUPPORTED)
            )
            return None
        view = view_meant(self.space, item.modality, self.views, way_out=INDEX)
        shared = sum(modality == item.modality for modality in known.values()) > 1
        return _Read(item, view, item_id(item.id, view if shared else ""))

    def _failed(self, found: Found, status: FileStatus, reason: str) -> FileRecord:
        """The record of a file that could not be used; what cannot be read now keeps its item."""
        path = str(found.path)
        before = self.files.get(path)
        keeps = before is not None and status is FileStatus.UNREADABLE
        item, view = (before.item, before.view) if before is not None and keeps else (None, "")
        return FileRecord(path, found.size, found.mtime_ns, item, status, reason, view=view)

    def _add(self, new: Sequence[_Read], entries: Mapping[str, Entry]) -> dict[str, str]:
        """Encode and add new items; says why some could not be."""
        reasons: dict[str, str] = {}
        for view in dict.fromkeys(read.view for read in new):
            some = [read for read in new if read.view == view]
            items = [read.item for read in some]
            native = encode_items(items, self.space.encoder(view))
            why = {failure.source: failure.reason for failure in native.failures}
            reasons |= {r.id: why[r.item.source] for r in some if r.item.source in why}
            good = [read for read, ok in zip(some, native.ok, strict=True) if ok]
            if not good:
                continue
            vectors = self.space.transform(native.vectors[native.ok], view)
            hubness = self.space.hubness(vectors, view)
            rows = [entries[read.id] for read in good]
            self.report.added += self.backend.add(rows, vectors, hubness)
        return reasons

    def _same(self, entry: Entry, path: str) -> None:
        """Tell a new item from a copy and from one that moved."""
        others = self.paths.setdefault(entry.id, set())
        if entry.source != path:
            if Path(entry.source).is_file() and entry.source in others:
                self.report.copies.append((path, entry.source))
            elif entry.added:
                self.report.moved.append((path, entry.source))
                moved = replace(entry, source=path, text=_name_text(path, entry), gone=False)
                self.backend.amend([moved])
        elif entry.gone:
            self.backend.amend([replace(entry, gone=False)])
        others.add(path)

    def _replaced(self, records: Mapping[str, FileRecord]) -> None:
        """Drop items whose only file now holds something else."""
        for path, record in records.items():
            before = self.files.get(path)
            if before is None or before.item is None or before.item == record.item:
                continue
            if not self._unlink(path):
                self.backend.delete([before.item])
                self.report.dropped.append(before.item)

    def _unlink(self, path: str) -> set[str]:
        """Forget that a file holds its item; says which others do."""
        item = self.files[path].item
        left = self.paths.get(item or "", set())
        left.discard(path)
        return left


def near_duplicates(
    backend: Backend, ids: Iterable[str], *, least: float, most: int = 2000
) -> list[tuple[str, str, float]]:
    """Pairs of items of one view that nearly coincide, one of them among ``ids``.

    Args:
        backend: Where they are.
        ids: New items; past ``most`` only the first are looked at.
        least: Cosine from which two count as nearly alike.
        most: Caps the time: each takes a search.

    Returns:
        Their sources and cosine, the closest first.
    """
    some = list(ids)[:most]
    entries, vectors = backend.get(some), backend.vectors(some)
    pairs: dict[tuple[str, str], tuple[str, str, float]] = {}
    for one, vector in vectors.items():
        rows = backend.search(vector, 3, view=entries[one].view)
        for other, cosine in zip(rows.entries, rows.cosine.tolist(), strict=True):
            if other.id != one and cosine >= least:
                a, b = sorted((entries[one], other), key=lambda entry: entry.id)
                pairs[a.id, b.id] = (a.source, b.source, cosine)
    return sorted(pairs.values(), key=lambda pair: -pair[2])


def _failure(record: FileRecord) -> FileFailure:
    return FileFailure(record.path, record.reason, record.status)


def _status(error: MediaError) -> FileStatus:
    """What kind of failure an error is."""
    if isinstance(error.__cause__, OSError):
        return FileStatus.UNREADABLE
    unsupported = isinstance(error, UnsupportedMediaError)
    return FileStatus.UNSUPPORTED if unsupported else FileStatus.BROKEN


def _entry(read: _Read, size: int) -> Entry:
    item = read.item
    text = words_of_name(item.source)
    if item.modality == TEXT:
        with suppress(InputError):  # its failure is told when it is encoded
            text = f"{text}\n{' '.join(decode_text(item))[:_MOST_TEXT]}"
    named = (read.id, read.view, item.modality, item.source)
    return Entry(*named, text, item.span, time.time(), size)


def _name_text(path: str, entry: Entry) -> str:
    """The text of an entry with the words of another name."""
    _, _, rest = entry.text.partition("\n")
    return f"{words_of_name(path)}\n{rest}" if rest else words_of_name(path)


def words_of_name(source: str) -> str:
    """The words of a file's name and of its folder.

    Example:
        >>> words_of_name("/home/me/zoo/red_kangaroo-2.jpg")
        'zoo red kangaroo 2'
    """
    path = Path(source)
    return " ".join(words(f"{path.parent.name} {path.stem}"))


__all__ = ["BATCH", "IndexReport", "index", "near_duplicates", "words_of_name"]
