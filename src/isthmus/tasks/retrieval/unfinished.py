"""Indexing runs that did not finish, noted in the folder of their store."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from isthmus.core.artifact import write_atomically
from isthmus.core.document import from_document
from isthmus.core.errors import ArtifactError
from isthmus.core.reading import read_json
from isthmus.core.wording import count, way
from isthmus.store import Backend
from isthmus.store.opening import INDEXING

_MOST = 8
"""Runs that are noted."""
_SHOWN = 3
"""Paths of a run that are named."""
_REPLACED = "\ufffd"
"""Stands for what is not UTF-8 in a name."""


@dataclass(frozen=True)
class RunGiven:
    """What a run was to index, and how.

    Attributes:
        paths: Files and folders, absolute.
        include: Patterns that files must match.
        exclude: Patterns that they must not match.
        views: That files may belong to; empty for all of the space.
        trust: Packages whose encoders the store may use.
        retry: Whether to look again at files that could not be used before.
        fields: Whether to keep what files say of themselves.
        refresh: Whether to read that anew for items that are there already.
        megapixels: That pictures may have; 0 for the default.
    """

    paths: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    retry: bool = False
    fields: bool = True
    refresh: bool = False
    megapixels: float = 0.0

    @classmethod
    def of(
        cls,
        *parts: Iterable[object],
        retry: bool = False,
        fields: bool = True,
        refresh: bool = False,
    ) -> RunGiven:
        """From the first five parts, in order; what is not UTF-8 in a name is replaced."""
        from isthmus.media import DEFAULT
        from isthmus.pipeline import WORKERS

        most = WORKERS.limits.max_pixels
        megapixels = 0.0 if most == DEFAULT.max_pixels else most / 1e6
        paths, include, exclude, views, trust = (tuple(map(_printable, part)) for part in parts)
        chosen = (include, exclude, views, trust, retry, fields, refresh, megapixels)
        return cls(paths, *chosen)

    def typed(self, store: Path) -> str:
        """What takes the run up again; many paths are left to the user's memory."""
        lists = {"include": self.include, "exclude": self.exclude, "views": self.views}
        python = ["[…]" if self.elided else repr(list(self.paths))]
        python += [f"{name}={list(each)!r}" for name, each in lists.items() if each]
        python += ["retry=True"] * self.retry + ["fields=False"] * (not self.fields)
        python += ["refresh=True"] * self.refresh
        options = ["--store", str(store)]
        for name, values in {**lists, "trust": self.trust}.items():
            options += [word for each in values for word in (f"--{name.removesuffix('s')}", each)]
        options += ["--retry"] * self.retry + ["--no-fields"] * (not self.fields)
        options += ["--refresh-fields"] * self.refresh
        if self.megapixels:
            options += ["--max-megapixels", f"{self.megapixels:.15g}"]
        paths = "…" if self.elided else shlex.join(self.paths)
        shell = f"isthmus index {paths} {shlex.join(options)}"
        typed = way(python=f"store.add({', '.join(python)})", shell=shell, server=shell)
        return f"run the same command again: {typed}" if self.elided else f"go on with: {typed}"

    @property
    def elided(self) -> bool:
        """Whether its paths are too many to be typed, or cannot be."""
        return len(self.paths) > _SHOWN or any(_REPLACED in path for path in self.paths)

    @property
    def there(self) -> RunGiven:
        """The same without paths that are gone."""
        kept = (path for path in self.paths if _REPLACED in path or os.path.lexists(path))
        return replace(self, paths=tuple(kept))

    def outside(self, roots: Iterable[Path]) -> RunGiven:
        """The same without paths that are in some files and folders."""
        from isthmus.tasks.retrieval.plan import Roots

        within = Roots(roots)
        return replace(self, paths=tuple(path for path in self.paths if not within.hold(path)))

    def reads_as(self, other: RunGiven) -> bool:
        """Whether of each file as much is read as in another run."""
        choices = zip(
            (self.include, self.exclude, self.views),
            (other.include, other.exclude, other.views),
            strict=True,
        )
        same = all(not own or set(own) == set(its) for own, its in choices)
        return same and self.refresh >= other.refresh


