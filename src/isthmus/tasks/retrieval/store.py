"""Store: the items of a space on disk, found by anything."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from isthmus.core.contracts import Progress
from isthmus.core.errors import ArtifactError, FingerprintError, InputError, MediaError
from isthmus.core.item import MediaItem
from isthmus.core.paths import data_dir
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.media.source import item_from_path
from isthmus.space import Space
from isthmus.space.readout import Readout
from isthmus.store import (
    Backend,
    Damage,
    Entry,
    FileRecord,
    MemoryBackend,
    content_id,
    open_backend,
)
from isthmus.store.filters import Filter, parse
from isthmus.tasks.retrieval.explain import Explanation, explain
from isthmus.tasks.retrieval.hits import Results
from isthmus.tasks.retrieval.index import IndexReport, index, near_duplicates
from isthmus.tasks.retrieval.plan import Plan, plan
from isthmus.tasks.retrieval.query import Query
from isthmus.tasks.retrieval.search import search

_SPACE = "space"
NEARLY_ALIKE = 0.995
"""Cosine from which two items are reported as near-duplicates."""


def default_store() -> Path:
    """Where the store is unless told otherwise: ``$ISTHMUS_STORE``, else the data folder."""
    chosen = os.environ.get("ISTHMUS_STORE")
    return Path(chosen).expanduser() if chosen else data_dir() / "store"


class Store:
    """Items with their vectors, bound to one space.

    Use :meth:`open`, or :meth:`in_memory` for a store that is gone when the program ends.

    Args:
        space: Whose vectors it holds.
        backend: Where they are kept.
        folder: Where the store lies on disk, if it does.
    """

    def __init__(self, space: Space, backend: Backend, folder: Path | None = None) -> None:
        self.space, self.backend, self.folder = space, backend, folder

    @classmethod
    def open(cls, folder: str | Path, space: Space | None = None) -> Store:
        """Open a store, or make one.

        A store keeps a copy of its space, so that it can be searched with nothing else.

        Args:
            folder: Of the store.
            space: Needed to make one; where there is one, it must be of the same fingerprint.

        Raises:
            ArtifactError: If there is no store and no space was given, or it is damaged.
            FingerprintError: If the store belongs to another space.
        """
        folder = Path(folder).expanduser()
        own = folder / _SPACE
        if own.is_dir():
            kept = Space.load(own)
            if space is not None and space.fingerprint != kept.fingerprint:
                raise FingerprintError(
                    f"{folder} belongs to the space {kept.fingerprint[:12]}, not to "
                    f"{space.fingerprint[:12]}; open it without a space, or index into another "
                    "folder: isthmus index PATHS --store OTHER --space SPACE"
                )
            space = space or kept
        elif space is None:
            raise ArtifactError(
                f"{folder} holds no store; make one with: isthmus index PATHS --store {folder}"
            )
        backend = open_backend(folder, space.dim, space.views, space.fingerprint)
        with backend.exclusive():
            if not own.is_dir():
                space.save(own)
        return cls(space, backend, folder)

    @classmethod
    def in_memory(cls, space: Space) -> Store:
        """A store that is gone when the program ends."""
        return cls(space, MemoryBackend(space.dim, space.views))

    def plan(
        self,
        paths: Sequence[str | Path],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        retry: bool = False,
        views: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Plan:
        """What :meth:`add` would do; arguments as there."""
        known = self.space.modalities
        wanted = {known[view] for view in self._views(views)} if views else set()
        return plan(
            paths,
            self.backend.files(),
            include=include,
            exclude=exclude,
            retry=retry,
            leave_out=self.folder.resolve() if self.folder else None,
            becomes={v: self.space.view_of(m, views) for v, m in known.items() if m in wanted},
            progress=progress,
        )

    def add(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        retry: bool = False,
        views: str | Sequence[str] = (),
        progress: Progress | None = None,
    ) -> IndexReport:
        """Index files and folders: what is new or changed is read, the rest is left alone.

        Args:
            paths: Files and folders.
            include: Patterns such as ``*.jpg``; a file must match one.
            exclude: Patterns; a file must match none.
            retry: Whether to look again at files that could not be used before.
            views: Views that files may belong to; default: all of the space. Where several views
                read one modality, name the one that is meant.
            progress: Told as work is done.

        Returns:
            What was added, and every file that could not be used with its reason.

        Raises:
            InputError: If a path does not exist.
        """
        some = [paths] if isinstance(paths, str | Path) else paths
        names = (views,) if isinstance(views, str) else tuple(views)
        todo = self.plan(
            some, include=include, exclude=exclude, retry=retry, views=names, progress=progress
        )
        report = index(self.space, self.backend, todo, views=names, progress=progress)
        if report.added or report.gone or report.dropped:
            report.near = near_duplicates(self.backend, report.added, least=NEARLY_ALIKE)
            self.backend.optimize()
        return report

    def search(
        self,
        query: str | Path | Query | None = None,
        *,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        like: str | None = None,
        view: str | Sequence[str] | None = None,
        asked_as: str | Sequence[str] = (),
        k: int = 10,
        where: str | Filter | None = None,
        min_probability: float | None = None,
        readout: Readout = "instance",
        words: bool = True,
        exact: bool = False,
    ) -> Results:
        """Find items by anything.

        Args:
            query: As typed, see :meth:`Query.parse`; a path; or a query made before.
            text: Words, taken as they are.
            image: Path of a picture.
            audio: Path of a recording.
            like: Id of an item of the store.
            view: Only hits of this one, or of these.
            asked_as: Views that the parts of the query belong to; needed where several views of
                the space read one modality.
            k: How many hits.
            where: Filter, such as ``path~"animals/*" and added>2026-01-01``.
            min_probability: Leave out hits below it; None uses the threshold of the space.
            readout: ``"instance"`` for the one that belongs, ``"semantic"`` for what is alike.
            words: Whether items that hold the words of the query are found by them too.
            exact: Look at every row even where an index would be faster.

        Returns:
            Hits, best first; ``nothing`` tells that none of them matches.

        Raises:
            InputError: If the query, the filter or a view cannot be used.
        """
        return search(
            self.space,
            self.backend,
            _query(query, text=text, image=image, audio=audio, like=like),
            views=self._views(view),
            asked_as=(asked_as,) if isinstance(asked_as, str) else asked_as,
            k=k,
            where=parse(where) if isinstance(where, str) else where,
            min_probability=min_probability,
            readout=readout,
            words=words,
            exact=exact,
        )

    def forget(self, paths: Iterable[str | Path] = (), ids: Iterable[str] = ()) -> int:
        """Remove items for good, by the files that hold them or by id; files stay as they are.

        Args:
            paths: Files, or folders whose files are meant.
            ids: Of items.

        Returns:
            How many items were removed.
        """
        roots = [Path(path).expanduser().resolve() for path in paths]
        records = self.backend.files()
        named = [
            record
            for path, record in records.items()
            if any(Path(path).is_relative_to(root) for root in roots)
        ]
        gone = {*ids, *(record.item for record in named if record.item is not None)}
        self.backend.forget_files([p for p, r in records.items() if r in named or r.item in gone])
        return self.backend.delete(gone)

    def failures(self) -> list[FileRecord]:
        """Files that could not be used when they were last looked at."""
        return [each for each in self.backend.files().values() if each.reason and not each.gone]

    def get(self, item: str) -> Entry:
        """What is known of an item.

        Raises:
            InputError: If the store does not hold it.
        """
        found = self.backend.get([item])
        if item not in found:
            raise InputError(f"the store holds no item {item!r}")
        return found[item]

    def item(self, item: str) -> MediaItem:
        """An item of the store with its content.

        Raises:
            InputError: If the store does not hold it.
            MediaError: If its file is gone or now holds something else.
        """
        entry = self.get(item)
        found = item_from_path(Path(entry.source), entry.modality)
        if found.id != content_id(entry.id):
            raise MediaError(
                entry.source,
                "has changed since it was indexed; take it up again with: "
                f"isthmus index {shlex.quote(entry.source)}",
            )
        return replace(found, span=entry.span)

    def explain(
        self,
        query: str | Path | MediaItem,
        item: str | MediaItem,
        *,
        asked_as: str | None = None,
        view: str | None = None,
        seed: int = 0,
    ) -> Explanation:
        """Why an item scores as it does for a query of one term, among those of the store.

        Args:
            query: As in :meth:`search`, or an item.
            item: Id of an item of the store, or an item.
            asked_as: View of the query; needed where several views read its modality.
            view: Of the item, likewise; an item of the store has its own.
            seed: See :func:`isthmus.tasks.retrieval.explain.explain`.

        Raises:
            InputError: If the query has several terms, or one of the two cannot be used.
        """
        asked, query_view = self._side(self._single(query), asked_as)
        found, item_view = self._side(item, view)
        return explain(
            self.space,
            asked,
            query_view,
            found,
            item_view,
            size=self.backend.count().get(item_view),
            seed=seed,
        )

    def _side(self, thing: str | MediaItem, view: str | None) -> tuple[MediaItem, str]:
        """An item, by its id where it is of the store, with its view."""
        if isinstance(thing, str):
            return self.item(thing), self.get(thing).view
        return thing, view or self.space.view_of(thing.modality)

    def _single(self, query: str | Path | MediaItem) -> str | MediaItem:
        """The one thing that a query names: an item, or the id of one of the store."""
        if isinstance(query, MediaItem):
            return query
        terms = _query(query).terms
        if len(terms) > 1:
            raise InputError("one term is explained at a time; explain each part of the query")
        return terms[0].item or terms[0].stored

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Look for damage; ``deep`` reads every row, ``repair`` mends what can be mended."""
        return self.backend.check(deep=deep, repair=repair)

    def status(self) -> dict[str, Any]:
        """How much of what there is."""
        records = self.backend.files().values()
        return {
            "items": dict(self.backend.count()),
            "files": len(records),
            "failed": sum(bool(record.reason) for record in records),
            "gone": sum(record.gone for record in records),
            "space": self.space.fingerprint,
        }

    def close(self) -> None:
        """Let go of files."""
        self.backend.close()

    def __len__(self) -> int:
        return len(self.backend)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _views(self, wanted: str | Sequence[str] | None) -> tuple[str, ...]:
        names = (wanted,) if isinstance(wanted, str) else tuple(wanted or self.space.views)
        if unknown := [name for name in names if name not in self.space.views]:
            raise InputError(
                f"the space has no {unknown[0]!r}; it joins {', '.join(self.space.views)}"
            )
        return names


def _query(query: str | Path | Query | None, **parts: Any) -> Query:
    """One query of what a user handed in."""
    given = {name: value for name, value in parts.items() if value is not None}
    makers = {
        "text": Query.text,
        "image": lambda path: Query.file(path, IMAGE),
        "audio": lambda path: Query.file(path, AUDIO),
        "like": Query.stored,
    }
    queries = [makers[name](value) for name, value in given.items()]
    if isinstance(query, Query):
        queries.append(query)
    elif isinstance(query, Path):
        queries.append(Query.file(query))
    elif query is not None:
        queries.append(Query.parse(query))
    if not queries:
        raise InputError(f"say what to look for: words, {TEXT}=, {IMAGE}=, {AUDIO}= or like=")
    return Query([term for each in queries for term in each.terms])
