"""Whether files still hold what a store says of them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from isthmus.core.artifact import file_content_hash
from isthmus.core.errors import MediaError
from isthmus.core.item import MediaItem
from isthmus.core.reading import READ_ONLY
from isthmus.core.wording import count
from isthmus.media.frames_folder import frames_item, is_frames_folder
from isthmus.media.source import item_from_path
from isthmus.store import Backend, Damage, Entry, content_id, is_whole


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
