"""Indexing: files to vectors in a store, a batch at a time, so that it can be taken up again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.core.contracts import Progress, untold, window_of
from isthmus.core.errors import InputError, IsthmusError, MediaError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.core.view import IMAGE, TEXT, VIDEO, View
from isthmus.media.animated import animated
from isthmus.media.source import item_from_path
from isthmus.media.text import decode_text, long_text
from isthmus.pipeline import WORKERS, read_fields, read_seconds
from isthmus.space import Space
from isthmus.store import (
    Backend,
    Entry,
    FileRecord,
    FileStatus,
    content_id,
    is_whole,
    item_id,
    whole_id,
)
from isthmus.tasks.retrieval.contents import MOST_TEXT, content_of
from isthmus.tasks.retrieval.encoded_parts import encoded_parts
from isthmus.tasks.retrieval.fields import with_fields
from isthmus.tasks.retrieval.holders import Run, handed, words_of_name
from isthmus.tasks.retrieval.parts import Finder, Part, parts_of
from isthmus.tasks.retrieval.plan import FileFailure, Found, Plan, Roots, is_there
from isthmus.tasks.retrieval.read_files import (
    CHANGING,
    ReadFile,
    Refused,
    failure,
    is_as_before,
    record_of,
    refusal,
    status_of,
)
from isthmus.tasks.retrieval.read_setting import ReadSetting
from isthmus.tasks.retrieval.report import IndexReport
from isthmus.tasks.retrieval.views import INDEX, item_view
from isthmus.tasks.retrieval.words_read import Words

BATCH = 256
"""Files that are read, encoded and written together: what a kill can cost."""
_PARTS = 1024
"""Items and parts that are encoded and written at once, if no single file has more."""


def index(
    space: Space,
    backend: Backend,
    todo: Plan,
    views: Sequence[str] = (),
    *,
    reading: ReadSetting | None = None,
    fields: bool = True,
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
        reading: Words to read in files; where some were not looked for before, in items that are
            there already, too.
        fields: Whether to keep what files say of themselves.
        progress: Told after each batch.

    Returns:
        What was done.

    Raises:
        InputError: If several of these views read the modality of a file.
    """
    started = time.monotonic()
    report = IndexReport(unchanged=todo.unchanged)
    report.failures += todo.skipped
    report.failures += map(failure, todo.failed_before)
    run = _Run(space, backend, views, report, fields=fields)
    run.progress, run.total = progress or untold, len(todo.fresh)
    run.words = None if reading is None else reading.words()
    try:
        done = 0
        for batch in todo.batches(BATCH):
            run.batch(batch)
            run.advance(done := done + len(batch))
        if reading is not None and reading.behind:
            run.catch_up()
    except BaseException:
        with suppress(IsthmusError):  # what stopped the run is told
            run.settle(todo, finished=False)
        raise
    run.vanished(todo.gone)
    run.settle(todo, finished=True)
    report.seconds = time.monotonic() - started
    return report


