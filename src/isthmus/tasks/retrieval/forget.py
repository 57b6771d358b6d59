"""Removing items for good, but never content that a file holds which was not named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from isthmus.pipeline import default_cache
from isthmus.pipeline.reading import default_passages
from isthmus.store import Backend, Entry, FileRecord, content_id, is_whole, whole_id
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
        things = {whole_id(each) for each in by_id}
        within = Roots(roots)
        named = {
            path
            for path, record in records.items()
            if within.hold(path) and (not views or record.item in wanted)
        }
        holding = held_by(records.values())
        kept: list[tuple[str, str]] = []
        renamed_to: dict[str, tuple[str, list[str]]] = {}
        gone = things | _unrecorded(entries, records, within)
        for item in {item for path in named if (item := records[path].item)} & set(entries) - gone:
            mine = sorted(path for path in holding.get(item, ()) if path in named)
            others = sorted(path for path in holding.get(item, ()) if path not in named)
            if not others:
                gone.add(item)
                continue
            source = entries[item].source if entries[item].source in others else others[0]
            renamed_to[item] = source, [path for path in others if path != source]
            kept += [(path, source) for path in mine]
        removed = {name for name in wanted if whole_id(name) in gone}
        lost = {name for name in removed if is_whole(name)}
        dropped = named | _of(lost, records)
        moved = _moved(entries.values(), renamed_to)
        backend.amend(moved)
        backend.delete(removed)
        backend.forget_files(dropped)
        if moved and not removed:
            backend.optimize()  # older versions hold the names that were forgotten
    contents = {content_id(name) for name in removed}
    with default_passages() as words, default_cache() as vectors:
        words.forget(contents)
        vectors.forget(contents)
    return Forgotten(sorted({whole_id(name) for name in removed}), sorted(dropped), sorted(kept))


def _moved(
    entries: Iterable[Entry], renamed_to: Mapping[str, tuple[str, list[str]]]
) -> list[Entry]:
    """Entries of things that stay, parts among them, which name no file that is forgotten."""
    moved = []
    for entry in entries:
        if (whole := whole_id(entry.id)) in renamed_to:
            source, others = renamed_to[whole]
            now = entry if source == entry.source else renamed(entry, source)
            now = replace(now, copies=tuple(others))
            if now != entry:
                moved.append(now)
    return moved


def _unrecorded(
    entries: Mapping[str, Entry], records: Mapping[str, FileRecord], within: Roots
) -> set[str]:
    """Things of named sources that no record tells of, such as frames of a video."""
    recorded = {record.item for record in records.values()}
    return {
        whole
        for name, entry in entries.items()
        if (whole := whole_id(name)) not in recorded and within.hold(entry.source)
    }


def _of(items: Collection[str], records: Mapping[str, FileRecord]) -> set[str]:
    """Paths of all records of some items."""
    return {path for path, record in records.items() if record.item in items}
