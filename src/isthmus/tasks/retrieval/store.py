"""Store: the items of a space on disk; what a search does not need is imported where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from isthmus.core.artifact import DOCUMENT
from isthmus.core.contracts import Progress
from isthmus.core.errors import MediaTooLargeError
from isthmus.core.item import MediaItem
from isthmus.core.lazy import Brought
from isthmus.core.paths import expanded
from isthmus.core.reading import check_own
from isthmus.core.validate import check_kind, several
from isthmus.media.source import item_from_path
from isthmus.prompts.prompt import Prompt
from isthmus.space import Space
from isthmus.space.prompts import Changes
from isthmus.store import Backend, Damage, Entry, FileRecord, MemoryBackend, open_backend
from isthmus.tasks.retrieval.given import no_item, no_store, other_space, paths_given, prompt_given
from isthmus.tasks.retrieval.hits import Results
from isthmus.tasks.retrieval.options import SearchOptions
from isthmus.tasks.retrieval.read_setting import Reading
from isthmus.tasks.retrieval.saved_prompts import SavedPrompts, mark_of
from isthmus.tasks.retrieval.search import search
from isthmus.tasks.retrieval.views import ASK, ITEM, WayOut, item_view, views_meant

if TYPE_CHECKING:
    from PIL.Image import Image

    from isthmus.tasks.retrieval.explain import Explanation
    from isthmus.tasks.retrieval.plan import Plan
    from isthmus.tasks.retrieval.report import Forgotten, IndexReport, StoreStatus

_SPACE = "space"


class Store:
    """Items with their vectors, bound to one space.

    Use :meth:`open`, or :meth:`in_memory` for a store that is gone when the program ends.

    Args:
        space: Whose vectors it holds.
        backend: Where they are kept.
        folder: Where the store lies on disk, if it does.

    Attributes:
        trust: Packages whose encoders it may use.
    """

    recommend = Brought()  # of isthmus.tasks.recommend.stored

    def __init__(self, space: Space, backend: Backend, folder: Path | None = None) -> None:
        self.space, self.backend, self.folder = space, backend, folder
        self._prompts = SavedPrompts(space, None if folder is None else folder / _SPACE)
        self._reading = Reading(folder)
        self.trust: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        folder: str | Path,
        space: Space | str | Path | None = None,
        *,
        trust: str | Sequence[str] = (),
        make: bool = True,
    ) -> Store:
        """Open a store, or make one.

        A store keeps a copy of its space to be searched with; a given one gets its prompts.

        Args:
            folder: Of the store.
            space: Or the folder of one. Needed to make a store; where there is one, it must be of
                the same fingerprint.
            trust: Packages whose encoders the store may use; see :meth:`Space.load`.
            make: False writes nothing: where there is no store, an empty one stands for it.

        Raises:
            ArtifactError: If there is no store and no space was given, or it is damaged.
            FingerprintError: If the store belongs to another space.
        """
        need, example = "its folder first", "Store.open('my-store', space)"
        check_kind(folder, (str, Path), "a store", need=need, example=example)
        named = ""
        if isinstance(space, str | Path):
            named, space = str(space), Space.load(space, trust=trust)
        folder = expanded(folder)
        own = folder / _SPACE
        check_own(own)
        prompts: SavedPrompts | None = None
        if own.is_dir():
            mark = mark_of(own)
            kept = Space.load(own, trust=trust)
            if space is not None and space.fingerprint != kept.fingerprint:
                raise other_space(folder, kept, space, named)
            space = space or kept
            prompts = SavedPrompts(space, own, kept.prompts, mark)
        elif space is None or folder.is_file() or (folder / DOCUMENT).is_file():
            raise no_store(folder)
        backend = open_backend(folder, space.dim, space.views, space.fingerprint, make=make)
        if make and not own.is_dir():
            with backend.exclusive():
                if not own.is_dir():
                    space.save(own)
        made = cls(space, backend, folder)
        made._prompts, made.trust = prompts or made._prompts, several(trust, str)
        return made

    @classmethod
    def in_memory(cls, space: Space) -> Store:
        """A store that is gone when the program ends."""
        return cls(space, MemoryBackend(space.dim, space.views))

    def plan(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        include: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        retry: bool = False,
        views: str | Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Plan:
        """What :meth:`add` would do; arguments as there."""
        from isthmus.tasks.retrieval.plan import plan
        from isthmus.tasks.retrieval.vector_rows import VectorRows

        names = self._views(views) if views else ()
        files = self.backend.files()
        there = self.backend.known(r.item for r in files.values() if r.item is not None)
        return plan(
            paths_given(paths),
            {path: r for path, r in files.items() if r.item is None or r.item in there},
            include=several(include, str),
            exclude=several(exclude, str),
            retry=retry,
            leave_out=self.folder.resolve() if self.folder else None,
            becomes=views_meant(self.space, names),
            vectors=VectorRows(self.space, names),
            progress=progress,
        )

    def add(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        include: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        retry: bool = False,
        views: str | Sequence[str] = (),
        read: str | Sequence[str] | None = None,
        fields: bool = True,
        refresh: bool = False,
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
            read: Words to read in files, too: ``"text"`` that is seen, ``"speech"`` that is heard.
                Later runs do the same; ``[]`` ends that and removes what was read.
            fields: Whether to keep what files say of themselves, such as when and where a picture
                was taken, see :mod:`isthmus.core.fields`.
            refresh: Whether to read that anew for items that are there already.
            progress: Told as work is done.

        Returns:
            What was added, and every file that could not be used with its reason.

        Raises:
            InputError: If a path does not exist, or no view takes the words.
            MissingExtraError: If what reads words is not installed.
        """
        from isthmus.tasks.retrieval.adding import carry_out
        from isthmus.tasks.retrieval.unfinished import RunGiven

        names = several(views, str)
        setting = self._reading.setting.asked(read, self.space, names)
        todo = self.plan(
            paths, include=include, exclude=exclude, retry=retry, views=names, progress=progress
        )
        lists = (todo.roots, several(include, str), several(exclude, str), names, self.trust)
        run = RunGiven.of(*lists, retry=retry, fields=fields, refresh=refresh)
        given = (todo, run, self.space, self.backend, self.folder)
        return carry_out(*given, reading=self._reading, setting=setting, progress=progress)

    def search(
        self,
        query: str | Path | MediaItem | Prompt | Image,
        options: SearchOptions | None = None,
        **changes: object,
    ) -> Results:
        """Find items by anything.

        Args:
            query: As typed, see :meth:`Prompt.parse`; a path; a picture of Pillow; an item; or a
                :class:`isthmus.Prompt`.
            options: How to search.
            **changes: Fields of :class:`SearchOptions`, which count instead of those of
                ``options``: ``k=5, views="image", where="size>1MB"``.

        Returns:
            Hits, best first; ``nothing`` tells that none of them matches.

        Raises:
            InputError: If the query, an option or a view cannot be used.
        """
        chosen = SearchOptions.of(options, **changes)
        self._prompts.look()
        asked = prompt_given(query, self.space.views)
        return search(self.space, self.backend, asked, chosen, self.folder)

    def forget(
        self,
        paths: str | Path | Iterable[str | Path] = (),
        ids: str | Iterable[str] = (),
        *,
        views: str | Sequence[str] = (),
    ) -> Forgotten:
        """Remove items for good, by the files that hold them or by id; files stay as they are.

        An item stays if a file that you did not name holds the same content.

        Args:
            paths: Files, or folders whose files are meant.
            ids: Of items; these are removed whatever files hold them.
            views: Only items of these; where neither paths nor ids are given, all of theirs.

        Returns:
            What was removed, and what another file still holds.

        Raises:
            InputError: If the space has no view of a name.
        """
        from isthmus.tasks.retrieval.forget import forget
        from isthmus.tasks.retrieval.unfinished import forgotten

        roots = [expanded(path).resolve() for path in paths_given(paths)]
        wanted = self._views(views) if views else ()
        done = forget(self.backend, roots, set(several(ids, str)), wanted)
        forgotten(self.folder, self.backend, () if views else roots)
        return done

    def failures(self) -> list[FileRecord]:
        """Files that could not be used when they were last looked at."""
        return [each for each in self.backend.files().values() if each.failed and not each.gone]

    def get(self, item: str) -> Entry:
        """What is known of an item.

        Raises:
            InputError: If the store does not hold it.
        """
        found = self.backend.get([item])
        if item not in found:
            raise no_item(item)
        return found[item]

    def item(self, item: str) -> MediaItem:
        """An item of the store with its content.

        Raises:
            InputError: If the store does not hold it.
            MediaError: If its file is gone or now holds something else.
        """
        from isthmus.tasks.retrieval.contents import content_of

        return content_of(self.get(item))

    def explain(
        self,
        query: str | Path | MediaItem | Prompt | Image,
        item: str | Path | MediaItem,
        *,
        asked_as: str | Sequence[str] = (),
        item_view: str | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Explanation:
        """Why an item scores as it does for a prompt, among those of the store.

        The accounts are of the first part that is looked for; the shares are of all.

        Args:
            query: As in :meth:`search`.
            item: Id of an item of the store; or a path or an item, which need not be in it.
            asked_as: Views of the prompt; needed where several views read its modality.
            item_view: Of the item, likewise; an item of the store has its own.
            seed: See :func:`isthmus.tasks.retrieval.explain.explain`.
            progress: Told as parts are weighed; what it raises ends the explanation.

        Raises:
            InputError: If one of the two cannot be used, or no part is an item.
        """
        from isthmus.tasks.retrieval.explain import explain, explained, passage_meant
        from isthmus.tasks.retrieval.nearest import judging

        self._prompts.look()
        prompt = prompt_given(query, self.space.views)
        term = explained(prompt)
        among = several(asked_as, str)
        asked, query_view = self._side(term.item or term.stored, term.view, ASK, among)
        found, view = self._side(item, item_view, ITEM)
        own = self.get(item) if isinstance(item, str) else None
        if own is None:
            found = passage_meant(self.space, asked, query_view, found, view)
        entry = own or Entry(found.id, view, found.modality, found.source)
        judge = judging(self.space, self.backend.snapshot(), prompt, entry, among)
        sides = (self.space, asked, query_view, found, view)
        try:
            made = explain(*sides, judge=judge, seed=seed, progress=progress)
            return replace(made, stored=made.stored or self.folder is not None)
        except MediaTooLargeError:  # what is that long has spans, of which the best is explained
            if own is None or own.span or not (best := self.search(query, within=own.id, k=1).hits):
                raise
            return self.explain(query, best[0].id, asked_as=asked_as, seed=seed, progress=progress)

    def _side(
        self,
        thing: str | Path | MediaItem,
        view: str | None,
        way_out: WayOut,
        among: Sequence[str] = (),
    ) -> tuple[MediaItem, str]:
        """An item, by its id where it is of the store, with its view."""
        if isinstance(thing, Path):
            thing = item_from_path(expanded(thing))
        if isinstance(thing, str):
            return self.item(thing), self.get(thing).view
        return thing, item_view(self.space, thing, among, named=view, way_out=way_out)

    def save_prompts(self, prompts: Changes, *, overwrite: bool = False) -> None:
        """Save learned prompts in the store's space, or forget them; its vectors stay valid.

        Args:
            prompts: By name; None forgets one. What another process saved is kept.
            overwrite: Whether one may replace another of its name.

        Raises:
            InputError: If a name cannot be one or is taken, or none of it is there to be forgotten.
        """
        self._prompts.save(prompts, self.backend.exclusive(), overwrite=overwrite)

    def check(self, *, deep: bool = False, repair: bool = False) -> list[Damage]:
        """Look for damage; ``repair`` mends what can be mended, ``deep`` reads rows and files."""
        from isthmus.tasks.retrieval.contents import changed_files

        found = list(self.backend.check(deep=deep, repair=repair))
        if deep and all(each.repaired for each in found):
            found += changed_files(self.backend, repair=repair)
        return found

    def status(self) -> StoreStatus:
        """How much of what there is."""
        from isthmus.tasks.retrieval.report import StoreStatus
        from isthmus.tasks.retrieval.unfinished import unfinished

        records, setting = self.backend.files().values(), self._reading.setting
        return StoreStatus(
            dict(self.backend.count()),
            len(records),
            sum(record.failed for record in records),
            sum(record.gone for record in records),
            self.space.fingerprint,
            setting.kinds,
            setting.behind,
            unfinished(self.folder),
        )

    def close(self) -> None:
        """Let go of files."""
        self.backend.close()

    def __len__(self) -> int:
        return self.backend.things

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _views(self, wanted: str | Sequence[str]) -> tuple[str, ...]:
        names = several(wanted, str) or self.space.views
        SearchOptions(views=names).check_views(self.space.views)
        return names
