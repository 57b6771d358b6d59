"""Which items a store holds, by their content, and whether files still hold what it says."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from isthmus.core.artifact import file_content_hash
from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.reading import READ_ONLY
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.media.array_rows import row_path
from isthmus.media.frames_folder import frames_item, is_frames_folder
from isthmus.media.source import item_from_path
from isthmus.media.text import clean, decode_text
from isthmus.store import Backend, Damage, Entry, Reader, content_id, is_whole, item_id

MOST_TEXT = 4000
"""Characters of a text that a store keeps."""
_ALIKE = 200
"""Characters at the beginning by which texts are looked up, before all is compared."""


def content_of(entry: Entry) -> MediaItem:
    """An item with its content; of words that were read in a file, these words.

    Args:
        entry: What a store knows of it.

    Raises:
        MediaError: If its file is gone or now holds something else.
    """
    found = item_from_path(Path(entry.source), entry.modality)
    if found.id != content_id(entry.id):
        raise MediaError(
            entry.source,
            "has changed since it was indexed; index it again with: "
            f"isthmus index {shlex.quote(entry.source)}",
        )
    if entry.origin:
        return MediaItem.from_text(entry.text, source=entry.source)
    return replace(found, span=entry.span)


def held_items(
    rows: Reader, given: Sequence[tuple[str, MediaItem]], views: Iterable[str]
) -> list[list[str]]:
    """The items of a store that have the content of others.

    An item of a file is known by its bytes. A text is the same wherever it lies, in a file that
    ends its line or in a cell of a table.

    Args:
        rows: Of the store.
        given: Items, and the view that each is of.
        views: Those of the space of the store.

    Returns:
        For each item the ids in the store, mostly one or none.
    """
    names = [[item_id(item.id, each) for each in {"": 0, view: 0, **dict.fromkeys(views, 0)}]
             for view, item in given]  # fmt: skip
    known = rows.known(name for some in names for name in some)
    found = [[name for name in some if name in known] for some in names]
    wanted: dict[str, list[int]] = {}
    for place, (_, item) in enumerate(given):
        if item.modality == TEXT and len(item.captions) == 1:
            wanted.setdefault(clean(item.captions[0])[:_ALIKE], []).append(place)
    for entry in rows.entries() if wanted else ():
        if entry.modality != TEXT or entry.origin or not is_whole(entry.id):
            continue
        text = clean(entry.text.partition("\n")[2])
        for place in wanted.get(text[:_ALIKE], ()):
            if entry.id not in found[place] and _says(entry, text, given[place][1]):
                found[place].append(entry.id)
    return found


def _says(entry: Entry, text: str, item: MediaItem) -> bool:
    """Whether a text of a store, of which it keeps this much, is another one."""
    whole = clean(item.captions[0])
    if len(whole) < MOST_TEXT:
        return text == whole
    with suppress(MediaError):
        return decode_text(content_of(entry)) == (whole,)
    return False


def changed_files(backend: Backend, *, repair: bool = False) -> list[Damage]:
    """Files that hold other content than the store says, by reading every one.

    A file that is gone, or cannot be read now, is no damage.

    Args:
        backend: What is checked.
        repair: Whether to drop the records of these files, so that the next run reads them.
    """
    claims: dict[str, set[str]] = {}
    for path, item in _claims(backend):
        claims.setdefault(path, set()).add(item)
    wrong: dict[str, list[str]] = {}
    for path, items in claims.items():
        content = _content(path)
        other = sorted(item for item in items if content_id(item) != content)
        if content is not None and other:
            wrong[path] = other
    if not wrong:
        return []
    if repair:
        backend.forget_files(wrong)
    return [_damage(wrong, repaired=repair)]


def _claims(backend: Backend) -> Iterator[tuple[str, str]]:
    """Every file with an item that it should hold."""
    known = backend.files()
    for record in known.values():
        if record.item is not None and not record.gone:
            yield record.path, record.item
    for entry in backend.snapshot().entries():
        if entry.source in known and not entry.gone and is_whole(entry.id):
            yield entry.source, entry.id


def _content(path: str) -> str | None:
    """The hash of what is in a file; None for what is no file, which is not read."""
    if is_frames_folder(Path(path)):
        with suppress(MediaError):
            return frames_item(Path(path)).id
        return None
    if row_path(path) is not None:
        with suppress(MediaError):
            return item_from_path(Path(path)).id
        return None
    try:
        with os.fdopen(os.open(path, READ_ONLY), "rb") as handle:
            regular = stat.S_ISREG(os.fstat(handle.fileno()).st_mode)
            return file_content_hash(handle) if regular else None
    except (OSError, ValueError):  # ValueError: a null byte in a record that was forged
        return None


def _damage(wrong: dict[str, list[str]], *, repaired: bool) -> Damage:
    ids: Sequence[str] = sorted({item for items in wrong.values() for item in items})
    listed = ", ".join(sorted(wrong)[:5])
    what = (
        f"{count(len(wrong), 'file holds', 'files hold')}"
        f" other content than the store says: {listed}"
    )
    done = "records dropped; index these files again" if repaired else ""
    return Damage(what, ids, done)
