"""Removing items for good, but never content that a file holds which was not named."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from isthmus.pipeline.reading import default_passages
from isthmus.store import Backend, Entry, FileRecord, content_id
from isthmus.tasks.retrieval.holders import held_by, renamed
from isthmus.tasks.retrieval.plan import Roots
from isthmus.tasks.retrieval.report import Forgotten


def forget(
    backend: Backend, roots: Sequence[Path], ids: Collection[str], views: Collection[str]
) -> Forgotten:
    """Remove items by the files that hold them, by id or by view.

    An item that is named by a file stays while another file holds it that is not named. One that
    is named by its id goes, and the records of all its files.

    Args:
        backend: Where they are.
        roots: Files, or folders whose files are meant.
        ids: Of items.
        views: Only items of these; empty for all. Where neither roots nor ids are given, all
            items of these views.
    """
    with backend.exclusive():
        entries = {entry.id: entry for entry in backend.snapshot().entries()}
        records = backend.files()
        wanted = {name for name, entry in entries.items() if not views or entry.view in views}
        whole = bool(views) and not roots and not ids
        by_id = wanted if whole else wanted & set(ids)
        within = Roots(roots)
        named = {
            path
            for path, record in records.items()
            if within.hold(path) and (not views or record.item in wanted)
        }
        holding = held_by(records.values())
        kept: list[tuple[str, str]] = []
        moved, gone = [], by_id | _unrecorded(entries, records, within) & wanted
        for item in {item for path in named if (item := records[path].item)} & wanted - by_id:
            mine = sorted(path for path in holding.get(item, ()) if path in named)
            others = sorted(path for path in holding.get(item, ()) if path not in named)
            if not others:
                gone.add(item)
                continue
            entry = entries[item]
            source = entry.source if entry.source in others else others[0]
            if source != entry.source:
                moved.append(renamed(entry, source))
            kept += [(path, source) for path in mine]
        dropped = named | _of(gone, records)
        backend.amend(moved)
        backend.delete(gone)
        backend.forget_files(dropped)
        if moved and not gone:
            backend.optimize()  # older versions hold the names that were forgotten
    default_passages().forget({content_id(item) for item in gone})
    return Forgotten(sorted(gone), sorted(dropped), sorted(kept))


def _unrecorded(
    entries: Mapping[str, Entry], records: Mapping[str, FileRecord], within: Roots
) -> set[str]:
    """Items of named sources that no record tells of, such as frames of a video."""
    recorded = {record.item for record in records.values()}
    return {
        item
        for item, entry in entries.items()
        if item not in recorded and within.hold(entry.source)
    }


def _of(items: Collection[str], records: Mapping[str, FileRecord]) -> set[str]:
    """Paths of all records of some items."""
    return {path for path, record in records.items() if record.item in items}
