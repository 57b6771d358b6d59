"""Reading anew what the files of a store say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.contracts import Progress
from isthmus.core.errors import MediaError
from isthmus.core.fields import Fields
from isthmus.core.item import MediaItem
from isthmus.core.paths import expanded
from isthmus.pipeline import read_fields
from isthmus.store import Backend, Entry, whole_id
from isthmus.tasks.retrieval.contents import content_of
from isthmus.tasks.retrieval.fields import with_fields
from isthmus.tasks.retrieval.given import paths_given
from isthmus.tasks.retrieval.plan import Roots
from isthmus.tasks.retrieval.unfinished import RunGiven, under_way

if TYPE_CHECKING:
    from isthmus.tasks.retrieval.store import Store

_BATCH = 256
"""Files that are read and written together."""


def refresh_fields(
    store: Store,
    paths: str | Path | Sequence[str | Path],
    *,
    fields: bool = True,
    progress: Progress | None = None,
) -> int:
    """Read anew what files say of themselves; nothing is encoded.

    Args:
        store: Whose items are meant.
        paths: Files, or folders whose files are meant.
        fields: False to remove the fields that the store has of them.
        progress: Told as files are read.

    Returns:
        How many items now have other fields. A file that is gone or has changed keeps its own.
    """
    roots = [expanded(path).resolve() for path in paths_given(paths)]
    run = RunGiven.of(roots, (), (), (), store.trust, fields=fields, refresh=True)
    with under_way(store.folder, store.backend, run, left=True):
        return refreshed(store.backend, Roots(roots), fields=fields, progress=progress)


def refreshed(
    backend: Backend, roots: Roots, *, fields: bool, progress: Progress | None = None
) -> int:
    """The same for the backend of a store; a run that does it notes itself."""
    entries = [each for each in backend.entries() if roots.hold(each.source)]
    wholes = [each for each in entries if each.id == whole_id(each.id)]
    changed = 0
    for start in range(0, len(wholes), _BATCH):
        some = wholes[start : start + _BATCH]
        found: dict[str, Fields] = _read(some) if fields else {each.id: () for each in some}
        changed += _write(backend, entries, found)
        if progress is not None:
            progress("read fields", start + len(some), len(wholes))
    if changed:
        backend.optimize()  # older versions hold what was there before
    return changed


def _read(entries: Sequence[Entry]) -> dict[str, Fields]:
    """Fields of items by id, of those whose files hold what the store says."""
    items = dict(_contents(entry for entry in entries if not entry.gone))
    return dict(zip(items, read_fields(list(items.values())), strict=True))


def _contents(entries: Iterator[Entry]) -> Iterator[tuple[str, MediaItem]]:
    for entry in entries:
        try:
            yield entry.id, content_of(entry)
        except MediaError:  # the next indexing run tells
            continue


def _write(backend: Backend, entries: Sequence[Entry], found: dict[str, Fields]) -> int:
    """Give items, and their parts, the fields that were found; says how many items changed."""
    mine = [each.id for each in entries if whole_id(each.id) in found]
    with backend.exclusive():
        now = backend.get(mine).values()
        made = [with_fields(entry, found[whole_id(entry.id)]) for entry in now]
        other = [new for new, old in zip(made, now, strict=True) if new != old]
        backend.amend(other)
    return sum(entry.id == whole_id(entry.id) for entry in other)
