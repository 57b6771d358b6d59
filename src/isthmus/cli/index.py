"""``isthmus index``: files and folders into a store."""

from __future__ import annotations

import ctypes
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isthmus.cli.console import (
    EXIT_PARTLY,
    JSON_OPTION,
    MAX_MEGAPIXELS_OPTION,
    SPACE_OPTION,
    STORE_OPTION,
    TRUST_OPTION,
    allow_megapixels,
    list_left_out,
    list_some,
    out,
    print_json,
    progress_bar,
    rows_of,
    shown,
)
from isthmus.cli.opening import open_store
from isthmus.core.errors import IsthmusError
from isthmus.core.view import TEXT
from isthmus.core.wording import count
from isthmus.media.formats import FORMATS, MODALITIES, SUFFIXES

if TYPE_CHECKING:
    from isthmus.tasks import IndexReport, Store
    from isthmus.tasks.retrieval.plan import Plan

READ = typer.Option(
    None,
    metavar="KINDS",
    help="Also read words in files, and find files by them: 'text' in pictures and videos, "
    "'speech' in recordings and videos, or 'text,speech'. The store remembers it and looks at "
    "files that it knows already, too. 'none' stops that and removes what was read.",
)
FIELDS = typer.Option(
    True,
    "--fields/--no-fields",
    help="Keep what files say of themselves, such as title, date and place, for --where.",
)
REFRESH = typer.Option(
    False,
    "--refresh-fields",
    help="Read it anew for items that the store has already, without encoding them; with "
    "--no-fields, remove it.",
)
VIEW = typer.Option(
    None,
    help="View that the files belong to, where several views read one modality; files of "
    "other modalities are passed over. Repeatable.",
)
_SHOWN = 5
_GONE = "files are gone, and their items are kept and marked"
_M_ARENA_MAX = -8
"""Of ``mallopt`` in glibc."""


