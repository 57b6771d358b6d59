"""Which files hold the content of an item, and which of them is its source.

What changed hands is decided once all files of a run are known: a file that was renamed may have
taken the name of another, whose content is found later under a third.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from isthmus.store import Entry, FileRecord, content_id, is_whole, whole_id
from isthmus.store.words import words
from isthmus.tasks.retrieval.plan import Roots, is_gone

_CONTENT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Run:
    """What a run knows when it has looked at all files.

    Attributes:
        files: Records of all files, by path.
        fresh: Paths that it read.
        doubtful: Paths that could not be found, though they may only be out of reach.
        held: Items that had a file before.
        roots: What was looked at.
    """

    files: Mapping[str, FileRecord]
    fresh: Collection[str]
    doubtful: Collection[str]
    held: Collection[str]
    roots: Roots


@dataclass
class Handed:
    """What has to be written so that every item names a file that holds its content.

    Attributes:
        entries: To be amended.
        dropped: Ids of items whose content was replaced in every file that held it.
        left: Records of files whose content was found elsewhere.
        moved: New and old path of what moved.
        copies: Path of what is also in another file, and that file.
    """

    entries: list[Entry] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    left: list[FileRecord] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)


def handed(entries: Iterable[Entry], run: Run) -> Handed:
    """Decide for every item where it is now.

    An item of no recorded file stays as it is: somebody else added it.
    """
    out = Handed()
    holding, vanished = held_by(run.files.values()), held_by(run.files.values(), gone=True)
    for entry in entries:
        whole = whole_id(entry.id)
        if paths := holding.get(whole):
            _hand_over(entry, paths, run, out)
        elif paths := vanished.get(whole):
            _mark_gone(entry, paths, run, out)
        elif whole in run.held or _is_replaced(entry, run.files):
            out.dropped.append(entry.id)
        elif _is_lost(entry, run):
            out.entries.append(replace(entry, gone=True))
    return out


def held_by(records: Iterable[FileRecord], *, gone: bool = False) -> dict[str, list[str]]:
    """Paths of the files that hold each item, or of those that did and are gone."""
    out: dict[str, list[str]] = {}
    for record in records:
        if record.item is not None and record.gone == gone:
            out.setdefault(record.item, []).append(record.path)
    return out


def renamed(entry: Entry, path: str) -> Entry:
    """An entry with another source, and the words of its name unless it has its own."""
    if entry.origin:
        return replace(entry, source=path, gone=False)
    _, _, rest = entry.text.partition("\n")
    text = f"{words_of_name(path)}\n{rest}" if rest else words_of_name(path)
    return replace(entry, source=path, text=text, gone=False)


def words_of_name(source: str) -> str:
    """The words of a file's name and of its folder.

    Examples:
        >>> words_of_name("/home/me/zoo/red_kangaroo-2.jpg")
        'zoo red kangaroo 2'
    """
    path = Path(source)
    return " ".join(words(f"{path.parent.name} {path.stem}"))


def _hand_over(entry: Entry, paths: Sequence[str], run: Run, out: Handed) -> None:
    """The source stays while it holds the item; else a file that was read now comes first."""
    sure = [path for path in paths if path not in run.doubtful]
    if sure and len(sure) < len(paths):
        out.left += [replace(run.files[path], gone=True) for path in paths if path in run.doubtful]
    sure = sure or list(paths)
    source, whole = entry.source, is_whole(entry.id)
    if source not in sure:
        source = min((path for path in sure if path in run.fresh), default=min(sure))
        if source in run.fresh and whole:
            out.moved.append((source, entry.source))
    others = sorted(path for path in sure if path != source)
    if whole:
        out.copies += [(path, source) for path in others if path in run.fresh]
    named = entry if source == entry.source else renamed(entry, source)
    now = replace(named, gone=False, copies=tuple(others))
    if now != entry:
        out.entries.append(now)


def _mark_gone(entry: Entry, paths: Sequence[str], run: Run, out: Handed) -> None:
    """No file holds the item now; its source is one that did last."""
    place = entry.source
    if place not in paths and place in run.files:
        place = min(paths)
    named = entry if place == entry.source else renamed(entry, place)
    now = replace(named, gone=True, copies=())
    if now != entry:
        out.entries.append(now)


def _is_replaced(entry: Entry, files: Mapping[str, FileRecord]) -> bool:
    """Whether its source holds other content, and a run that ended early did not say so."""
    record, content = files.get(entry.source), content_id(entry.id)
    if record is None or record.item is None or not _CONTENT.fullmatch(content):
        return False
    return content_id(record.item) != content


def _is_lost(entry: Entry, run: Run) -> bool:
    """Whether it was added by a run that ended before it noted the file, which then vanished."""
    if entry.gone or entry.source in run.files or not _CONTENT.fullmatch(content_id(entry.id)):
        return False
    return run.roots.hold(entry.source) and is_gone(entry.source) is True