def _printable(thing: object) -> str:
    return str(thing).encode(errors="surrogateescape").decode(errors="replace")


@dataclass(frozen=True)
class _Note:
    """What the file holds.

    Attributes:
        runs: That have not finished, newest first.
    """

    runs: tuple[RunGiven, ...] = ()


@contextmanager
def under_way(
    folder: Path | None, backend: Backend, run: RunGiven, *, left: bool
) -> Iterator[None]:
    """Note a run in the folder of a store until it has finished.

    Args:
        folder: Of the store; None for one in memory, which keeps no note.
        backend: Of the store.
        run: What is to be indexed.
        left: Whether there are files to be read; else there is nothing to go on with.

    Raises:
        ArtifactError: If there are such files, and the folder cannot be written to.
    """
    if left:
        note(folder, backend, run)
    yield
    finished(folder, backend, run)


def note(folder: Path | None, backend: Backend, run: RunGiven) -> None:
    """Note a run that has not finished.

    Args:
        folder: Of the store; None for one in memory, which keeps no note.
        backend: Of the store.
        run: What is to be indexed.

    Raises:
        ArtifactError: If the folder cannot be written to.
    """
    if folder is not None:
        with backend.exclusive():
            _change(folder, lambda runs: [run, *_left(runs, run)])


def finished(folder: Path | None, backend: Backend, run: RunGiven) -> None:
    """Take a run, and the files of others that it covers, out of the note.

    Args:
        folder: Of the store; None for one in memory.
        backend: Of the store.
        run: What has been indexed.
    """
    if folder is not None and os.path.lexists(folder / INDEXING):
        with suppress(ArtifactError), backend.exclusive():
            _change(folder, lambda runs: _left(runs, run))


def forgotten(folder: Path | None, backend: Backend, roots: Sequence[Path]) -> None:
    """Take files and folders that were forgotten out of the note.

    Args:
        folder: Of the store; None for one in memory.
        backend: Of the store.
        roots: What was forgotten.
    """
    if folder is not None and roots and os.path.lexists(folder / INDEXING):
        with backend.exclusive():
            _change(folder, lambda runs: [run.outside(roots) for run in runs])


def unfinished(folder: Path | None) -> str:
    """Which runs of a store have not finished, and what to type to go on; empty if all have.

    Args:
        folder: Of the store; None for one in memory.
    """
    runs = [] if folder is None else [run.there for run in _noted(folder)]
    left = [run for run in runs if run.paths]
    if folder is None or not left:
        return ""
    run, *others = left
    more = len(run.paths) - _SHOWN
    named = ", ".join(run.paths[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    nor = (
        f", and {count(len(others), 'earlier run has', 'earlier runs have')} not" if others else ""
    )
    return (
        f"indexing of {named} has not finished{nor}. If it is not running any more, "
        f"{run.typed(folder)}"
    )


def _left(runs: Iterable[RunGiven], by: RunGiven) -> list[RunGiven]:
    """Runs without the files that another run covers."""
    return [run.outside(map(Path, by.paths)) if by.reads_as(run) else run for run in runs]


def _noted(folder: Path) -> Sequence[RunGiven]:
    path = folder / INDEXING
    try:
        return from_document(_Note, read_json(path), str(path)).runs
    except (ArtifactError, OSError):  # none has begun, or all have finished, or it is damaged
        return ()


def _change(folder: Path, change: Callable[[Sequence[RunGiven]], Iterable[RunGiven]]) -> None:
    """Change the note; one that cannot be written stops no run."""
    left = tuple(run for run in change(_noted(folder)) if run.paths)[:_MOST]
    with suppress(OSError):
        if left:
            document = json.dumps(asdict(_Note(left)), ensure_ascii=False)
            write_atomically(folder / INDEXING, f"{document}\n".encode())
        else:
            (folder / INDEXING).unlink(missing_ok=True)