def command(
    paths: list[str] = typer.Argument(help="Files and folders."),
    store: Path | None = STORE_OPTION,
    space: str | None = SPACE_OPTION,
    *,
    view: list[str] = VIEW,
    include: list[str] = typer.Option(
        None,
        metavar="PATTERN",
        help="Read only files that match, for example '*.jpg'. Repeatable.",
    ),
    exclude: list[str] = typer.Option(
        None,
        metavar="PATTERN",
        help="Leave out files that match, for example 'thumbnails/*'. Repeatable.",
    ),
    retry: bool = typer.Option(
        False, "--retry", help="Try files again that could not be used before."
    ),
    read: str | None = READ,
    fields: bool = FIELDS,
    refresh_fields: bool = REFRESH,
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what the command would do, and do nothing."
    ),
    watch: bool = typer.Option(
        False, "--watch", help="Keep running and index every change, until Ctrl-C."
    ),
    trust: list[str] = TRUST_OPTION,
    max_megapixels: float | None = MAX_MEGAPIXELS_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Make pictures, sounds and texts in PATHS searchable.

    Files that have not changed are not read again. Your files are never changed. If some files
    cannot be used, the command adds the others and ends with exit code 4.
    """
    _one_arena()
    allow_megapixels(max_megapixels)
    again = retry or max_megapixels is not None  # what was too large may not be, now
    with open_store(store, space, create=True, dry=dry_run, trust=trust) as opened:
        chosen = _Chosen(paths, include or (), exclude or (), view or (), _kinds(read), fields)
        if dry_run:
            _say_plan(chosen.plan(opened, retry=again), as_json)
            return
        report = chosen.add(opened, retry=again, refresh=refresh_fields, quiet=as_json)
        if as_json:
            print_json({"store": str(opened.folder), "items": len(opened), **report.to_json()})
        else:
            _say(report, opened, chosen)
        if watch:
            _follow(opened, chosen, as_json)
    if report.broken:
        raise typer.Exit(EXIT_PARTLY)


@dataclass(frozen=True)
class _Chosen:
    """Which files are meant."""

    paths: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    views: Sequence[str]
    read: Sequence[str] | None
    fields: bool

    def nothing(self) -> str:
        """Why there is no file, as far as what was typed tells."""
        where = ", ".join(self.paths)
        if not (self.include or self.exclude):
            return f"There are no files to index in {where}. Hidden files are ignored."
        asked = [f"--include {shlex.quote(each)}" for each in self.include]
        asked += [f"--exclude {shlex.quote(each)}" for each in self.exclude]
        return (
            f"No file in {where} is left by {' '.join(asked)}. A pattern is a whole name, in which "
            "* stands for any letters: --include '*.png'"
        )

    def plan(self, store: Store, *, retry: bool) -> Plan:
        """What there is to do."""
        return store.plan(
            self.paths,
            include=self.include,
            exclude=self.exclude,
            retry=retry,
            views=self.views,
        )

    def add(
        self, store: Store, *, retry: bool = False, refresh: bool = False, quiet: bool
    ) -> IndexReport:
        """Do it."""
        with progress_bar(quiet=quiet) as progress:
            return store.add(
                self.paths,
                include=self.include,
                exclude=self.exclude,
                retry=retry,
                views=self.views,
                read=self.read,
                fields=self.fields,
                refresh=refresh,
                progress=progress,
            )

    def note_left(self, store: Store) -> None:
        """Note files that changed and were not indexed, as a run that has not finished, if any."""
        from isthmus.tasks.retrieval.unfinished import RunGiven, finished, note

        with suppress(IsthmusError):  # a folder that vanished, a store that cannot be written to
            todo = self.plan(store, retry=False)
            lists = (todo.roots, self.include, self.exclude, self.views, store.trust)
            run = RunGiven.of(*lists, fields=self.fields)
            left = todo.fresh or store.status().reading_left
            (note if left else finished)(store.folder, store.backend, run)


def _kinds(read: str | None) -> list[str] | None:
    """Kinds of words of ``--read``; None where nothing was said.

    Examples:
        >>> _kinds("text, speech"), _kinds("none"), _kinds(None)
        (['text', 'speech'], [], None)
    """
    if read is None or read.strip() == "none":
        return None if read is None else []
    return [kind.strip() for kind in read.split(",")]


def _one_arena() -> None:
    """Let all threads share one heap where the C library is glibc.

    With a heap for each thread, what one frees is seldom used by another: the holes of a run
    over 8,000 files come to 80 MB. What decodes is in child processes, so sharing costs no time.
    """
    with suppress(OSError, TypeError, AttributeError):  # no such library, or another one
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _say(report: IndexReport, store: Store, chosen: _Chosen) -> None:
    """What was done, in words."""
    console = out()
    if report.seen_nothing:
        console.print(shown(chosen.nothing()))
        return
    rate = f" ({_rate(len(report.added) / report.seconds)} a second)" if report.added else ""
    console.print(
        f"Added {count(len(report.added), 'item')} in {report.seconds:.1f} s{rate}; "
        f"{count(report.unchanged, 'file')} unchanged. "
        f"The store now holds {count(len(store), 'item')}."
    )
    if report.passages:
        console.print(f"Read {count(report.passages, 'passage')} of words in files.")
    if (told := report.fields_changed) is not None:
        console.print(f"What files say of themselves changed for {count(told, 'item')}.")
    _list("moved file", [f"{a}  (was {b})" for a, b in report.moved])
    _list(
        "copy of another file", [f"{a}  =  {b}" for a, b in report.copies], "copies of other files"
    )
    _list("near-duplicate", [f"{a}  ≈  {b}  ({c:.3f})" for a, b, c in report.near])
    moved = {old for _, old in report.moved}
    gone = [path for path in report.gone if path not in moved]
    _list("file is gone, and its item is kept and marked", gone, _GONE)
    kinds = report.unsupported_kinds
    views = () if chosen.views else store.space.modalities.values()
    seen = {kind for kind in kinds if MODALITIES.get(kind) in views}
    _list(
        "file is not read",
        [
            f"{each.source}: {each.reason}"
            for each in report.unsupported
            if Path(each.source).suffix.lower() in seen
        ],
        "files are not read",
    )
    for known, whose in ((False, "isthmus does"), (True, "this space does")):
        of = [kind for kind in kinds if kind not in seen and (kind in SUFFIXES) == known]
        some = {kind: kinds[kind] for kind in of}
        if some:
            console.print(
                f"{count(sum(some.values()), 'file has', 'files have')} a format that {whose} not "
                f"read: {', '.join(f'{n} {kind}' for kind, n in some.items())}"
            )
    for modality in () if chosen.views else _unseen(kinds, store):
        console.print(
            f"The space has no view of {modality}. Make one from {modality} files and captions: "
            "isthmus align DATA --out SPACE. Then: isthmus index PATHS --space SPACE --store STORE"
        )
    list_left_out(rows_of(report.broken), show=30)


def _rate(number: float) -> str:
    """A number of which two digits say something.

    Examples:
        >>> _rate(8 / 57.5), _rate(1.25), _rate(0.0203), _rate(1234.5)
        ('0.14', '1.2', '0.02', '1,234')
    """
    return f"{number:,.0f}" if number >= 10 else f"{float(f'{number:.2g}'):g}"


def _unseen(endings: Iterable[str], store: Store) -> list[str]:
    """Modalities of files with such endings that no view of the space reads."""
    known, found = (TEXT, *store.space.modalities.values()), set(endings)
    lost = (each.modality for each in FORMATS.values() if not found.isdisjoint(each.suffixes))
    return [modality for modality in dict.fromkeys(lost) if modality not in known]


def _list(what: str, lines: Sequence[str], plural: str | None = None) -> None:
    list_some(out(), f"{count(len(lines), what, plural)}:", lines, show=_SHOWN)


def _say_plan(todo: Plan, as_json: bool) -> None:
    size = sum(found.size for found in todo.fresh)
    if as_json:
        print_json(
            {
                "fresh": [str(found.path) for found in todo.fresh],
                "bytes": size,
                "unchanged": todo.unchanged,
                "gone": list(todo.gone),
                "skipped": rows_of(todo.skipped),
            }
        )
        return
    out().print(
        f"The command would read {count(len(todo.fresh), 'new or changed file')} "
        f"({size / 1e6:,.1f} MB) and mark {len(todo.gone)} as gone. "
        f"{count(todo.unchanged, 'file is', 'files are')} unchanged. Nothing was written."
    )
    _list("new or changed file", [str(found.path) for found in todo.fresh], "new or changed files")
    list_left_out(rows_of(todo.skipped))


def _follow(store: Store, chosen: _Chosen, as_json: bool) -> None:
    """Index again whenever something changes under the paths."""
    from isthmus.core.extras import require

    watchfiles = require("watchfiles", extra="store", purpose="--watch")
    if not as_json:
        out().print("Watching for changes. Press Ctrl-C to stop.")
    try:
        for _ in watchfiles.watch(*chosen.paths, raise_interrupt=True, debounce=1000):
            report = chosen.add(store, quiet=True)
            if as_json:
                print_json(report.to_json())
            elif report.added or report.gone or report.moved or report.dropped:
                _say(report, store, chosen)
    except KeyboardInterrupt:
        chosen.note_left(store)
        raise