class _Run:
    """One run, and the known files."""

    def __init__(
        self,
        space: Space,
        backend: Backend,
        views: Sequence[str],
        report: IndexReport,
        *,
        fields: bool,
    ) -> None:
        self.space, self.backend, self.report, self.fields = space, backend, report, fields
        self.views, self.asked = tuple(views or space.views), tuple(views)
        self.files = backend.files()
        self.held = {record.item for record in self.files.values() if record.item is not None}
        self.fresh: set[str] = set()
        self.words: Words | None = None
        self.progress: Progress = untold
        self.done = self.total = 0

    def advance(self, done: int) -> None:
        """Tell how many files are done."""
        self.done = done
        self.progress("index", done, self.total)

    def batch(self, batch: Sequence[Found]) -> None:
        """Read, encode, add and record some files."""
        reads: dict[str, ReadFile] = {}
        records: dict[str, FileRecord] = {}
        for found in batch:
            path = str(found.path)
            try:
                read = self._read(found.path)
            except MediaError as error:
                records[path] = self._failed(found, Refused(status_of(error), error.reason))
                continue
            if read is not None:
                reads[path] = read
        known = self.backend.known(read.id for read in reads.values())
        new: dict[str, ReadFile] = {}
        for read in reads.values():
            if read.id not in known:
                new.setdefault(read.id, read)
        refused = self._add(list(new.values()))
        for path, read in reads.items():
            if read.id in refused:
                records[path] = self._failed(read.file, refused[read.id])
            else:
                records[path] = record_of(read.file, read.id, read.view)
        self._write(records)
        self.report.failures += [failure(each) for each in records.values() if each.failed]

    def catch_up(self) -> None:
        """Look for words in items that were there before."""
        if self.words is None:
            return
        there = [
            entry
            for entry in self.backend.snapshot().entries()
            if is_whole(entry.id) and not entry.gone and self.words.reads(entry.modality)
        ]
        added = set(self.report.added)
        old = [entry for entry in there if entry.id not in added]
        for start in range(0, len(old), BATCH):
            files: dict[str, ReadFile] = {}
            wholes: list[Part] = []
            for entry in old[start : start + BATCH]:
                with suppress(MediaError, OSError):  # gone or replaced; an index run says so
                    file, item = Found.at(Path(entry.source)), content_of(entry)
                    files[entry.id] = ReadFile(item, entry.view, entry.id, file)
                    told, labels = entry.fields, entry.labels
                    wholes.append(Part(item, entry.view, entry.id, fields=told, labels=labels))
            self.words.ahead([whole.item for whole in wholes], self.progress)
            found = [p.under(each) for each in wholes for p in self.words.find(each, self.space)]
            self._add_parts(found, files)
            self._unread(files)

    def _unread(self, files: Mapping[str, ReadFile]) -> None:
        """Tell of files that were added, but in which no words could be read."""
        why = {} if self.words is None else self.words.failures
        self.report.failures += [
            FileFailure(
                read.item.source,
                f"its words cannot be read: {why[read.item.id]}",
                FileStatus.BROKEN,
            )
            for read in files.values()
            if read.item.id in why
        ]

    def vanished(self, paths: Sequence[str]) -> None:
        """Mark files that are gone."""
        known = (self.files[path] for path in paths if path in self.files)
        self._write({record.path: replace(record, gone=True) for record in known})
        self.report.gone += paths

    def settle(self, todo: Plan, *, finished: bool) -> None:
        """Let every item name a file that holds it, and drop items whose content was replaced.

        An earlier run may have ended before it did, so this looks at all items. A run that has
        not seen all files drops none.
        """
        with self.backend.exclusive():
            files = self.backend.files()
            doubtful = {*todo.doubtful, *self._left_behind(files)}
            run = Run(files, self.fresh, doubtful, self.held, Roots(todo.roots))
            done = handed(self.backend.snapshot().entries(), run)
            self.backend.amend(done.entries)
            if finished:
                self.backend.delete(done.dropped)
                self.backend.record_files(done.left)
                # What moved is known by its new name; under the old one it is not even missed.
                self.backend.forget_files(old for _, old in done.moved if not is_there(old))
        self.report.moved += done.moved
        self.report.copies += done.copies
        self.report.dropped += filter(is_whole, done.dropped) if finished else []

    def _left_behind(self, files: Mapping[str, FileRecord]) -> list[str]:
        """Files elsewhere that are not there, and whose content this run found."""
        found = {files[path].item for path in self.fresh if path in files} - {None}
        same = (r.path for r in files.values() if r.item in found and not r.gone)
        return [path for path in same if path not in self.fresh and not is_there(path)]

    def _write(self, records: Mapping[str, FileRecord]) -> None:
        """Record files; those whose item another process removed meanwhile are read again."""
        with self.backend.exclusive():
            named = {record.item for record in records.values() if record.item is not None}
            there = self.backend.known(named)
            kept = {p: r for p, r in records.items() if r.item is None or r.item in there}
            self.backend.record_files(list(kept.values()))
        self.files.update(kept)
        self.fresh.update(path for path, record in kept.items() if not record.gone)

    def _read(self, path: Path) -> ReadFile | None:
        """A file with its view; None for what another run may want, which is not recorded."""
        try:
            file = Found.at(path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            raise MediaError(str(path), reason) from error
        item = self._item(path)
        known = self.space.modalities
        if item.modality not in known.values():
            joined = ", ".join(str(View(view, modality)) for view, modality in known.items())
            raise UnsupportedMediaError(
                str(path), f"is {item.modality}, and the space has only the views {joined}"
            )
        if item.modality not in {known[view] for view in self.views}:
            reason = f"is {item.modality}, and you asked only for {', '.join(self.views)}"
            self.report.failures.append(FileFailure(str(path), reason, FileStatus.UNSUPPORTED))
            self._release(str(path), item)
            return None
        view = item_view(self.space, item, self.views, way_out=INDEX)
        shared = sum(modality == item.modality for modality in known.values()) > 1
        return ReadFile(item, view, item_id(item.id, view if shared else ""), file)

    def _item(self, path: Path) -> MediaItem:
        """The item in a file: of a picture that moves a video, where that is what is wanted."""
        item = item_from_path(path)
        known = self.space.modalities
        wanted = {known[view] for view in self.views}
        if item.modality != IMAGE or VIDEO not in wanted:
            return item
        if any(known[view] == IMAGE for view in self.asked):
            return item
        try:
            with path.open("rb") as handle:
                return replace(item, modality=VIDEO) if animated(handle) else item
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            raise MediaError(str(path), reason) from error

    def _release(self, path: str, item: MediaItem) -> None:
        """Forget the record of a file that is not recorded anew and holds something else now."""
        before = self.files.get(path)
        if before is not None and before.item is not None and content_id(before.item) != item.id:
            self.backend.forget_files([path])
            del self.files[path]

    def _failed(self, found: Found, why: Refused) -> FileRecord:
        """The record of a file that could not be used; what cannot be read now keeps its item."""
        before = self.files.get(str(found.path))
        if before is not None and why.status is FileStatus.UNREADABLE:
            made = record_of(found, before.item, before.view)
        else:
            made = record_of(found, None, "")
        return replace(made, status=why.status, reason=why.reason)

    def _add(self, new: Sequence[ReadFile]) -> dict[str, Refused]:
        """Encode and add new items and their parts; says why some items could not be.

        An item and all of its parts are written at once, so that no kill comes between them.
        """
        refused: dict[str, Refused] = {}
        waiting: list[Part] = []
        files: dict[str, ReadFile] = {}
        further: tuple[Finder, ...] = ()
        if self.words is not None:
            self.words.ahead([read.item for read in new], self.progress)
            further = (self.words.find,)
        items = [read.item for read in new]
        told = read_fields(items) if self.fields else [()] * len(new)
        cut = [read for read in new if math.isfinite(window_of(self.space.encoder(read.view)))]
        lasts = dict(zip((r.id for r in cut), read_seconds([r.item for r in cut]), strict=True))
        begun = self.done
        for place, (read, fields) in enumerate(zip(new, told, strict=True), 1):
            seconds = lasts.get(read.id)
            try:
                if isinstance(seconds, MediaError):
                    raise seconds
                known = (read.item, read.view, read.id, self.space, fields, seconds)
                parts = list(parts_of(*known, further=further, progress=self.progress))
            except MediaError as error:
                refused[read.id] = refusal(read, error.reason)
                continue
            files[read.id] = read
            waiting += parts
            if len(waiting) >= _PARTS:
                refused |= self._add_parts(waiting, files)
                waiting, files = [], {}
                if place < len(new):
                    self.advance(begun + place)
        refused |= self._add_parts(waiting, files)
        self._unread({read.id: read for read in new if read.id not in refused})
        return refused

    def _add_parts(
        self, parts: Sequence[Part], files: Mapping[str, ReadFile]
    ) -> dict[str, Refused]:
        """Encode and add items with their parts."""
        refused: dict[str, Refused] = {}
        entries: list[Entry] = []
        vectors, hubness = [], []
        for view in dict.fromkeys(part.view for part in parts):
            some = [part for part in parts if part.view == view]
            encoded = encoded_parts(some, self.space.encoder(view), self.progress)
            good = []
            for part in some:
                read = files[whole_id(part.id)]
                if part.id in encoded.vectors:
                    good.append(part)
                elif part.id == read.id:
                    refused[read.id] = refusal(read, encoded.reasons[part.id])
            if good:
                x = self.space.transform(np.stack([encoded.vectors[p.id] for p in good]), view)
                vectors.append(x)
                hubness.append(self.space.hubness(x, view))
                entries += [_entry(p, files[whole_id(p.id)]) for p in good]
        refused |= {n: CHANGING for n in files if n not in refused and not is_as_before(files[n])}
        kept = [row for row, entry in enumerate(entries) if whole_id(entry.id) not in refused]
        if kept:
            x, near = np.concatenate(vectors)[kept], np.concatenate(hubness)[kept]
            added = self.backend.add([entries[row] for row in kept], x, near)
            self.report.added += [each for each in added if is_whole(each)]
            fresh = set(added)
            self.report.passages += sum(bool(e.origin) for e in entries if e.id in fresh)
        return refused


def _entry(part: Part, read: ReadFile) -> Entry:
    item = part.item
    modality = read.item.modality if part.origin else item.modality
    text = words_of_name(item.source)
    if part.origin:  # what was read there, and not what the file is called
        text = " ".join(item.captions)[:MOST_TEXT]
    elif item.modality == TEXT and part.pooled:
        text = f"{text}\n{long_text(item, WORKERS.limits)[:MOST_TEXT]}"
    elif item.modality == TEXT:
        with suppress(InputError):  # its failure is told when it is encoded
            text = f"{text}\n{' '.join(decode_text(item))[:MOST_TEXT]}"
    made = Entry(
        part.id,
        part.view,
        modality,
        item.source,
        text,
        part.span or item.span,
        time.time(),
        read.file.size,
        labels=part.labels,
        origin=part.origin,
    )
    return with_fields(made, part.fields)
